// node gemini.mjs URL FOLDER: conversations with `s2s simulate gemini --script gemini.json`.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { ActivityHandling, Behavior, FunctionResponseScheduling, Modality, Type } from '@google/genai';
import { SAID_HZ, Talk } from './genai.mjs';
import { seconds, tone } from './sound.mjs';
import { runTogether, tell } from './stand.mjs';

const [url, folder] = process.argv.slice(2);
const transcribed = { inputAudioTranscription: {}, outputAudioTranscription: {} };
const city = { type: Type.OBJECT, properties: { city: { type: Type.STRING } }, required: ['city'] };
const functionDeclarations = [
  { name: 'get_weather', description: 'Say what the weather is like in a city.', parameters: city },
  { name: 'book_table', description: 'Book a table.', parametersJsonSchema: { type: 'object' }, behavior: Behavior.BLOCKING },
  { name: 'search', description: 'Look for something.', behavior: Behavior.NON_BLOCKING },
];
const weather = ({ args }) => ({ response: { output: `It is 22 degrees in ${args.city}.` } });

async function scripted() {
  const config = { ...transcribed, tools: [{ functionDeclarations }], systemInstruction: 'Answer briefly.', temperature: 0.5 };
  const talk = new Talk('gemini', url, { config });
  await talk.connect();

  talk.write('Hello?');
  const first = await talk.turn();
  const { at } = await talk.firstAudio();
  assert.deepEqual([first.heard, first.said, first.generated], ['', 'Good morning.', true]);
  assert(Math.abs(seconds(first.pcm) - 0.4) < 0.01, 'two words are two tones');
  assert(talk.times.get(first.messages.at(-1)) - at > 350, 'a turn is over when it was played');

  let since = talk.now;
  talk.type('Talk on.');
  await talk.firstAudio(since);
  const microphone = talk.listen();
  await sleep(300);
  await microphone.say(tone(600, SAID_HZ));
  const cut = await talk.turn(since);
  assert.deepEqual([cut.interrupted, cut.generated], [true, false]);
  assert.doesNotMatch(cut.said, /stops it/);
  assert(cut.usage, 'what was said was spent, though nobody heard the end');
  const next = await talk.turn(since, 2);
  assert.deepEqual([talk.since(since).heard, next.said, next.interrupted], ['Stop!', 'All right.', false]);
  const activity = talk.since(since).all((each) => each.voiceActivity?.type);
  assert.deepEqual(activity, ['ACTIVITY_START', 'ACTIVITY_END']);

  since = talk.now;
  await microphone.say(tone(600, SAID_HZ));
  const asked = await talk.calls(since);
  assert.deepEqual(asked.map(({ name, args }) => [name, args]), [['get_weather', { city: 'Paris' }]]);
  assert.equal(talk.since(since).heard, 'What is the weather in Paris?');
  talk.reply(asked, weather);
  await talk.answer('It is 22 degrees in Paris.', since);

  since = talk.now;
  talk.write('And in Rome, and in Oslo?');
  const both = await talk.calls(since);
  const oslo = { city: 'Oslo', days: [1, 2.5], exact: true, unit: null };
  assert.deepEqual(both.map((each) => each.args), [{ city: 'Rome' }, oslo]);
  assert.notEqual(both[0].id, both[1].id);
  talk.reply(both.slice(1), weather);
  await sleep(300);
  assert.equal(talk.since(since).said, 'One moment, please.', 'one of two calls is still open');
  talk.reply(both.slice(0, 1), () => ({ response: { error: 'It is too warm to tell.' } }));
  await talk.answer('It is warm in Rome and cold in Oslo.', since);

  since = talk.now;
  talk.write('Book a table.');
  const booking = await talk.calls(since);
  await microphone.say(tone(600, SAID_HZ));
  const takenBack = await talk.message((each) => each.toolCallCancellation?.ids, since);
  assert.deepEqual([booking[0].id, takenBack], ['held', ['held']]);
  talk.reply(booking, () => ({ response: { output: 'It is booked, but nobody wants to know.' } }));
  await talk.answer('Nothing is booked.', since);

  since = talk.now;
  talk.write('Look for it.');
  const aside = await talk.calls(since);
  await talk.answer('I will look for it.', since);
  since = talk.now;
  await microphone.say(tone(600, SAID_HZ));
  await talk.answer('Well.', since);
  assert.equal(talk.since(since).heard, 'And how are you?');
  assert.deepEqual(talk.since(since).all((each) => each.toolCallCancellation), [], 'it holds nobody up');
  since = talk.now;
  talk.reply(aside, () => ({ response: { output: 'found' }, scheduling: FunctionResponseScheduling.WHEN_IDLE }));
  await talk.answer('Here it is.', since);
  microphone.off();

  since = talk.now;
  talk.session.sendClientContent({ turns: [{ role: 'user', parts: [{ text: 'It is late.' }] }], turnComplete: false });
  await sleep(300);
  assert.equal(talk.now, since, 'it waits for the end of the turn');
  talk.session.sendClientContent({ turnComplete: true });
  const last = await talk.answer('Good night.', since);
  assert(last.usage.totalTokenCount > first.usage.totalTokenCount);
  const tokens = { 'tokens of the first turn': first.usage.totalTokenCount, 'tokens of the last turn': last.usage.totalTokenCount };
  await talk.close(folder, {}, tokens);
}

