/**
 * Mutations of JSON values: of a header, a claim, or an answer.
 *
 * @module
 */

import type { Random } from "../support/random.ts";
import { NUMBERS, TEXTS } from "./vocabulary.ts";

/** Where mutations take what they put in. */
export interface JsonSources {
  /** Where chance comes from. */
  readonly random: Random;
  /** Values that mean something where they are found. */
  readonly known: readonly unknown[];
}

/** Changes one to four places of a value. */
export function mutateJson(value: unknown, sources: JsonSources): unknown {
  let mutated = value;
  for (let count = sources.random.size(4); count > 0; count--) mutated = changed(mutated, sources);
  return mutated;
}

/** Any value, from nothing to a list of lists. */
export function someJson({ random, known }: JsonSources): unknown {
  switch (random.below(9)) {
    case 0:
      return random.pick([null, true, false, "", [], {}]);
    case 1:
      return random.pick(NUMBERS);
    case 2:
      return random.pick([
        2 ** 31,
        2 ** 52,
        2 ** 53 - 1,
        2 ** 53,
        -1,
        0.5,
        1e308,
        8.64e15,
        8.64e15 + 1,
        Date.UTC(2025),
      ]);
    case 3:
      return random.pick(TEXTS);
    case 4:
      return random.pick(["\u0000", "\u001b[31m", "\u202e", "\ud800", "é", "\n"]).repeat(random.size(2_000));
    case 5:
      return Array.from({ length: random.size(300) }, () => random.pick([random.below(300), random.pick(TEXTS)]));
    case 6: {
      const [key, value] = [random.pick(["__proto__", "constructor", "toString", "length", "a"]), random.pick(TEXTS)];
      return JSON.parse(`{${JSON.stringify(key)}:${JSON.stringify(value)}}`);
    }
    default:
      return random.pick(known.length > 0 ? known : [undefined]);
  }
}

function changed(value: unknown, sources: JsonSources): unknown {
  const { random } = sources;
  if (Array.isArray(value)) {
    if (value.length === 0 || random.chance(0.1)) return [...value, someJson(sources)];
    const at = random.below(value.length);
    switch (random.below(8)) {
      case 0:
        return value.toSpliced(at, 1);
      case 1:
        return value.toSpliced(at, 0, value[random.below(value.length)]);
      case 2:
        return Array.from({ length: random.size(5_000) }, (_, i) => value[i % value.length]);
      case 3:
        return value.toReversed();
      default:
        return value.with(at, changed(value[at], sources));
    }
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    if (entries.length === 0 || random.chance(0.05)) return { ...value, [random.pick(TEXTS)]: someJson(sources) };
    const [key, old] = random.pick(entries);
    switch (random.below(10)) {
      case 0: {
        const { [key]: _, ...rest } = value as Record<string, unknown>;
        return rest;
      }
      case 1:
        return { ...value, [key]: random.pick(entries)[1] };
      case 2:
        return { ...value, [key]: [old] };
      default:
        return { ...value, [key]: changed(old, sources) };
    }
  }
  if (typeof value === "number" && random.chance(0.5)) {
    return random.pick([value + 1, value - 1, -value, value * 2, value / 3, String(value), value + 2 ** 40]);
  }
  if (typeof value === "string" && random.chance(0.5)) {
    const at = random.below(value.length + 1), piece = random.pick(TEXTS);
    return random.pick([
      value.slice(0, at) + piece + value.slice(at),
      value.slice(0, at) + value.slice(at + 1),
      value + value,
      value.toUpperCase(),
      `${value} `,
    ]);
  }
  return someJson(sources);
}
