// node replay.mjs FILE: a stock session reads all that our server can say, one message a line, from no server.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { OpenAIRealtimeWebSocket, tool } from '@openai/agents/realtime';
import { z } from 'zod';
import { complaints, run, tell } from './stand.mjs';
import { Conversation, dislikes, known } from './witness.mjs';

const messages = readFileSync(process.argv[2], 'utf8').trim().split('\n');

/** A socket whose server says what it is told to. */
class Played extends EventTarget {
  sent = [];
  send(message) {
    this.sent.push(JSON.parse(message).type);
  }
  close() {
    this.dispatchEvent(new Event('close'));
  }
  say(data) {
    this.dispatchEvent(Object.assign(new Event('message'), { data }));
  }
}

async function replayed() {
  const socket = new Played();
  const transport = new OpenAIRealtimeWebSocket({ createWebSocket: async () => socket, skipOpenEventListeners: true });
  const nothing = { parameters: z.object({}), description: '', execute: () => 'noon' };
  const tools = ['get_time', 'get_date'].map((name) => tool({ name, ...nothing }));
  const talk = new Conversation('replayed', { transport, tools });
  await talk.session.connect({ apiKey: 'any', url: 'ws://nowhere.invalid' });
  const problems = [];
  const types = new Set();
  for (const message of messages) {
    const event = JSON.parse(message);
    types.add(event.type);
    const dislike = dislikes(event);
    if (dislike) problems.push(dislike);
    socket.say(message);
    await new Promise(setImmediate);
    problems.push(...complaints.splice(0).map((each) => `${event.type}: ${each}`));
  }
  const errors = messages.filter((each) => JSON.parse(each).type === 'error').length;
  const told = talk.problems.filter((each) => each.startsWith('error: {"type":"error"')).length;
  problems.push(...talk.problems.filter((each) => !each.startsWith('error: {"type":"error"')));
  assert.equal(told, errors, 'every error event is told, and nothing else is an error');
  const unknown = [...types].filter((each) => !known(each));
  const numbers = { messages: messages.length, types: types.size, 'error events': errors };
  tell({ name: 'replayed', lines: talk.lines, numbers, problems, unknown, types: [...types] });
  assert.deepEqual(problems, []);
}

await run([replayed]);
