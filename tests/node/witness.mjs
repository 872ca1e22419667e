// A stock RealtimeSession, with everything around it that tells whether it is content.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RealtimeAgent, RealtimeSession } from '@openai/agents/realtime';
import { realtimeServerEventSchema } from './node_modules/@openai/agents-realtime/dist/openaiRealtimeEvents.mjs';

export const HZ = 24_000;
const FRAME_MS = 40;
const KNOWN = new Map(realtimeServerEventSchema.options.map((each) => [each.shape.type.value, each]));

/** What the SDK says of what it did not like; it throws while it reads, or writes to the console. */
export const complaints = [];
for (const kind of ['warn', 'error']) console[kind] = (...args) => complaints.push(args.map(String).join(' '));
for (const kind of ['uncaughtException', 'unhandledRejection']) process.on(kind, (e) => complaints.push(`${kind}: ${e?.stack ?? e}`));

/** Returns what the SDK's schema has against an event, which the SDK itself would leave aside in silence. */
export function dislikes(event) {
  const schema = KNOWN.get(event.type);
  const read = schema?.safeParse(event);
  return read && !read.success ? `${event.type}: ${JSON.stringify(read.error.issues)}` : undefined;
}

export function known(type) {
  return KNOWN.has(type);
}

export function tell(fact) {
  process.stdout.write(`${JSON.stringify(fact)}\n`);
}

/** One conversation over one connection. */
export class Conversation {
  constructor(name, { tools = [], config = {}, transport = 'websocket', handoffs = [] } = {}) {
    this.name = name;
    this.events = [];
    this.audio = [];
    this.interruptions = [];
    this.problems = [];
    this.waiters = new Set();
    this.agent = new RealtimeAgent({ name: 'witness', instructions: 'Answer briefly.', tools, handoffs });
    this.session = new RealtimeSession(this.agent, { transport, config, workflowName: 'a witness' });
    this.session.on('transport_event', (event) => this.#heard(event));
    this.session.on('audio', ({ data }) => this.audio.push({ at: performance.now(), pcm: Buffer.from(data) }));
    this.session.on('audio_interrupted', () => this.interruptions.push(performance.now()));
    this.session.on('error', ({ error }) => this.problems.push(`error: ${error?.stack ?? JSON.stringify(error)}`));
    this.transport = this.session.transport;
  }

  async connect(url, apiKey = 'any') {
    await this.session.connect({ apiKey, url, model: 'witnessed' });
    await this.event('session.updated', { event: 0 }, 2); // of the session, and of its tracing
  }

  #heard(event) {
    const dislike = dislikes(event);
    if (dislike) this.problems.push(`unreadable: ${dislike}`);
    this.events.push({ ...event, at: performance.now() });
    for (const look of [...this.waiters]) look();
  }

  /** Where the conversation stands, for what comes after. */
  get now() {
    return { event: this.events.length, audio: this.audio.length };
  }

  all(type, since = { event: 0 }) {
    return this.events.slice(since.event).filter((each) => each.type === type);
  }

  /** Waits for the n-th event of a type. */
  async event(type, since = { event: 0 }, nth = 1, seconds = 30) {
    return await this.until(() => this.all(type, since)[nth - 1], `${type} number ${nth}`, seconds);
  }

  async until(found, what, seconds = 30) {
    const ends = performance.now() + seconds * 1000;
    for (;;) {
      const value = found();
      if (value) return value;
      const troubles = [...this.problems, ...complaints];
      assert(!troubles.length, troubles.join('\n'));
      const left = ends - performance.now();
      const last = this.events.slice(-12).map((each) => each.type);
      assert(left > 0, `no ${what} within ${seconds} s; last: ${last}`);
      let look;
      await Promise.race([new Promise((resolve) => this.waiters.add((look = resolve))), sleep(Math.min(left, 100))]);
      this.waiters.delete(look);
    }
  }

  /** Waits for the end of the n-th response from here, and returns it. */
  async response(since, nth = 1, seconds = 60) {
    return (await this.event('response.done', since, nth, seconds)).response;
  }

  async firstAudio(since) {
    return await this.until(() => this.audio[since.audio], 'audio');
  }

