/**
 * Reading what another server answers, which may be longer than is good for us.
 *
 * @module
 */

import { LimitError } from "../exposition/metric_family.ts";

/** How much is made room for at first, in bytes. */
const FIRST_ROOM_BYTES = 65_536;

/**
 * Reads the body of a fetched response whole, and no further than `limitBytes`. There is room for `roomBytes` at first.
 *
 * It goes into one buffer that grows: a reader that is not given a buffer hands out one of 64 KiB for each piece, and pieces
 * of what was compressed have 4 KiB.
 *
 * @throws {LimitError} as soon as more than that has arrived; the rest is cancelled.
 */
export async function readUpTo(
  { body }: Response,
  limitBytes: number,
  { roomBytes = FIRST_ROOM_BYTES }: { roomBytes?: number } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  if (body === null) return new Uint8Array();
  const reader = body.getReader({ mode: "byob" });
  const mostBytes = limitBytes + 1;
  let buffer = new ArrayBuffer(Math.min(roomBytes, mostBytes));
  let length = 0;
  for (;;) {
    if (length === buffer.byteLength) buffer = buffer.transfer(Math.min(2 * length, mostBytes));
    const { done, value } = await reader.read(new Uint8Array(buffer, length));
    // The stream takes the buffer and hands it back as another one.
    if (value !== undefined) buffer = value.buffer;
    if (done) return new Uint8Array(buffer, 0, length);
    length += value.length;
    if (length > limitBytes) {
      await reader.cancel();
      throw new LimitError(`the answer is longer than ${limitBytes} bytes`, {});
    }
  }
}
