/**
 * Keeps the heap of V8 small, which else collects only when the heap has grown by 8 MB: more than a third of what a client has.
 *
 * @module
 */

/** How much the heap grows before garbage is collected, in bytes and as a share of what was left then; the larger of the two. */
const GROWTH = { bytes: 3_000_000, share: 0.25 } as const;

/** What a {@linkcode SmallHeap} works with. */
export interface SmallHeapOptions {
  /** Measures, in bytes. @default {() => Deno.memoryUsage().heapUsed} */
  readonly used?: () => number;
  /** Collects garbage. @default what V8 has for that with `--expose-gc`, else all is left to V8 */
  readonly collect?: () => void;
}

/** Collects garbage where there is enough of it. */
export class SmallHeap {
  readonly #used: () => number;
  readonly #collect: (() => void) | undefined;
  #leftBytes = 0;

  /** Measures nothing yet. */
  constructor(options: SmallHeapOptions = {}) {
    this.#used = options.used ?? (() => Deno.memoryUsage().heapUsed);
    this.#collect = options.collect ?? (globalThis as { gc?: () => void }).gc;
  }

  /** Collects garbage if the heap has grown, and what a start leaves the first time. To be called when there is nothing else to do. */
  tidy(): void {
    if (this.#collect === undefined) return;
    if (this.#leftBytes > 0) {
      const used = this.#used();
      // V8 may have collected more since, as when a large page gave way to a small one.
      const left = this.#leftBytes = Math.min(this.#leftBytes, used);
      if (used - left < Math.max(GROWTH.bytes, GROWTH.share * left)) return;
    }
    this.#collect();
    this.#leftBytes = this.#used();
  }
}
