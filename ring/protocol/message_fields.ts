/**
 * Reads the fields of a message's header, which a peer wrote: each is checked when it is used, and those that nobody asks for are
 * ignored, so that a newer member may say more than an older one knows.
 *
 * @module
 */

import { plainText } from "../../common/plain_text.ts";
import { type Member, PHASES, STATUSES } from "./member.ts";
import type { PushOrigin, PushVersion } from "./push_version.ts";

/** The longest name, address or id, in UTF-16 units. */
export const MAX_TEXT_LENGTH = 255;

/** The most elements of a list. */
export const MAX_LIST_LENGTH = 4_096;

/** The longest that a peer can make us wait, in milliseconds. */
export const MAX_PAUSE_MS = 60_000;

/** The latest time that there is (ECMA-262, 21.4.1.1). Of a version far beyond it no later one could be told apart. */
export const MAX_TIME_MS = 8.64e15;

/** Reads one field; the label says which in an error. */
export type Field<T> = (value: unknown, label: string) => T;

/** A string of 1 to {@linkcode MAX_TEXT_LENGTH} units. */
export const text: Field<string> = (value, label): string => {
  if (typeof value !== "string" || value.length === 0 || value.length > MAX_TEXT_LENGTH) {
    throw bad(label, `a text of 1 to ${MAX_TEXT_LENGTH} characters`);
  }
  return value;
};

/** The longest text for people, in bytes of UTF-8. */
export const MAX_WORDS_BYTES = 2_048;

/** A text for people, which is made plain and clipped, and never costs a message. */
export const words: Field<string> = (value): string => typeof value === "string" ? plainWords(value) : "";

/** What a message says for people, line by line without what could be taken for something else, and clipped as a whole. */
export function plainWords(text: string): string {
  const lines: string[] = [];
  let left = MAX_WORDS_BYTES;
  for (const line of text.slice(0, MAX_WORDS_BYTES + 1).split("\n")) {
    if (left < 4) break;
    const plain = plainText(line, { maxBytes: left });
    lines.push(plain);
    left -= new TextEncoder().encode(plain).length + 1;
  }
  return lines.join("\n");
}

/** A number that is a whole one and not negative; `-0`, which JSON can say, is 0. */
export const count: Field<number> = (value, label): number => {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw bad(label, "a whole number from 0 up");
  return (value as number) + 0;
};

/** A number, not negative; `-0`, which JSON can say, is 0. */
export const amount: Field<number> = (value, label): number => {
  if (!Number.isFinite(value) || (value as number) < 0) throw bad(label, "a number from 0 up");
  return (value as number) + 0;
};

/** How long to wait, in milliseconds; of more than {@linkcode MAX_PAUSE_MS} that is taken. */
export const pause: Field<number> = (value, label): number => Math.min(amount(value, label), MAX_PAUSE_MS);

/** The number of a bucket, 0 to 255. */
export const bucket: Field<number> = (value, label): number => {
  const number = count(value, label);
  if (number > 255) throw bad(label, "a bucket from 0 to 255");
  return number;
};

/** A text of a form. */
export function pattern(form: RegExp, wanted: string): Field<string> {
  return (value, label) => {
    if (typeof value !== "string" || !form.test(value)) throw bad(label, wanted);
    return value;
  };
}

/** True or false; false if it is absent. */
export const flag: Field<boolean> = (value, label): boolean => {
  if (value !== undefined && typeof value !== "boolean") throw bad(label, "true or false");
  return value === true;
};

/** One of a few words. */
export function oneOf<const T extends string>(words: readonly T[]): Field<T> {
  return (value, label) => {
    if (!words.includes(value as T)) throw bad(label, `one of ${words.join(", ")}`);
    return value as T;
  };
}

/** A field that may be absent. */
export function optional<T>(field: Field<T>): Field<T | undefined> {
  return (value, label) => value === undefined ? undefined : field(value, label);
}

/** A list of at most {@linkcode MAX_LIST_LENGTH}. */
export function listOf<T>(field: Field<T>): Field<readonly T[]> {
  return (value, label) => {
    if (!Array.isArray(value) || value.length > MAX_LIST_LENGTH) {
      throw bad(label, `a list of at most ${MAX_LIST_LENGTH}`);
    }
    return value.map((element) => field(element, label));
  };
}

/** Which push it is, on the wire `[ingress, sequence]`. */
export const origin: Field<PushOrigin> = (value, label): PushOrigin => {
  if (!Array.isArray(value) || value.length < 2) throw bad(label, "an origin");
  return { ingress: text(value[0], label), sequence: count(value[1], label) };
};

/** A version, on the wire `[epoch, ms, ingress, sequence]`. */
export const version: Field<PushVersion> = (value, label): PushVersion => {
  if (!Array.isArray(value) || value.length < 4) throw bad(label, "a version");
  const epoch = count(value[0], label), ms = amount(value[1], label);
  if (ms > MAX_TIME_MS) throw bad(label, "a version of a time that there is");
  return { epoch, ms, ...origin(value.slice(2), label) };
};

/** A cluster id and the version that somebody holds of it. */
export interface HeldVersion {
  /** The cluster id. */
  readonly id: string;
  /** The version. */
  readonly version: PushVersion;
}

/** A {@linkcode HeldVersion}, on the wire `[id, epoch, ms, ingress, sequence]`. */
export const heldVersion: Field<HeldVersion> = (value, label): HeldVersion => {
  if (!Array.isArray(value) || value.length < 5) throw bad(label, "a cluster id with a version");
  return { id: text(value[0], label), version: version(value.slice(1), label) };
};

/** A row of the member table. */
export const member: Field<Member> = (value, label): Member => {
  if (typeof value !== "object" || value === null) throw bad(label, "a member");
  const row = value as Record<string, unknown>;
  const incarnation = count(row.incarnation, "incarnation");
  const since = count(row.since, "since");
  if (since > incarnation) throw bad("since", "an incarnation up to the present one");
  return {
    name: text(row.name, "name"),
    boot: text(row.boot, "boot"),
    incarnation,
    since,
    address: text(row.address, "address"),
    host: text(row.host, "host"),
    disk: text(row.disk, "disk"),
    isWitness: flag(row.isWitness ?? false, "isWitness"),
    rule: count(row.rule ?? 1, "rule"),
    status: oneOf(STATUSES)(row.status, "status"),
    phase: oneOf(PHASES)(row.phase, "phase"),
  };
};

/** A version as it stands on the wire. */
export function writeVersion({ epoch, ms, ingress, sequence }: PushVersion): unknown {
  return [epoch, ms, ingress, sequence];
}

/** A held version as it stands on the wire. */
export function writeHeldVersion({ id, version: { epoch, ms, ingress, sequence } }: HeldVersion): unknown {
  return [id, epoch, ms, ingress, sequence];
}

/** An origin as it stands on the wire. */
export function writeOrigin({ ingress, sequence }: PushOrigin): unknown {
  return [ingress, sequence];
}

function bad(label: string, wanted: string): SyntaxError {
  return new SyntaxError(`Field '${label}' is not ${wanted}`);
}
