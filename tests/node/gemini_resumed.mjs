// node gemini_resumed.mjs URL FOLDER: a conversation that outlives its connections, which last three seconds here.

import assert from 'node:assert/strict';
import { Talk } from './genai.mjs';
import { runTogether, tell } from './stand.mjs';

const [url, folder] = process.argv.slice(2);
const tools = [{ functionDeclarations: [{ name: 'get_weather', description: 'Say what the weather is like.' }] }];

async function resumed() {
  const talk = new Talk('gemini-resumed', url, { config: { outputAudioTranscription: {}, tools } });
  await talk.connect({ sessionResumption: {} });
  const early = await talk.message((each) => each.sessionResumptionUpdate?.newHandle);
  talk.write('Hello?');
  await talk.answer('The first answer.');
  await talk.until(() => talk.handle !== early, 'a handle for what was said');
  const { timeLeft } = await talk.message((each) => each.goAway);
  assert.equal(timeLeft, '1.5s');
  await talk.leave();

  let since = talk.now;
  await talk.connect({ sessionResumption: { handle: talk.handle } });
  talk.write('And then?');
  await talk.answer('The second answer.', since);
  await talk.message((each) => each.goAway, since);
  assert.deepEqual(await talk.closed(2), { code: 1011, reason: 'Deadline expired before operation could complete.' });

  since = talk.now;
  await talk.connect({ sessionResumption: { handle: talk.handle } }); // though nobody took leave
  talk.write('What is the weather?');
  const calls = await talk.calls(since);
  await talk.message((each) => each.sessionResumptionUpdate?.newHandle, since);
  await talk.leave();

  since = talk.now;
  await talk.connect({ sessionResumption: { handle: talk.handle } });
  talk.reply(calls, () => ({ response: { output: '22 degrees' } }));
  await talk.answer('It is 22 degrees.', since);
  await talk.close(folder, {}, { connections: 4 });
}

/** A handle that is none, and one whose connection is still open. */
async function inVain() {
  const talk = new Talk('gemini-in-vain', url);
  await talk.connect({ sessionResumption: {} });
  await talk.message((each) => each.sessionResumptionUpdate?.newHandle);
  const told = [];
  for (const [what, handle, wanted] of [
    ['no handle', 'nothing', /code 1008.*Requested entity was not found\./],
    ['still open', talk.handle, /code 1011.*Internal error encountered\./],
  ]) {
    const other = new Talk('gemini-in-vain', url);
    await assert.rejects(other.connect({ sessionResumption: { handle } }), ({ message }) => wanted.test(message));
    told.push([what, `${other.closes[0].code} ${other.closes[0].reason}`]);
  }
  await talk.leave();
  tell({ name: 'gemini-in-vain', lines: told });
}

await runTogether([resumed, inVain]);
