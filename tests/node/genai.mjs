// A stock live session of @google/genai, with everything around it that tells whether it is content.

import { GoogleGenAI, LiveServerMessage, Modality } from '@google/genai';
import { Microphone } from './sound.mjs';
import { Witness } from './stand.mjs';
import { Stretch } from './stretch.mjs';
import { misfits } from './typed.mjs';

/** The rate of all that is said to it. */
export const SAID_HZ = 16_000;

/** How a turn goes on: content of a kind, and where that leads from each stage; what is not here is out of order. */
const ORDER = {
  modelTurn: { idle: 'speaking', speaking: 'speaking' },
  generationComplete: { idle: 'generated', speaking: 'generated' },
  interrupted: { idle: 'cut', speaking: 'cut', generated: 'cut' },
  turnComplete: { idle: 'idle', speaking: 'idle', generated: 'idle', cut: 'idle' },
};

/** One conversation, over as many connections as it takes. */
export class Talk extends Witness {
  #stage = 'idle';
  #lines = [];

  constructor(name, baseUrl, { apiKey = 'any', apiVersion, vertexai, model = 'gemini-3.8-live', config = {} } = {}) {
    super(name);
    this.messages = [];
    this.times = new WeakMap();
    this.closes = [];
    this.model = model;
    this.config = { responseModalities: [Modality.AUDIO], ...config };
    this.client = new GoogleGenAI({ apiKey, vertexai, httpOptions: { baseUrl, apiVersion } });
  }

  /** Opens a connection; fails where the SDK does. */
  async connect(config = {}) {
    const since = this.now;
    const callbacks = {
      onmessage: (message) => this.#heard(message),
      onerror: ({ message }) => this.problems.push(`error: ${message}`),
      onclose: ({ code, reason }) => {
        this.closes.push({ code, reason });
        this.arrived();
      },
    };
    this.#stage = 'idle';
    this.session = await this.client.live.connect({ model: this.model, config: { ...this.config, ...config }, callbacks });
    const first = Object.keys(this.messages[since]);
    if (String(first) !== 'setupComplete') this.problems.push(`the first message has ${first}`);
  }

  /** Opens a microphone. */
  listen() {
    const mimeType = `audio/pcm;rate=${SAID_HZ}`;
    return new Microphone((frame) => this.session.sendRealtimeInput({ audio: { data: frame.toString('base64'), mimeType } }), SAID_HZ);
  }

  /** Says something in writing, as a turn of its own. */
  write(text) {
    this.#line('user', text);
    this.session.sendClientContent({ turns: text });
  }

  /** Says something in writing, amid whatever goes on. */
  type(text) {
    this.#line('user', text);
    this.session.sendRealtimeInput({ text });
  }

  /** Answers calls; `answer` has what becomes of each. */
  reply(calls, answer) {
    const functionResponses = calls.map(({ id, name, args }) => {
      const answered = answer({ name, args });
      this.#line(name, `${JSON.stringify(args)} -> ${JSON.stringify(answered.response)}`);
      return { id, name, ...answered };
    });
    this.session.sendToolResponse({ functionResponses });
  }

