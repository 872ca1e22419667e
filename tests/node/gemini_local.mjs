// node gemini_local.mjs URL FOLDER: conversations of Google's SDK with the local engine, which really listens and speaks.
// FOLDER has time.wav, move.wav and again.wav, PCM16 mono at 16,000 Hz; the answers are put there, at 24,000 Hz.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Type } from '@google/genai';
import { SAID_HZ, Talk } from './genai.mjs';
import { quietMs, speech } from './sound.mjs';
import { run } from './stand.mjs';

const [url, folder] = process.argv.slice(2);
const transcribed = { inputAudioTranscription: {}, outputAudioTranscription: {} };
const spoken = (name) => speech(join(folder, `${name}.wav`), SAID_HZ);

async function tools() {
  const parameters = {
    type: Type.OBJECT,
    properties: {
      direction: { type: Type.STRING, enum: ['forward', 'backward', 'left', 'right'], description: 'where to go' },
      distance: { type: Type.NUMBER, description: 'how far' },
      unit: { type: Type.STRING, enum: ['meters', 'feet', 'steps'] },
    },
    required: ['direction', 'distance', 'unit'],
  };
  const move = { name: 'move', description: 'Move the robot.', parameters };
  const talk = new Talk('gemini-tools', url, { config: { ...transcribed, tools: [{ functionDeclarations: [move] }] } });
  await talk.connect();
  const microphone = talk.listen();
  const question = spoken('move');
  const voiced = (await microphone.say(question)) - quietMs(question, SAID_HZ);
  const calls = await talk.calls();
  const called = performance.now() - voiced;
  assert.deepEqual(calls.map(({ name, args }) => [name, args]), [['move', { direction: 'forward', distance: 10, unit: 'meters' }]]);
  assert.match(talk.since(0).heard, /forward/i);
  await sleep(200);
  const since = talk.now;
  talk.reply(calls, () => ({ response: { output: 'The robot arrived. The battery is at 84 percent.' } }));
  const { pcm } = await talk.answer(/84/, since);
  microphone.off();
  await talk.close(folder, { moved: pcm }, { 'ms from the last voiced sample to the call': Math.round(called) });
}

/** The client says when the user speaks, and the question is answered at once. */
async function manual() {
  const config = { ...transcribed, realtimeInputConfig: { automaticActivityDetection: { disabled: true } } };
  const talk = new Talk('gemini-by-hand', url, { config });
  await talk.connect();
  const microphone = talk.listen();
  talk.session.sendRealtimeInput({ activityStart: {} });
  const said = await microphone.say(spoken('time'));
  talk.session.sendRealtimeInput({ activityEnd: {} });
  const first = await talk.firstAudio();
  await talk.answer(/It is \d/);
  microphone.off();
  assert.match(talk.since(0).heard, /time/i);
  await talk.close(folder, {}, { 'ms from the end of the activity to the first audio': Math.round(first.at - said) });
}

async function bargedIn() {
  const talk = new Talk('gemini-barged-in', url, { config: transcribed });
  await talk.connect();
  const microphone = talk.listen();
  talk.write('Tell me a story.');
  await talk.firstAudio();
  await sleep(2500);
  await microphone.say(spoken('again'));
  assert((await talk.turn()).interrupted);
  const { said, pcm } = await talk.turn(0, 2);
  microphone.off();
  assert.match(said, /^On a small/);
  assert(said.length < 120, `the engine thinks that all of this was heard: ${said}`);
  await talk.close(folder, { after: pcm });
}

async function resumed() {
  const talk = new Talk('gemini-kept', url, { config: { ...transcribed, sessionResumption: {} } });
  await talk.connect();
  talk.write('What is six times seven?');
  await talk.answer(/42/);
  const { handle } = talk;
  await talk.leave();
  const since = talk.now;
  await talk.connect({ sessionResumption: { handle } });
  talk.write('What did you just say?');
  const { pcm } = await talk.answer(/42/, since);
  await talk.close(folder, { after: pcm });
}

await run([tools, manual, bargedIn, resumed]);
