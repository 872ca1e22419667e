// Sound as the conversations need it: PCM16 mono, made, read, kept and spoken into a microphone.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';

/** The rate of all that is heard. */
export const HZ = 24_000;
const FRAME_MS = 40;

/** An open microphone: silence, and what it is told to say, in real time. */
export class Microphone {
  #queue = [];
  #sent = 0;
  #size;

  /** Has frames sent as Buffers by `send`. */
  constructor(send, hz = HZ) {
    this.#size = (hz * FRAME_MS) / 500;
    const began = performance.now();
    this.timer = setInterval(() => {
      for (; this.#sent * FRAME_MS < performance.now() - began; this.#sent += 1) send(this.#frame());
    }, FRAME_MS / 2);
  }

  /** Says it and returns when its last frame was sent. */
  async say(pcm) {
    await new Promise((resolve) => {
      for (let at = 0; at < pcm.length; at += this.#size) {
        const frame = Buffer.alloc(this.#size);
        pcm.copy(frame, 0, at, Math.min(at + this.#size, pcm.length));
        this.#queue.push({ frame, sent: at + this.#size >= pcm.length ? resolve : undefined });
      }
    });
    return performance.now();
  }

  off() {
    clearInterval(this.timer);
  }

  #frame() {
    const next = this.#queue.shift() ?? { frame: Buffer.alloc(this.#size) };
    next.sent?.();
    return next.frame;
  }
}

/** As loud as speech, and as much of it as the ear of a script needs. */
export function tone(ms, hz = HZ) {
  const pcm = Buffer.alloc((hz * ms) / 500);
  for (let at = 0; at < pcm.length / 2; at += 1) {
    pcm.writeInt16LE(Math.round(8000 * Math.sin((2 * Math.PI * 440 * at) / hz)), 2 * at);
  }
  return pcm;
}

/** Reads a WAV file of PCM16 mono whose data comes after a plain header. */
export function speech(file, hz = HZ) {
  const bytes = readFileSync(file);
  assert.equal(bytes.readUInt32LE(24), hz, `${file} must have ${hz} Hz`);
  return bytes.subarray(44);
}

export function seconds(pcm) {
  return pcm.length / 2 / HZ;
}

/** How long it is quiet at the end. */
export function quietMs(pcm, hz = HZ) {
  let end = pcm.length / 2;
  while (end > 0 && Math.abs(pcm.readInt16LE(2 * end - 2)) < 300) end -= 1;
  return ((pcm.length / 2 - end) * 1000) / hz;
}

/** Writes what was heard into a WAV file. */
export function keep(file, pcm) {
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
  writeFileSync(file, Buffer.concat([head, pcm]));
}
