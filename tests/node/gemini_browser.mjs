// node --conditions=browser --experimental-websocket gemini_browser.mjs URL KEY FOLDER: Google's own build for browsers,
// with the WebSocket of the web's standard, to which messages come as Blobs.

import assert from 'node:assert/strict';
import { Talk } from './genai.mjs';
import { run } from './stand.mjs';

const [url, key, folder] = process.argv.slice(2);

async function inABrowser() {
  const talk = new Talk('gemini-browser', url, { apiKey: key });
  await talk.connect();
  assert.equal(talk.session.conn.ws.constructor, globalThis.WebSocket);
  talk.write('Hello?');
  const { pcm } = await talk.answer('You said: Hello?');
  assert(pcm.length);
  await talk.close(folder);
}

await run([inABrowser]);
