// node local.mjs URL FOLDER: conversations with the local engine, which really listens and speaks.
// FOLDER has time.wav, move.wav and again.wav, PCM16 mono at 24,000 Hz; the answers are put there.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tool } from '@openai/agents/realtime';
import { z } from 'zod';
import { quietMs, seconds, speech } from './sound.mjs';
import { run } from './stand.mjs';
import { Conversation } from './witness.mjs';

const [url, folder] = process.argv.slice(2);
const server_vad = { audio: { input: { turnDetection: { type: 'server_vad' }, transcription: { model: 'any' } } } };

async function typed() {
  const talk = new Conversation('typed');
  await talk.connect(url);
  talk.session.sendMessage('What is two plus two?');
  const answer = await talk.response(talk.now);
  assert.equal(answer.status, 'completed');
  assert.match(talk.said('assistant')[0], /\b4\b/);
  assert.match(talk.transport.connectionState.status, /connected/);
  assert(talk.session.usage.inputTokens >= 0);
  await talk.close(folder);
}

async function written() {
  const talk = new Conversation('written', { config: { outputModalities: ['text'] } });
  await talk.connect(url);
  talk.session.sendMessage('What is six times seven?');
  await talk.response(talk.now);
  assert.match(talk.said('assistant')[0], /42/);
  assert.equal(talk.audio.length, 0);
  await talk.close(folder);
}

async function spoken() {
  const talk = new Conversation('spoken', { config: server_vad });
  await talk.connect(url);
  const microphone = talk.listen();
  const question = speech(join(folder, 'time.wav'));
  const voiced = (await microphone.say(question)) - quietMs(question);
  const first = await talk.firstAudio({ audio: 0 });
  await talk.response({ event: 0 });
  microphone.off();
  await talk.event('conversation.item.retrieved');
  assert.match(talk.said('user')[0], /time/i);
  assert.match(talk.said('assistant')[0], /It is \d/);
  assert.equal(talk.interruptions.length, 0);
  await talk.close(folder, {}, { 'ms from the last voiced sample to the first audio': Math.round(first.at - voiced) });
}

async function tools() {
  const moves = [];
  const move = tool({
    name: 'move',
    description: 'Move the robot.',
    parameters: z.object({
      direction: z.enum(['forward', 'backward', 'left', 'right']).describe('where to go'),
      distance: z.number().describe('how far'),
      unit: z.enum(['meters', 'feet', 'steps']),
    }),
    execute: async (asked) => {
      await sleep(200);
      moves.push(asked);
      return 'The robot arrived. The battery is at 84 percent.';
    },
  });
  const weather = tool({
    name: 'get_weather',
    description: 'Say what the weather is like in a city.',
    strict: true,
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' } },
      required: ['city'],
      additionalProperties: false,
    },
    execute: ({ city }) => `It is 22 degrees in ${city}.`,
  });
  const talk = new Conversation('tools', { tools: [move, weather] }); // and semantic_vad, which is the SDK's own choice
  await talk.connect(url);
  const microphone = talk.listen();
  await microphone.say(speech(join(folder, 'move.wav')));
  const called = await talk.response({ event: 0 });
  assert.deepEqual(called.output.map((each) => each.type), ['function_call']);
  await talk.response({ event: 0 }, 2);
  assert.deepEqual(moves, [{ direction: 'forward', distance: 10, unit: 'meters' }]);
  const moved = talk.pcm();
  const since = talk.now;
  talk.session.sendMessage('What is the weather in Paris?');
  await talk.response(since, 2);
  microphone.off();
  assert.match(talk.said('assistant').at(-1), /22 degrees in Paris/);
  await talk.close(folder, { moved, weather: talk.pcm(since) });
}

