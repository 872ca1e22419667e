// node gemini_doors.mjs SIMULATED SERVED KEY FOLDER: who is let in by a simulator and by a gateway that ask for a key.

import assert from 'node:assert/strict';
import { Modality } from '@google/genai';
import { Talk } from './genai.mjs';
import { complaints, run, tell } from './stand.mjs';

const [simulated, served, key, folder] = process.argv.slice(2);
const token = `auth_tokens/${key}`;

/** Is let in, and talks. */
async function welcome(name, url, options, warned = []) {
  const talk = new Talk(name, url, options);
  await talk.connect();
  assert.deepEqual(complaints.splice(0), warned);
  talk.write('Hello?');
  await talk.answer('You said: Hello?');
  await talk.close(folder);
}

async function versions() {
  for (const apiVersion of ['v1', 'v1beta', 'v1alpha']) {
    await welcome(`gemini-${apiVersion}`, simulated, { apiKey: key, apiVersion });
  }
}

/** A token that stands for a key: another method, and another place to show it. */
async function withAToken() {
  const warned = 'Warning: Ephemeral token support is experimental and may change in future versions.';
  await welcome('gemini-token', simulated, { apiKey: token, apiVersion: 'v1alpha' }, [warned]);
}

async function refused() {
  const told = [];
  for (const [what, options, wanted] of [
    ['wrong key', { apiKey: 'wrong' }, { code: 1007, reason: 'API key not valid. Please pass a valid API key.' }],
    [
      'no such model',
      { apiKey: key, model: 'gemini-0.1-live' },
      {
        code: 1008,
        reason: 'models/gemini-0.1-live is not found for API version v1, or is not supported for bidiGenerateContent.',
      },
    ],
  ]) {
    const talk = new Talk('gemini-refused', simulated, options);
    await assert.rejects(talk.connect(), ({ message }) => message.includes(`(code ${wanted.code}): ${wanted.reason}`));
    assert.deepEqual(talk.closes, [wanted]);
    assert.deepEqual([...talk.messages, ...talk.problems, ...complaints], []);
    told.push([what, `${wanted.code} ${wanted.reason}`]);
  }
  tell({ name: 'gemini-refused', lines: told });
}

/** A gateway lets nobody in who shows a wrong key, and says so before there is a WebSocket. */
async function atTheGateway() {
  const stranger = new Talk('gemini-gateway', served, { apiKey: 'wrong' });
  await assert.rejects(stranger.connect(), ({ message }) => /401/.test(message));
  assert.match(String(stranger.problems), /401/);
  await welcome('gemini-gateway', served, { apiKey: key });
}

async function written() {
  const talk = new Talk('gemini-written', served, { apiKey: key, config: { responseModalities: [Modality.TEXT] } });
  await talk.connect();
  talk.write('Hello?');
  const turn = await talk.turn();
  assert.equal(turn.all((each) => each.text).join(''), 'You said: Hello?');
  assert.deepEqual([turn.pcm.length, turn.said], [0, '']);
  await talk.close(folder);
}

await run([versions, withAToken, refused, atTheGateway, written]);
