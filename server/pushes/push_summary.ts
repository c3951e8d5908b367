/**
 * One line a minute on what became of pushes, by what the counters say.
 *
 * @module
 */

import type { Logger } from "../../common/log.ts";
import type { Registry } from "../../common/metrics.ts";

/** How often there is a line, in milliseconds. */
const SUMMARY_INTERVAL_MS = 60_000;

/** What the summary works with. */
export interface PushSummaryOptions {
  /** Where the counters are. */
  readonly registry: Pick<Registry, "getSingleMetric">;
  /** Gets the line, at info. */
  readonly log: Logger;
  /** What is summed up. @default pushes */
  readonly of?: SummedUp;
}

/** What a summary is of. */
export interface SummedUp {
  /** What the line says. */
  readonly line: string;
  /** The counter by `result`, of which one is `rejected`. */
  readonly results: string;
  /** The counter by `reason` of those that are refused. */
  readonly reasons: string;
}

const PUSHES: SummedUp = {
  line: "Pushes of the last minute",
  results: "telemeter_pushes_total",
  reasons: "telemeter_push_rejections_total",
};

/** What a summary of remote write is of. */
export const REMOTE_WRITE: SummedUp = {
  line: "Requests of remote write of the last minute",
  results: "telemeter_remote_write_requests_total",
  reasons: "telemeter_remote_write_rejections_total",
};

/** A number by the value of one label. */
type Counts = ReadonlyMap<string, number>;

/** Sums up what has happened since it was last asked to. */
export class PushSummary {
  readonly #options: PushSummaryOptions;
  #results: Counts = new Map();
  #reasons: Counts = new Map();

  /** Starts to count from now on. */
  constructor(options: PushSummaryOptions) {
    this.#options = options;
  }

  /** Writes a line every minute in which a push came, until the returned function is called. */
  start(): () => void {
    const timer = setInterval(() => void this.tell(), SUMMARY_INTERVAL_MS);
    return () => clearInterval(timer);
  }

  /** Writes the line, if a push was accepted or refused since the last one. */
  async tell(): Promise<void> {
    const { of = PUSHES } = this.#options;
    const results = await this.#read(of.results, "result");
    const reasons = await this.#read(of.reasons, "reason");
    const since = increases(this.#results, results), refused = increases(this.#reasons, reasons);
    this.#results = results;
    this.#reasons = reasons;
    if (since.length === 0) return;
    const accepted = since.filter(([result]) => result !== "rejected");
    const states = await this.#read("telemeter_sources", "state");
    this.#options.log.info(of.line, {
      accepted: sum(accepted),
      refused: sum(refused),
      ...refused.length > 0 && { reasons: refused.map(([reason, count]) => `${reason}=${count}`).join(",") },
      sources: Array.from(states, ([state, count]) => `${state}=${count}`).join(","),
    });
  }

  async #read(name: string, label: string): Promise<Counts> {
    const metric = await this.#options.registry.getSingleMetric(name)?.get();
    const counts = new Map<string, number>();
    for (const { labels, value } of metric?.values ?? []) {
      const name = String(labels[label]);
      counts.set(name, (counts.get(name) ?? 0) + value);
    }
    return counts;
  }
}

function increases(before: Counts, now: Counts): [name: string, by: number][] {
  return Array.from(now, ([name, value]): [string, number] => [name, value - (before.get(name) ?? 0)])
    .filter(([, by]) => by > 0);
}

function sum(counts: readonly [name: string, count: number][]): number {
  return counts.reduce((total, [, count]) => total + count, 0);
}
