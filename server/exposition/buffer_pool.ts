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

/** Hands out buffers of a few sizes and takes them back. */
export class BufferPool {
  readonly #idle = new Map<number, ArrayBuffer[]>();
  #idleBytes = 0;

  /** A buffer of at least `bytes`, and at most a sixteenth more; what it holds is arbitrary. */
  take(bytes: number): ArrayBuffer {
    const size = sizeFor(bytes);
    const buffer = this.#idle.get(size)?.pop();
    if (buffer === undefined) return new ArrayBuffer(size);
    this.#idleBytes -= size;
    return buffer;
  }

  /** Takes back a buffer that nobody looks at any more. */
  give(buffer: ArrayBuffer) {
    const size = buffer.byteLength;
    if (size !== sizeFor(size) || this.#idleBytes + size > MAX_IDLE_BYTES) return;
    this.#idleBytes += size;
    const idle = this.#idle.get(size);
    if (idle === undefined) this.#idle.set(size, [buffer]);
    else idle.push(buffer);
  }
}

/** The next size up, in steps of a sixteenth of the power of two below: few sizes, little waste. */
function sizeFor(bytes: number): number {
  const step = 2 ** Math.max(6, Math.floor(Math.log2(Math.max(bytes, 1))) - 4);
  return Math.ceil(bytes / step) * step;
}