/** The client says when the user speaks, whatever there is to hear meanwhile. */
async function manual() {
  const config = { ...transcribed, realtimeInputConfig: { automaticActivityDetection: { disabled: true } } };
  const talk = new Talk('gemini-manual', url, { config });
  await talk.connect();
  const microphone = talk.listen();
  await microphone.say(tone(400, SAID_HZ));
  assert.equal(talk.now, 1, 'nobody has said that this is speech');

  talk.session.sendRealtimeInput({ activityStart: {} });
  await microphone.say(tone(400, SAID_HZ));
  await sleep(400);
  assert.equal(talk.now, 1, 'a pause is no end');
  talk.session.sendRealtimeInput({ activityEnd: {} });
  await talk.answer('Good morning.');
  assert.equal(talk.since(0).heard, 'Hello?');

  const since = talk.now;
  talk.write('Talk on.');
  await talk.firstAudio(since);
  await microphone.say(tone(400, SAID_HZ));
  assert(!talk.since(since).interrupted, 'this is no speech either');
  talk.session.sendRealtimeInput({ activityStart: {} });
  assert((await talk.turn(since)).interrupted);
  await microphone.say(tone(400, SAID_HZ));
  talk.session.sendRealtimeInput({ activityEnd: {} });
  await talk.answer('All right.', since);
  microphone.off();
  assert.equal(talk.since(since).heard, 'Stop!');
  await talk.close(folder);
}

/** Words that come while an answer is being played, all of which is there. */
async function late() {
  const talk = new Talk('gemini-late', url, { config: transcribed });
  await talk.connect();
  talk.write('Hello?');
  await talk.turn();
  const since = talk.now;
  talk.write('Talk on.');
  await talk.message((each) => each.serverContent?.generationComplete, since);
  const heard = performance.now() - (await talk.firstAudio(since)).at;
  talk.write('Enough.');
  const whole = await talk.turn(since);
  const length = seconds(whole.pcm) * 1000;
  assert(heard < length, `${heard} of ${length} ms`);
  assert.match(whole.said, /until somebody stops it\.$/);
  assert.deepEqual([whole.generated, whole.interrupted], [true, true]);
  assert.equal((await talk.turn(since, 2)).said, 'All right.');
  await talk.close(folder, {}, { 'ms of the answer': Math.round(length), 'ms that could be heard': Math.round(heard) });
}

/** Nobody interrupts by voice where that was agreed, nor in writing where the model finishes what it says. */
async function patient() {
  const realtimeInputConfig = { activityHandling: ActivityHandling.NO_INTERRUPTION };
  const bySpeech = async (microphone) => await microphone.say(tone(600, SAID_HZ));
  const inWriting = async (_microphone, talk, since) => {
    await talk.message((each) => each.serverContent?.generationComplete, since);
    talk.write('Enough.');
  };
  const talks = [
    ['voice', bySpeech, { config: { ...transcribed, realtimeInputConfig } }],
    ['words', inWriting, { config: transcribed, model: 'gemini-2.5-flash-native-audio-latest' }],
  ].map(([name, interrupt, options]) => heardOut(new Talk(`gemini-patient-${name}`, url, options), interrupt));
  for (const each of await Promise.all(talks)) await each.close(folder);
}

async function heardOut(talk, interrupt) {
  await talk.connect();
  const microphone = talk.listen();
  await microphone.say(tone(600, SAID_HZ));
  await talk.answer('Good morning.');
  const since = talk.now;
  talk.write('Talk on.');
  await talk.firstAudio(since);
  await interrupt(microphone, talk, since);
  const first = await talk.turn(since);
  assert.match(first.said, /until somebody stops it\.$/, talk.name);
  await talk.answer('All right.', since);
  microphone.off();
  assert(!talk.since(0).interrupted);
  return talk;
}

/** A microphone that is muted amid the silence after a question, and what else can be sent. */
async function muted() {
  const talk = new Talk('gemini-muted', url, { config: transcribed });
  await talk.connect();
  const send = (given) => talk.session.sendRealtimeInput(given);
  send({ video: { data: Buffer.from('a picture').toString('base64'), mimeType: 'image/jpeg' } });
  send({ audio: { data: tone(400, SAID_HZ).toString('base64'), mimeType: 'audio/pcm' } });
  send({ audioStreamEnd: true });
  await talk.answer('Good morning.');
  assert.equal(talk.since(0).heard, 'Hello?');
  await talk.close(folder);
}

/** What the service does not take ends the connection, and the reason says why. */
async function refused() {
  const data = tone(40, SAID_HZ).toString('base64');
  const told = [];
  for (const [what, say, why] of [
    ['activity', (session) => session.sendRealtimeInput({ activityStart: {} }), /^Explicit activity control is not supported/],
    [
      'media',
      (session) => session.sendRealtimeInput({ media: { data, mimeType: 'audio/pcm;rate=16000' } }),
      /^realtime_input.media_chunks is deprecated/,
    ],
    ['update', (session) => session.sendContextUpdate({ systemInstruction: 'Be brief.' }), /Unknown name "contextUpdate"/],
  ]) {
    const talk = new Talk('gemini-refused', url);
    await talk.connect();
    say(talk.session);
    const { code, reason } = await talk.closed();
    assert.equal(code, 1007);
    assert.match(reason, why);
    assert.deepEqual(talk.problems, []);
    told.push([what, reason]);
  }
  const talk = new Talk('gemini-refused', url, { config: { responseModalities: [Modality.TEXT] } });
  await assert.rejects(talk.connect(), ({ message }) => /code 1007.*response modalities \(TEXT\)/.test(message));
  told.push(['TEXT', talk.closes[0].reason]);
  tell({ name: 'gemini-refused', lines: told });
}

await runTogether([scripted, manual, late, patient, muted, refused]);