async function bargedIn() {
  const talk = new Conversation('barged-in', { config: server_vad });
  await talk.connect(url);
  const microphone = talk.listen();
  talk.session.sendMessage('Tell me a story.');
  const first = await talk.firstAudio({ audio: 0 });
  await sleep(2500);
  await microphone.say(speech(join(folder, 'again.wav')));
  await talk.until(() => talk.interruptions.length, 'audio_interrupted');
  const cut = await talk.response({ event: 0 });
  assert.equal(cut.status, 'cancelled');
  assert.equal(cut.status_details.reason, 'turn_detected');
  const truncated = await talk.event('conversation.item.truncated');
  const heard = talk.interruptions[0] - first.at;
  assert(Math.abs(truncated.audio_end_ms - heard) < 50, `cut at ${truncated.audio_end_ms}, heard ${heard} ms`);
  assert.equal((await talk.event('conversation.item.retrieved')).item.content[0].transcript, undefined);
  const before = { event: 0, audio: talk.audio.filter((each) => each.at < talk.interruptions[0]).length };
  await talk.response({ event: 0 }, 2);
  microphone.off();
  const repeated = talk.said('assistant').at(-1);
  assert.match(repeated, /^On a small/);
  assert(repeated.length < 120, `the engine thinks that all of this was heard: ${repeated}`);
  assert.equal(talk.interruptions.length, 1);
  const order = talk.events.map((each) => each.type);
  assert(order.indexOf('input_audio_buffer.speech_started') < order.indexOf('response.output_audio.done'));
  await talk.close(folder, { after: talk.pcm(before) });
}

/** Speech that comes when all of the answer is there, but not all of it was played. */
async function bargedInLate() {
  const talk = new Conversation('barged-in-late', { config: server_vad });
  await talk.connect(url);
  const microphone = talk.listen();
  talk.session.sendMessage('Count from one to nine.');
  const first = await talk.firstAudio({ audio: 0 });
  const whole = await talk.response({ event: 0 });
  assert.equal(whole.status, 'completed');
  const length = seconds(talk.pcm()) * 1000;
  const since = talk.now;
  await microphone.say(speech(join(folder, 'again.wav')).subarray(0, 24_000));
  await talk.until(() => talk.interruptions.length, 'audio_interrupted');
  const heard = talk.interruptions[0] - first.at;
  if (heard < length) {
    const truncated = await talk.event('conversation.item.truncated');
    assert(Math.abs(truncated.audio_end_ms - heard) < 50);
  }
  await talk.response(since);
  microphone.off();
  await talk.close(folder, {}, { 'ms heard': Math.round(heard), 'ms of the answer': Math.round(length) });
}

async function interrupted() {
  const talk = new Conversation('interrupted');
  await talk.connect(url);
  talk.session.sendMessage('Tell me a story.');
  await talk.firstAudio({ audio: 0 });
  await sleep(1200);
  talk.session.interrupt();
  const cut = await talk.response({ event: 0 });
  assert.equal(cut.status, 'cancelled');
  assert.equal(cut.status_details.reason, 'client_cancelled');
  const truncated = await talk.event('conversation.item.truncated');
  assert(truncated.audio_end_ms >= 1100 && truncated.audio_end_ms < 2500, `cut at ${truncated.audio_end_ms}`);
  assert.equal((await talk.event('conversation.item.retrieved')).item.content[0].transcript, undefined);
  const quiet = talk.now;
  await sleep(500);
  assert.equal(talk.audio.length, quiet.audio);

  talk.session.sendMessage('Tell me a story.');
  talk.transport.sendEvent({ type: 'response.cancel' });
  assert.equal((await talk.response(quiet)).status, 'cancelled');
  assert.equal(talk.audio.length, quiet.audio);

  const since = talk.now;
  talk.session.sendMessage('What is six times seven?');
  assert.equal((await talk.response(since)).status, 'completed');
  assert.match(talk.said('assistant').at(-1), /42/);
  await talk.close(folder, { after: talk.pcm(since) });
}

await run([typed, written, spoken, tools, bargedIn, bargedInLate, interrupted]);
