// node doors.mjs URL KEY FOLDER: who is let in by `s2s serve --key KEY`, and how browsers show a key.

import assert from 'node:assert/strict';
import { OpenAIRealtimeWebSocket } from '@openai/agents/realtime';
import WebSocket from 'ws';
import { complaints, run, tell } from './stand.mjs';
import { Conversation } from './witness.mjs';

const [url, key, folder] = process.argv.slice(2);

/** Knocks and returns what came of it: the subprotocol that was chosen and the first message, or a status. */
function knock(protocols, headers = {}) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, protocols, { headers, handshakeTimeout: 5000 });
    socket.on('message', (first) => {
      resolve({ status: 101, chosen: socket.protocol, first: JSON.parse(first).type });
      socket.close();
    });
    socket.on('unexpected-response', (_request, response) => {
      let body = '';
      response.on('data', (piece) => (body += piece));
      response.on('end', () => resolve({ status: response.statusCode, code: JSON.parse(body).error.code }));
    });
    socket.on('error', reject);
  });
}

async function knocking() {
  const insecure = `openai-insecure-api-key.${key}`;
  const open = { status: 101, chosen: 'realtime', first: 'session.created' };
  const shut = { status: 401, code: 'invalid_api_key' };
  assert.deepEqual(await knock(['realtime', insecure]), open);
  assert.deepEqual(await knock(['realtime', insecure, 'openai-agents-sdk.0.20.0']), open);
  assert.deepEqual(await knock([insecure, 'realtime']), open);
  assert.deepEqual(await knock(['realtime', `${insecure}x`]), shut);
  assert.deepEqual(await knock(['realtime']), shut);
  assert.deepEqual(await knock([]), shut);
  assert.deepEqual(await knock([], { Authorization: `Bearer ${key}` }), { ...open, chosen: '' });
  assert.deepEqual(await knock([], { Authorization: 'Bearer wrong' }), shut);
  tell({ name: 'knocking', numbers: { 'ways to knock': 8 } });
}

/** The way of the SDK in a browser: the key among the subprotocols, and no header. */
async function likeABrowser() {
  const createWebSocket = async ({ url, apiKey }) =>
    new WebSocket(url, ['realtime', `openai-insecure-api-key.${apiKey}`, 'openai-agents-sdk.0.20.0']);
  const talk = new Conversation('like-a-browser', { transport: new OpenAIRealtimeWebSocket({ createWebSocket }) });
  await talk.connect(url, key);
  assert.equal(talk.transport.connectionState.websocket.protocol, 'realtime');
  talk.session.sendMessage('Hello?');
  await talk.response({ event: 0 });
  assert.deepEqual(talk.said('assistant'), ['You said: Hello?']);
  await talk.close(folder);
}

async function withAHeader() {
  const talk = new Conversation('with-a-header');
  await talk.connect(url, key);
  talk.session.sendMessage('Hello?');
  await talk.response({ event: 0 });
  await talk.close(folder);
}

async function withAWrongKey() {
  const talk = new Conversation('with-a-wrong-key');
  await assert.rejects(talk.session.connect({ apiKey: 'wrong', url }), ({ message }) => /401/.test(message));
  assert.equal(talk.transport.status, 'disconnected');
  assert.deepEqual(complaints.splice(0), []);
  tell({ name: 'with-a-wrong-key', numbers: { 'HTTP status': 401 } });
}

await run([knocking, likeABrowser, withAHeader, withAWrongKey]);