  #heard(message) {
    if (!(message instanceof LiveServerMessage)) this.problems.push('this is no LiveServerMessage');
    this.problems.push(...misfits({ ...message }, 'LiveServerMessage').map((each) => `unreadable: ${each}`));
    this.messages.push(message);
    this.times.set(message, performance.now());
    this.#follow(message.serverContent ?? {});
    for (const { name } of message.toolCall?.functionCalls ?? []) this.#line('calls', name);
    for (const id of message.toolCallCancellation?.ids ?? []) this.#line('takes back', id);
    this.arrived();
  }

  #follow(content) {
    for (const [kind, leads] of Object.entries(ORDER)) {
      if (!content[kind]) continue;
      if (!leads[this.#stage]) this.problems.push(`${kind} comes when a turn is ${this.#stage}`);
      this.#stage = leads[this.#stage] ?? this.#stage;
    }
    const sound = content.modelTurn?.parts.some((each) => each.inlineData) && this.messages.at(-1).data;
    if (sound) this.audio.push({ at: performance.now(), message: this.messages.length - 1, pcm: Buffer.from(sound, 'base64') });
    const words = content.modelTurn && !sound && this.messages.at(-1).text;
    if (words) this.#line('model', words, 'writes');
    if (content.inputTranscription?.text) this.#line('user', content.inputTranscription.text, 'says');
    if (content.outputTranscription?.text) this.#line('model', content.outputTranscription.text, 'says');
    if (content.interrupted) this.#line('model', ' (cut off)', 'says');
    if (content.turnComplete) this.#line();
  }

  /** Notes a line; what somebody `says` in one turn is one line. */
  #line(who, what, how) {
    const last = this.#lines.at(-1);
    if (how && last?.who === who && last.how === how) last.what += what;
    else this.#lines.push({ who, what, how });
  }

  get lines() {
    return this.#lines.filter(({ who }) => who).map(({ who, what }) => [who, what.trim()]);
  }

  get last() {
    return this.messages.slice(-12).map((each) => [...Object.keys(each), ...Object.keys(each.serverContent ?? {})]);
  }

  /** Where the conversation stands, for what comes after. */
  get now() {
    return this.messages.length;
  }

  /** What has come since. */
  since(place) {
    return new Stretch(this, place, this.now);
  }

  /** Waits for the n-th message in which `pick` finds something, and returns that. */
  async message(pick, since = 0, nth = 1, seconds = 30) {
    return await this.until(() => this.since(since).all(pick)[nth - 1], `${pick} number ${nth}`, seconds);
  }

  async firstAudio(since = 0) {
    return await this.until(() => this.audio.find(({ message }) => message >= since), 'audio');
  }

  /** Returns the turns that are over. */
  turns(since = 0) {
    const ends = this.messages.flatMap((each, at) => (each.serverContent?.turnComplete && at >= since ? [at + 1] : []));
    return ends.map((end, n) => new Stretch(this, ends[n - 1] ?? since, end));
  }

  /** Waits for the end of the n-th turn from here, and returns it. */
  async turn(since = 0, nth = 1) {
    return await this.until(() => this.turns(since)[nth - 1], `end of turn ${nth}`, 60);
  }

  /** Waits for the end of a turn in which this is said, and returns it. */
  async answer(words, since = 0) {
    return await this.until(() => this.turns(since).find(({ said }) => said.match(words)), `answer like ${words}`, 60);
  }

  /** Waits for calls, and returns those of the n-th message that has some. */
  async calls(since = 0, nth = 1) {
    return await this.message((each) => each.toolCall?.functionCalls, since, nth);
  }

  /** The newest handle, by which the conversation goes on. */
  get handle() {
    return this.since(0).all((each) => each.sessionResumptionUpdate?.resumable && each.sessionResumptionUpdate.newHandle).at(-1);
  }

  /** Waits for the end of the n-th connection. */
  async closed(nth = 1, seconds = 30) {
    return await this.until(() => this.closes[nth - 1], `end of connection ${nth}`, seconds);
  }

  /** Closes a connection. */
  async leave() {
    const before = this.closes.length;
    this.session.close();
    return await this.closed(before + 1);
  }

  /** Closes, says what there was to hear, and fails on anything that the SDK did not like. */
  async close(folder, sounds = {}, numbers = {}) {
    await this.leave();
    if (this.#stage !== 'idle') this.problems.push(`the last turn is ${this.#stage}`);
    const counts = {};
    for (const each of this.messages.flatMap((message) => Object.keys(message))) counts[each] = (counts[each] ?? 0) + 1;
    this.conclude(folder, sounds, { lines: this.lines, numbers, counts });
  }
}
