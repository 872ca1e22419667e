// A stock RealtimeSession of @openai/agents, with everything around it that tells whether it is content.

import { RealtimeAgent, RealtimeSession } from '@openai/agents/realtime';
import { realtimeServerEventSchema } from './node_modules/@openai/agents-realtime/dist/openaiRealtimeEvents.mjs';
import { Microphone } from './sound.mjs';
import { Witness } from './stand.mjs';

const KNOWN = new Map(realtimeServerEventSchema.options.map((each) => [each.shape.type.value, each]));

/** Returns what the SDK's schema has against an event, which the SDK itself would leave aside in silence. */
export function dislikes(event) {
  const schema = KNOWN.get(event.type);
  const read = schema?.safeParse(event);
  return read && !read.success ? `${event.type}: ${JSON.stringify(read.error.issues)}` : undefined;
}

export function known(type) {
  return KNOWN.has(type);
}

/** One conversation over one connection. */
export class Conversation extends Witness {
  constructor(name, { tools = [], config = {}, transport = 'websocket', handoffs = [] } = {}) {
    super(name);
    this.events = [];
    this.interruptions = [];
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

  /** Opens a microphone. */
  listen() {
    return new Microphone((frame) => this.session.sendAudio(new Uint8Array(frame).buffer));
  }

  #heard(event) {
    const dislike = dislikes(event);
    if (dislike) this.problems.push(`unreadable: ${dislike}`);
    this.events.push({ ...event, at: performance.now() });
    this.arrived();
  }

  get last() {
    return this.events.slice(-12).map((each) => each.type);
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

  /** Waits for the end of the n-th response from here, and returns it. */
  async response(since, nth = 1, seconds = 60) {
    return (await this.event('response.done', since, nth, seconds)).response;
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
    const counts = {};
    for (const { type } of this.events) counts[type] = (counts[type] ?? 0) + 1;
    for (const { error } of this.all('error')) this.problems.push(`error event: ${JSON.stringify(error)}`);
    this.conclude(folder, sounds, { lines, numbers, counts, unknown: Object.keys(counts).filter((each) => !KNOWN.has(each)) });
  }
}
