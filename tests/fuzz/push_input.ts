/**
 * One input of the fuzzer: a push as a client sends it, and what it was made from.
 *
 * @module
 */

import { PROTOBUF_CONTENT_TYPE } from "../../common/exposition/protobuf.ts";

/** What a payload is. */
export type PayloadKind = "protobuf" | "text";

/** A push, good or bad. */
export interface PushInput {
  /** Which of the targets it is for: they have different rules. */
  readonly target: number;
  /** Which of the target's clusters sends it. */
  readonly cluster: number;
  /** What the payload was before it was mutated. */
  readonly kind: PayloadKind;
  /** What it holds, before it was compressed. */
  readonly payload: Uint8Array;
  /** What is sent. */
  readonly body: Uint8Array;
  /** `Content-Type`. */
  readonly contentType: string;
  /** `Content-Encoding`. */
  readonly contentEncoding: string;
  /** What is done to the token of the cluster: a flip of the bit at this place, counted from its end. */
  readonly tokenFlip?: number;
}

/** The media type that goes with a kind of payload. */
export const MEDIA_TYPES: Readonly<Record<PayloadKind, string>> = {
  protobuf: PROTOBUF_CONTENT_TYPE,
  text: "text/plain; version=0.0.4",
};

/** Writes an input as a file: a line of JSON, the payload, the body. */
export function writeInput({ payload, body, ...head }: PushInput): Uint8Array {
  const line = new TextEncoder().encode(JSON.stringify({ ...head, payload: payload.length, body: body.length }) + "\n");
  const file = new Uint8Array(line.length + payload.length + body.length);
  file.set(line);
  file.set(payload, line.length);
  file.set(body, line.length + payload.length);
  return file;
}

/**
 * Reads what {@linkcode writeInput} wrote, and passes over what follows it.
 *
 * @throws {SyntaxError} if it is something else.
 */
export function readInput(file: Uint8Array): PushInput {
  const at = file.indexOf(0x0a) + 1;
  const head = JSON.parse(new TextDecoder().decode(file.subarray(0, at)));
  const body = at + head.payload;
  if (!(body + head.body <= file.length)) throw new SyntaxError("Cannot read the input: it is cut short");
  return { ...head, payload: file.slice(at, body), body: file.slice(body, body + head.body) };
}
