// node --conditions=browser --experimental-websocket browser.mjs URL KEY FOLDER: the SDK's own build for browsers,
// with the WebSocket of the web's standard in place of the package ws.

import assert from 'node:assert/strict';
import { OpenAIRealtimeWebSocket } from '@openai/agents/realtime';
import { run } from './stand.mjs';
import { Conversation } from './witness.mjs';

const [url, key, folder] = process.argv.slice(2);

async function inABrowser() {
  const transport = new OpenAIRealtimeWebSocket({ useInsecureApiKey: true });
  const talk = new Conversation('browser-build', { transport });
  await talk.connect(url, key);
  const socket = talk.transport.connectionState.websocket;
  assert.deepEqual([socket.constructor, socket.protocol], [globalThis.WebSocket, 'realtime']);
  talk.session.sendMessage('Hello?');
  await talk.response({ event: 0 });
  assert.deepEqual(talk.said('assistant'), ['You said: Hello?']);
  await talk.close(folder);
}

await run([inABrowser]);
