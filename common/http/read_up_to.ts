/**
 * Reading what another server answers, which may be longer than is good for us.
 *
 * @module
 */

import { LimitError } from "../exposition/metric_family.ts";

/**
 * Reads a response's body whole, and no further than `limitBytes`.
 *
 * @throws {LimitError} as soon as more than that has arrived; the rest is cancelled.
 */
export async function readUpTo(response: Response, limitBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  // Leaving the loop cancels the stream.
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > limitBytes) throw new LimitError(`the answer is longer than ${limitBytes} bytes`);
    chunks.push(chunk);
  }
  if (chunks.length === 1) return chunks[0];
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
