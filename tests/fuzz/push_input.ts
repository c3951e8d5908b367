/**
 * One push of the fuzzer: as a client sends it, and what it was made from.
 *
 * @module
 */

import { PROTOBUF_CONTENT_TYPE } from "../../common/exposition/protobuf.ts";
import { readParts, writeParts } from "./input_file.ts";

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

/** Writes an input as bytes. */
export function writeInput({ payload, body, ...fields }: PushInput): Uint8Array {
  return writeParts(fields, [payload, body]);
}

/**
 * Reads what {@linkcode writeInput} wrote.
 *
 * @throws {SyntaxError} if it is something else.
 */
export function readInput(file: Uint8Array): PushInput {
  const { fields, parts: [payload, body] } = readParts(file);
  return { ...fields as Omit<PushInput, "payload" | "body">, payload, body };
}
