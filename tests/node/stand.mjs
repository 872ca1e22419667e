// Where witnesses stand: they wait for what comes, and tell all that there is against it.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { keep } from './sound.mjs';

/** What an SDK says of what it did not like; it throws while it reads, or writes to the console. */
export const complaints = [];
for (const kind of ['warn', 'error']) console[kind] = (...args) => complaints.push(args.map(String).join(' '));
for (const kind of ['uncaughtException', 'unhandledRejection']) process.on(kind, (e) => complaints.push(`${kind}: ${e?.stack ?? e}`));

export function tell(fact) {
  process.stdout.write(`${JSON.stringify({ lines: [], numbers: {}, wavs: {}, problems: [], ...fact })}\n`);
}

/** One conversation, whoever's SDK holds it. */
export class Witness {
  #waiters = new Set();

  constructor(name) {
    this.name = name;
    this.audio = [];
    this.problems = [];
  }

  /** Says that something came. */
  arrived() {
    for (const look of [...this.#waiters]) look();
  }

  /** Names what came last, for whoever waited in vain. */
  get last() {
    return [];
  }

  /** Waits until something is found, and fails on the first thing that goes wrong before. */
  async until(found, what, seconds = 30) {
    const ends = performance.now() + seconds * 1000;
    for (;;) {
      const value = found();
      if (value) return value;
      const troubles = [...this.problems, ...complaints];
      assert(!troubles.length, troubles.join('\n'));
      const left = ends - performance.now();
      assert(left > 0, `no ${what} within ${seconds} s; last: ${this.last}`);
      let look;
      await Promise.race([new Promise((resolve) => this.#waiters.add((look = resolve))), sleep(Math.min(left, 100))]);
      this.#waiters.delete(look);
    }
  }

  async firstAudio(since) {
    return await this.until(() => this.audio[since.audio], 'audio');
  }

  pcm(since = { audio: 0 }) {
    return Buffer.concat(this.audio.slice(since.audio).map((each) => each.pcm));
  }

  /** Says what there was to hear, and fails on anything that the SDK did not like. */
  conclude(folder, sounds, fact) {
    const wavs = {};
    for (const [name, pcm] of Object.entries({ all: this.pcm(), ...sounds })) {
      wavs[name] = join(folder, `${this.name}-${name}.wav`);
      keep(wavs[name], pcm);
    }
    const problems = [...this.problems, ...complaints.splice(0)];
    tell({ name: this.name, wavs, problems, ...fact });
    assert.deepEqual(problems, []);
  }
}

/** Runs conversations one after the other; the process fails if one of them does. ONLY=a,b runs some. */
export async function run(conversations) {
  let failed = 0;
  for (const each of wanted(conversations)) failed += await held(each);
  process.exit(failed ? 1 : 0);
}

/** Runs conversations at the same time; a complaint is laid to whichever looks first. */
export async function runTogether(conversations) {
  const failed = await Promise.all(wanted(conversations).map(held));
  process.exit(failed.some(Boolean) ? 1 : 0);
}

function wanted(conversations) {
  const only = process.env.ONLY?.split(',');
  return conversations.filter(({ name }) => !only || only.includes(name));
}

/** Holds a conversation; returns 1 where it failed, and says why. */
async function held(conversation) {
  try {
    await conversation();
    return 0;
  } catch (wrong) {
    complaints.length = 0;
    tell({ name: conversation.name, failed: String(wrong?.stack ?? wrong) });
    return 1;
  }
}
