// node gemini_generations.mjs URL FOLDER: one question to each generation of models, at both of Google's services.

import assert from 'node:assert/strict';
import { ThinkingLevel } from '@google/genai';
import { SAID_HZ, Talk } from './genai.mjs';
import { tone } from './sound.mjs';
import { run } from './stand.mjs';

const [url, folder] = process.argv.slice(2);
const get_weather = { name: 'get_weather', description: 'Say what the weather is like.' };
const config = { inputAudioTranscription: {}, outputAudioTranscription: {}, tools: [{ functionDeclarations: [get_weather] }] };
const GENERATIONS = [
  ['gemini-2.5-flash-native-audio-latest', {}],
  ['gemini-3.1-flash-live-preview', {}],
  ['gemini-3.8-live', {}],
  ['gemini-3.8-live-extended-thinking', { config: { ...config, thinkingConfig: { thinkingLevel: ThinkingLevel.LOW } } }],
  ['gemini-live-2.5-flash', { vertexai: true }],
  ['gemini-live-2.5-flash-native-audio', { vertexai: true }],
  ['gemini-3.8-live', { vertexai: true, update: { systemInstruction: 'Answer briefly.' } }],
];

async function ask(model, { update, ...options }) {
  const talk = new Talk(`${options.vertexai ? 'vertex' : 'developer'}-${model}`, url, { model, config, ...options });
  await talk.connect();
  if (update) talk.session.sendContextUpdate(update);
  const microphone = talk.listen();
  await microphone.say(tone(400, SAID_HZ));
  talk.reply(await talk.calls(), () => ({ response: { output: '22 degrees' } }));
  await talk.answer('It is 22 degrees.');
  microphone.off();
  assert.equal(talk.since(0).heard.trim(), 'What is the weather in Paris?');
  talk.write('And in Rome?');
  const last = await talk.answer('This one is cut');
  assert.equal(last.all((each) => each.serverContent?.turnCompleteReason).length, 1);
  const started = talk.since(0).all((each) => each.setupComplete?.sessionId);
  assert.equal(started.length, options.vertexai ? 1 : 0);
  return talk;
}

async function generations() {
  for (const each of await Promise.all(GENERATIONS.map((generation) => ask(...generation)))) await each.close(folder);
}

await run([generations]);