  pcm(since = { audio: 0 }) {
    return Buffer.concat(this.audio.slice(since.audio).map((each) => each.pcm));
  }

  /** Who said what, as the session's own history has it. */
  get lines() {
    return this.session.history.map((item) => {
      if (item.type === 'function_call') return [item.name, `${item.arguments} -> ${item.output}`];
      const said = item.content.map((each) => each.text ?? each.transcript ?? '(...)').join(' ');
      return [item.role, item.status === 'incomplete' ? `${said} (cut off)` : said];
    });
  }

  said(role) {
    return this.lines.filter(([who]) => who === role).map(([, what]) => what);
  }

  /** Closes, says what there was to hear, and fails on anything that the SDK did not like. */
  async close(folder, sounds = {}, numbers = {}, lines = this.lines) {
    const closed = new Promise((resolve) => this.transport.once('disconnected', resolve));
    this.session.close();
    await closed;
    const wavs = {};
    for (const [name, pcm] of Object.entries({ all: this.pcm(), ...sounds })) {
      wavs[name] = join(folder, `${this.name}-${name}.wav`);
      writeFileSync(wavs[name], wav(pcm));
    }
    const counts = {};
    for (const { type } of this.events) counts[type] = (counts[type] ?? 0) + 1;
    const problems = [...this.problems, ...complaints.splice(0)];
    for (const { error } of this.all('error')) problems.push(`error event: ${JSON.stringify(error)}`);
    tell({ name: this.name, lines, numbers, wavs, counts, problems, unknown: Object.keys(counts).filter((each) => !KNOWN.has(each)) });
    assert.deepEqual(problems, []);
  }
}

/** An open microphone: silence, and what it is told to say, in real time. */
export class Microphone {
  #queue = [];
  #sent = 0;

  constructor(session) {
    const began = performance.now();
    this.timer = setInterval(() => {
      for (; this.#sent * FRAME_MS < performance.now() - began; this.#sent += 1) session.sendAudio(this.#frame());
    }, FRAME_MS / 2);
  }

  /** Says it and returns when its last frame was sent. */
  async say(pcm) {
    const size = (HZ * FRAME_MS) / 500;
    await new Promise((resolve) => {
      for (let at = 0; at < pcm.length; at += size) {
        const frame = Buffer.alloc(size);
        pcm.copy(frame, 0, at, Math.min(at + size, pcm.length));
        this.#queue.push({ frame, sent: at + size >= pcm.length ? resolve : undefined });
      }
    });
    return performance.now();
  }

  off() {
    clearInterval(this.timer);
  }

  #frame() {
    const next = this.#queue.shift() ?? { frame: Buffer.alloc((HZ * FRAME_MS) / 500) };
    next.sent?.();
    return new Uint8Array(next.frame).buffer;
  }
}

/** Reads a WAV file of PCM16 mono at 24,000 Hz whose data comes after a plain header. */
export function speech(file) {
  const bytes = readFileSync(file);
  assert.equal(bytes.readUInt32LE(24), HZ, `${file} must have ${HZ} Hz`);
  return bytes.subarray(44);
}

export function seconds(pcm) {
  return pcm.length / 2 / HZ;
}

/** How long it is quiet at the end. */
export function quietMs(pcm) {
  let end = pcm.length / 2;
  while (end > 0 && Math.abs(pcm.readInt16LE(2 * end - 2)) < 300) end -= 1;
  return ((pcm.length / 2 - end) * 1000) / HZ;
}

function wav(pcm) {
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + pcm.length, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(HZ, 24);
  head.writeUInt32LE(HZ * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36);
  head.writeUInt32LE(pcm.length, 40);
  return Buffer.concat([head, pcm]);
}

/** Runs conversations one after the other; the process fails if one of them does. ONLY=a,b runs some. */
export async function run(conversations) {
  const only = process.env.ONLY?.split(',');
  let failed = 0;
  for (const each of conversations.filter(({ name }) => !only || only.includes(name))) {
    try {
      await each();
    } catch (wrong) {
      failed += 1;
      complaints.length = 0;
      tell({ name: each.name, failed: String(wrong?.stack ?? wrong) });
    }
  }
  process.exit(failed ? 1 : 0);
}
