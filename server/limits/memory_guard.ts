/**
 * Keeps the kernel, and V8, from ending the server for want of memory: measures what it takes, and says what it may still take
 * in.
 *
 * @module
 */

import { Gauge } from "prom-client";
import { RepeatLog } from "../../common/repeat_log.ts";
import type { Logger } from "../../common/log.ts";
import type { Registry } from "../../common/metrics.ts";
import type { MemoryLimits, Thresholds } from "./memory_limits.ts";

/**
 * What there is room for.
 *
 * ```
 *          `short` bytes           `full` bytes
 *   room ────────────────▶ short ────────────────▶ full
 *     ◀─────────────────────  ◀─────────────────────
 *     less than 95 % of those   less than 95 % of those
 * ```
 *
 * - `room`: for everything.
 * - `short`: for clusters that are shown, in place of what is shown of them.
 * - `full`: for nothing.
 */
export type MemoryState = "room" | "short" | "full";

/** How often it is measured at most, in milliseconds. It takes 4 µs, and in this time some 30 pushes are taken. */
const MEASURE_MS = 10;

/** What must be taken again of a threshold at most for what has been refused from there on, so that it does not come and go. */
const AGAIN = 0.95;

/**
 * How long garbage is left to V8 after it was collected for want of memory, in milliseconds, and at least in times of what that
 * took. Who is refused makes too little of it for V8 to look: without this the server would stay full of garbage.
 */
const COLLECT_AGAIN = { short: { ms: 1_000, times: 100 }, full: { ms: 100, times: 10 } } as const;

/** Memory taken, in bytes. */
export interface MemoryUse {
  /** Of the process. */
  readonly rss: number;
  /** Of its JavaScript heap, with what is free there. */
  readonly heapTotal: number;
  /** Of its JavaScript heap, without that. */
  readonly heapUsed: number;
  /** Of buffers outside of it. */
  readonly external: number;
}

/** What a {@linkcode MemoryGuard} works with. */
export interface MemoryGuardOptions {
  /** From how much on memory is short; without them it never is. */
  readonly limits: MemoryLimits | undefined;
  /** Measures. @default {Deno.memoryUsage} */
  readonly use?: () => MemoryUse;
  /** Collects garbage. @default what V8 has for that with `--expose-gc`, else nothing */
  readonly collect?: () => void;
  /** Milliseconds of a clock that only goes forward. @default {() => performance.now()} */
  readonly now?: () => number;
  /** Told when memory is short, and when it no longer is. */
  readonly log: Logger;
  /** Where the gauges are registered. */
  readonly registry: Registry;
}

/** Says what there is room for. */
export class MemoryGuard {
  readonly #limits: MemoryLimits | undefined;
  readonly #use: () => MemoryUse;
  readonly #collect: () => void;
  readonly #now: () => number;
  readonly #shortages: RepeatLog;
  readonly #reliefs: RepeatLog;
  #state: MemoryState = "room";
  #measuredAt = -Infinity;
  #collected = { at: -Infinity, tookMs: 0 };
  #arriving = 0;
  /** When JavaScript had the most, and what the process had then. */
  #peak = { javaScript: 0, rss: 0 };

  /** Starts to watch. */
  constructor(options: MemoryGuardOptions) {
    const { limits, use = Deno.memoryUsage, collect = collectGarbage, now = () => performance.now() } = options;
    const { log, registry } = options;
    this.#limits = limits;
    this.#use = use;
    this.#collect = collect;
    this.#now = now;
    this.#shortages = new RepeatLog(log, { level: "error", now });
    this.#reliefs = new RepeatLog(log, { level: "info", now });
    if (limits !== undefined) this.#register(limits, registry);
  }

  /** What there is room for now. */
  get state(): MemoryState {
    if (this.#limits !== undefined && this.#now() - this.#measuredAt >= MEASURE_MS) {
      this.#measure(this.#limits);
      this.#measuredAt = this.#now();
    }
    return this.#state;
  }

  /** Counts what is on its way and not in memory yet, until it is disposed of. */
  expect(bytes: number): Disposable {
    this.#arriving += bytes;
    let expected = true;
    return {
      [Symbol.dispose]: () => {
        if (expected) this.#arriving -= bytes;
        expected = false;
      },
    };
  }

  /** Looks whether memory is still short, and tells what the log has not told yet. To be called now and then. */
  flush(): void {
    void this.state;
    this.#shortages.flush();
    this.#reliefs.flush();
  }

  #measure(limits: MemoryLimits): void {
    const before = this.#state;
    let use = this.#use();
    this.#state = this.#stateOf(use, { before, ...limits });
    if (this.#state !== "room" && this.#mayCollect(COLLECT_AGAIN[this.#state])) {
      const startedAt = this.#now();
      this.#collect();
      const at = this.#now();
      this.#collected = { at, tookMs: at - startedAt };
      use = this.#use();
      this.#state = this.#stateOf(use, { before, ...limits });
    }
    if (this.#state === before) return;
    const { rss, heapUsed } = use, { resident, heap } = limits;
    const fields = { residentBytes: rss, limitBytes: resident.short, heapBytes: heapUsed, heapLimitBytes: heap.short };
    if (this.#state === "room") this.#reliefs.add("room", "Has memory again for every push", fields);
    else this.#shortages.add(this.#state, SENTENCES[this.#state], fields);
  }

  #stateOf(use: MemoryUse, { before, resident, heap }: MemoryLimits & { before: MemoryState }): MemoryState {
    const taken = use.rss - this.#reusable(use) + this.#arriving;
    const passes = (threshold: keyof Thresholds, share: number) =>
      taken >= share * resident[threshold] || use.heapUsed >= share * heap[threshold];
    if (passes("full", before === "full" ? AGAIN : 1)) return "full";
    return passes("short", before === "room" ? 1 : AGAIN) ? "short" : "room";
  }

  #mayCollect({ ms, times }: { ms: number; times: number }): boolean {
    const { at, tookMs } = this.#collected;
    return this.#now() - at >= Math.max(ms, times * tookMs);
  }

  /**
   * What the process still has of what JavaScript gave back: the allocator keeps much of it, and takes it first for what comes
   * next. Less what it gave back to the system, and less what it took in spite of it.
   */
  #reusable({ rss, heapTotal, external }: MemoryUse): number {
    const javaScript = heapTotal + external;
    if (javaScript >= this.#peak.javaScript) this.#peak = { javaScript, rss };
    return Math.max(0, this.#peak.javaScript - javaScript - Math.abs(rss - this.#peak.rss));
  }

  #register({ resident, heap }: MemoryLimits, registry: Registry): void {
    const limit = new Gauge({
      name: "telemeter_memory_limit_bytes",
      help: "Memory from which on pushes of new clusters are refused",
      labelNames: ["kind"],
      registers: [registry],
    });
    limit.set({ kind: "resident" }, resident.short);
    limit.set({ kind: "heap" }, heap.short);
    const state = (): MemoryState => this.state;
    new Gauge({
      name: "telemeter_memory_shortage",
      help: "0 if there is memory for every push, 1 if new clusters are refused, 2 if every push is",
      registers: [registry],
      collect() {
        this.set(["room", "short", "full"].indexOf(state()));
      },
    });
  }
}

function collectGarbage(): void {
  (globalThis as { gc?: () => void }).gc?.();
}

const SENTENCES = {
  short: "Refuses clusters that it does not show yet, as memory is short: give it more, or raise --limit-memory",
  full: "Refuses every push, as memory is nearly used up: give it more, or raise --limit-memory",
} as const;
