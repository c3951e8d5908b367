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

/**
 * How many buffers come back until those of a size that nobody asked for meanwhile are let go. Otherwise a few large pushes of
 * sizes that do not come again would fill the pool for ever, and leave no room for the buffers of everybody else.
 */
const SWEEP_AFTER = 1_024;

interface IdleBuffers {
  readonly buffers: ArrayBuffer[];
  /** Whether this size was asked for since the last sweep, or is new since then. */
  isWanted: boolean;
}

/** Takes buffers back and hands them out again. Those of rendered pushes come in few sizes, so that most fit. */
export class BufferPool {
  readonly #idle = new Map<number, IdleBuffers>();
  #idleBytes = 0;
  #given = 0;

  /** An idle buffer of exactly that size, if there is one; what it holds is arbitrary. */
  take(size: number): ArrayBuffer | undefined {
    const idle = this.#idle.get(size);
    if (idle === undefined) return undefined;
    idle.isWanted = true;
    const buffer = idle.buffers.pop();
    if (buffer !== undefined) this.#idleBytes -= size;
    return buffer;
  }

  /** Takes back a buffer that nobody looks at any more. */
  give(buffer: ArrayBuffer) {
    if (++this.#given % SWEEP_AFTER === 0) this.#sweep();
    const size = buffer.byteLength;
    if (this.#idleBytes + size > MAX_IDLE_BYTES) return;
    this.#idleBytes += size;
    const idle = this.#idle.get(size);
    if (idle === undefined) this.#idle.set(size, { buffers: [buffer], isWanted: true });
    else idle.buffers.push(buffer);
  }

  #sweep() {
    for (const [size, idle] of this.#idle) {
      if (!idle.isWanted) {
        this.#idle.delete(size);
        this.#idleBytes -= size * idle.buffers.length;
      }
      idle.isWanted = false;
    }
  }
}
