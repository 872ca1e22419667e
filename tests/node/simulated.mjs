// node simulated.mjs URL FOLDER: conversations with `s2s simulate openai --script script.json`.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { RealtimeAgent, tool } from '@openai/agents/realtime';
import { z } from 'zod';
import { seconds, tone } from './sound.mjs';
import { run } from './stand.mjs';
import { Conversation } from './witness.mjs';

const [url, folder] = process.argv.slice(2);
const server_vad = {
  audio: {
    input: { turnDetection: { type: 'server_vad', silenceDurationMs: 300, threshold: 0.6 }, transcription: { model: 'any' } },
  },
};

async function scripted() {
  const asked = [];
  const weather = tool({
    name: 'get_weather',
    description: 'Say what the weather is like in a city.',
    parameters: z.object({ city: z.string() }),
    execute: async ({ city }) => {
      asked.push(city);
      await sleep(city === 'Paris' ? 300 : 100);
      return `It is 22 degrees in ${city}.`;
    },
  });
  const expert = new RealtimeAgent({ name: 'expert', instructions: 'Know it all.', handoffDescription: 'Knows it all.' });
  const talk = new Conversation('scripted', { config: server_vad, tools: [weather], handoffs: [expert] });
  await talk.connect(url);
  const set = talk.all('session.updated')[1].session;
  assert.equal(set.audio.input.turn_detection.silence_duration_ms, 300);
  assert.deepEqual(set.tools.map((each) => each.name), ['get_weather', 'transfer_to_expert']);

  talk.session.sendMessage('Hello?');
  await talk.response({ event: 0 });
  await sleep(500); // it has been heard

  const microphone = talk.listen();
  let since = talk.now;
  await microphone.say(tone(800));
  const parallel = await talk.response(since);
  assert.equal(parallel.output.length, 2);
  await talk.response(since, 3); // the SDK asks for a response after each result
  assert.deepEqual(asked, ['Paris', 'Rome']);
  const results = talk.all('conversation.item.done', since).filter((each) => each.item.type === 'function_call_output');
  assert.deepEqual(results.map((each) => each.item.output), ['It is 22 degrees in Rome.', 'It is 22 degrees in Paris.']);

  since = talk.now;
  talk.session.sendMessage('And in Oslo?');
  const both = await talk.response(since);
  assert.deepEqual(both.output.map((each) => each.type), ['message', 'function_call']);
  const two = await talk.response(since, 2);
  assert.equal(two.output.length, 2);

  since = talk.now;
  talk.session.sendMessage('I need an expert.');
  await talk.response(since, 2);
  assert.equal(talk.session.currentAgent.name, 'expert');
  assert.equal(talk.all('session.updated', since).at(-1).session.instructions, 'Know it all.');
  assert.deepEqual(talk.all('session.updated', since).at(-1).session.tools, []);

  since = talk.now;
  talk.session.sendMessage('Talk on.');
  await talk.firstAudio(since);
  await sleep(400);
  await microphone.say(tone(600));
  const stopped = await talk.response(since);
  assert.equal(stopped.status_details?.reason, 'turn_detected');
  const cut = await talk.event('conversation.item.truncated', since);
  assert(cut.audio_end_ms >= 400 && cut.audio_end_ms < 4000, `cut at ${cut.audio_end_ms}`);
  await talk.response(since, 2);

  since = talk.now;
  talk.session.sendMessage('Say it all at once.');
  assert.equal((await talk.response(since)).status, 'completed');
  await microphone.say(tone(600));
  const late = await talk.event('conversation.item.truncated', since);
  const length = seconds(talk.pcm(since)) * 1000;
  assert(late.audio_end_ms < length, `cut at ${late.audio_end_ms} of ${length}`);
  await talk.response(since, 2);
  microphone.off();
  assert.equal(talk.all('conversation.item.truncated').length, 2);

  since = talk.now;
  talk.session.sendMessage('Once more.');
  await talk.firstAudio(since);
  talk.session.interrupt();
  talk.session.sendMessage('And now?');
  const button = await talk.response(since);
  assert.deepEqual([button.status, button.status_details.reason], ['cancelled', 'client_cancelled']);
  const short = await talk.response(since, 2);
  assert.deepEqual([short.status, short.status_details.reason], ['incomplete', 'max_output_tokens']);
  await talk.event('conversation.item.truncated', since);

  since = talk.now;
  const before = talk.lines;
  const first = talk.session.history[0];
  talk.session.updateHistory((items) => [
    { ...first, content: [{ type: 'input_text', text: 'Good evening?' }] },
    ...items.slice(1).filter((each) => each.role !== 'assistant'),
  ]);
  await talk.until(() => talk.said('user')[0] === 'Good evening?', 'the rewritten history');
  talk.session.sendMessage('Good night.');
  await talk.response(since);
  assert.equal(talk.said('assistant').at(-1), 'Good night.');
  await talk.close(folder, {}, { 'tokens of all responses': talk.session.usage.totalTokens }, before);
}

async function written() {
  const talk = new Conversation('scripted-text', { config: { outputModalities: ['text'] } });
  await talk.connect(url);
  talk.session.sendMessage('Hello?');
  await talk.response({ event: 0 });
  assert.deepEqual(talk.said('assistant'), ['Good morning.']);
  assert.equal(talk.audio.length, 0);
  await talk.close(folder);
}

/** What is refused is an error event that names the message that caused it, and the session goes on. */
async function refused() {
  const talk = new Conversation('refused');
  await talk.connect(url);
  talk.transport.sendEvent({ type: 'conversation.item.delete', item_id: 'item_nowhere', event_id: 'mine' });
  const { error } = await talk.event('error');
  assert.deepEqual([error.event_id, error.code], ['mine', 'item_delete_invalid_item_id']);
  assert.equal(talk.problems.splice(0).length, 1);
  talk.events.length = 0;
  talk.session.sendMessage('Hello?');
  await talk.response({ event: 0 });
  await talk.close(folder);
}

await run([scripted, written, refused]);
