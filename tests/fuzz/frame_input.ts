/**
 * One input of the fuzzer for a ring: frames that a member sends, one after the other.
 *
 * @module
 */

import { readParts, writeParts } from "./input_file.ts";

/** The members that frames go to. */
export const RECEIVERS = ["a", "b", "c"] as const;

/** One frame. */
export interface SentFrame {
  /** Who gets it. */
  readonly to: typeof RECEIVERS[number];
  /** How long nothing else comes after it, in milliseconds. */
  readonly restMs: number;
  /** The frame, or what was one. */
  readonly bytes: Uint8Array;
}

/** Frames. */
export interface FrameInput {
  /** In the order in which they are sent. */
  readonly frames: readonly SentFrame[];
  /** Whether the sender is quiet from then on, so that the ring must be whole again: the next input meets a new one. */
  readonly settles: boolean;
}

/** Frames as bytes. */
export function writeFrames({ frames, settles }: FrameInput): Uint8Array {
  const heads = frames.map(({ to, restMs }) => ({ to, restMs }));
  return writeParts({ heads, settles }, frames.map(({ bytes }) => bytes));
}

/**
 * Reads what {@linkcode writeFrames} wrote.
 *
 * @throws {SyntaxError} if it is something else.
 */
export function readFrames(bytes: Uint8Array): FrameInput {
  const { fields: { heads, settles }, parts } = readParts(bytes);
  const frames = (heads as Omit<SentFrame, "bytes">[]).map((head, index) => ({ ...head, bytes: parts[index] }));
  return { frames, settles: settles === true };
}
