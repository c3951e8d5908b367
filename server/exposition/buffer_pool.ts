/**
 * Buffers that are used again, so that a stream of pushes makes no garbage.
 *
 * Without it the buffers of replaced pushes wait for the garbage collector: at 1,000 clusters of 150 KB and full load that
 * was as much memory again as the clusters themselves.
 *
 * @module
 */

/** Idle buffers kept at most, in bytes. */
const MAX_IDLE_BYTES = 32 * 1_048_576;

/** Takes buffers back and hands them out again. Those of rendered pushes come in few sizes, so that most fit. */
export class BufferPool {
  readonly #idle = new Map<number, ArrayBuffer[]>();
  #idleBytes = 0;

  /** An idle buffer of exactly that size, if there is one; what it holds is arbitrary. */
  take(size: number): ArrayBuffer | undefined {
    const buffer = this.#idle.get(size)?.pop();
    if (buffer !== undefined) this.#idleBytes -= size;
    return buffer;
  }

  /** Takes back a buffer that nobody looks at any more. */
  give(buffer: ArrayBuffer) {
    const size = buffer.byteLength;
    if (this.#idleBytes + size > MAX_IDLE_BYTES) return;
    this.#idleBytes += size;
    const idle = this.#idle.get(size);
    if (idle === undefined) this.#idle.set(size, [buffer]);
    else idle.push(buffer);
  }
}
