// What @google/genai declares, read from its own declarations: fields, their types, and names of values.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

const FILE = new URL('./node_modules/@google/genai/dist/genai.d.ts', import.meta.url);
const SOURCE = readFileSync(FILE, 'utf8').replaceAll('\r', '');
const BODY = /^(?:export )?declare (interface|class|enum) (\w+) \{\n([\s\S]*?)^\}/gm;
const FIELD = /^ {4}(\w+)\??: (.+);$/gm;
const VALUE = /^ {4}\w+ = "(.*)"/gm;
const DECLARED = new Map([...SOURCE.matchAll(BODY)].map(([, kind, name, body]) => [name, { kind, body }]));

/** Names on the wire that the SDK reads as others, with Vertex AI alone. */
const ON_THE_WIRE = { VoiceActivity: { type: 'voiceActivityType' } };

function once(make) {
  const made = new Map();
  return (name) => {
    if (!made.has(name)) made.set(name, make(name));
    return made.get(name);
  };
}

const fields = once((name) => Object.fromEntries([...DECLARED.get(name).body.matchAll(FIELD)].map(([, field, type]) => [field, type])));
const values = once((name) => new Set([...DECLARED.get(name).body.matchAll(VALUE)].map(([, value]) => value)));

/** Returns what does not fit a declared type, place by place; null fits none. */
export function misfits(value, type, place = type) {
  if (type.endsWith('[]')) {
    if (!Array.isArray(value)) return [`${place} is no list`];
    return value.flatMap((each, at) => misfits(each, type.slice(0, -2), `${place}[${at}]`));
  }
  switch (type) {
    case 'string':
    case 'number':
    case 'boolean':
      return typeof value === type ? [] : [`${place} is no ${type}: ${JSON.stringify(value)}`];
    case 'Record<string, unknown>':
      return value && typeof value === 'object' && !Array.isArray(value) ? [] : [`${place} is no object`];
  }
  const declared = DECLARED.get(type);
  assert(declared, `${place}: there is no declaration of ${type}`);
  if (declared.kind === 'enum') return values(type).has(value) ? [] : [`${place} is no ${type}: ${JSON.stringify(value)}`];
  if (!value || typeof value !== 'object' || Array.isArray(value)) return [`${place} is no object`];
  return Object.entries(value).flatMap(([name, each]) => {
    const inner = fields(type)[ON_THE_WIRE[type]?.[name] ?? name];
    return inner ? misfits(each, inner, `${place}.${name}`) : [`${place}.${name} is unknown`];
  });
}
