/**
 * What is told of accepted pushes: counters, the directory, and a line in the log for what is left out.
 *
 * @module
 */

import { Counter } from "prom-client";
import { formatDuration } from "../../common/duration.ts";
import { describeLoss, SAMPLE_RULE_NAMES } from "../../common/ingest/sample_rules.ts";
import type { RepeatLog } from "../../common/repeat_log.ts";
import type { Registry } from "../../common/metrics.ts";
import { plural } from "../../common/plural.ts";
import { plainFields } from "../../common/plain_text.ts";
import type { AcceptedPush } from "../directory/source.ts";
import type { RenderedPush } from "../ingest/renderer.ts";
import type { StoredPush } from "../store/push_store.ts";

/** What a {@linkcode PushAccount} works with. */
export interface PushAccountOptions {
  /** How long a sample is shown, in milliseconds. */
  readonly ttlMs: number;
  /** Told what is left out of pushes. */
  readonly losses: RepeatLog;
  /** Told of every push that is accepted here, and of none that comes from disk or from another member. */
  readonly directory: { accepted(push: AcceptedPush): void };
  /** Where the counters are registered. */
  readonly registry: Registry;
}

/** What became of the samples of a push. */
export type PushLosses = Pick<RenderedPush, "received" | "dropped" | "duplicates" | "leftOut" | "stale">;

/** The same of a request of remote write, nothing of which is read again. */
export interface WriteLosses extends PushLosses {
  /** How many samples of which metrics the allow-list drops. */
  readonly droppedMetrics: ReadonlyMap<string, number>;
}

/** What its cluster shows once it is taken. */
export type ShownPush = Pick<AcceptedPush, "families" | "series" | "newestMs">;

/** Why a sample is not shown that is older than `--ttl` when it comes. */
const STALE = "older_than_ttl";

/** Accounts for the pushes that a server accepts. */
export class PushAccount {
  readonly #options: PushAccountOptions;
  readonly #samples: Counter;
  readonly #dropped: Counter<"reason">;

  /** Registers the counters. */
  constructor(options: PushAccountOptions) {
    this.#options = options;
    const registers = [options.registry];
    this.#samples = new Counter({
      name: "telemeter_samples_total",
      help: "Samples in accepted pushes",
      registers,
    });
    this.#dropped = new Counter({
      name: "telemeter_samples_dropped_total",
      help:
        "Samples in accepted pushes that are not shown, by why: the allow-list drops them, a later one of their series " +
        "replaces them, they are older than --ttl when they come, or they break a rule",
      labelNames: ["reason"],
      registers,
    });
    for (const reason of ["allow_list", "duplicate", STALE, ...SAMPLE_RULE_NAMES]) this.#dropped.inc({ reason }, 0);
  }

  /** Accounts for a push. Returns what of it is not shown that its client may expect to be. */
  accepted(
    push: StoredPush,
    { losses, shown }: { losses: PushLosses | WriteLosses; shown: ShownPush },
  ): string | undefined {
    const { id, receivedAtMs, contentType, contentEncoding, body: { length: bytes } } = push;
    const { dropped, leftOut: lost, stale } = losses;
    const leftOut = new Map<string, number>(stale > 0 ? [[STALE, stale]] : []);
    for (const [rule, { count }] of lost) leftOut.set(rule, count);
    const transport = `${contentType}, ${contentEncoding}`;
    const write = "droppedMetrics" in losses
      ? { samples: losses.received, droppedMetrics: losses.droppedMetrics }
      : undefined;
    this.#options.directory.accepted({ id, receivedAtMs, transport, bytes, ...shown, dropped, leftOut, write });
    return this.#count(id, losses);
  }

  #count(id: string, { received, dropped, duplicates, stale, leftOut }: PushLosses): string | undefined {
    this.#samples.inc(received);
    if (dropped > 0) this.#dropped.inc({ reason: "allow_list" }, dropped);
    if (duplicates > 0) this.#dropped.inc({ reason: "duplicate" }, duplicates);
    if (stale === 0 && leftOut.size === 0) return undefined;
    const { losses, ttlMs } = this.#options;
    const remarks: string[] = [];
    const remark = (reason: string, { count, why }: { count: number; why: string }) => {
      this.#dropped.inc({ reason }, count);
      remarks.push(why);
      const fields = plainFields({ cluster: id, reason, count, why });
      losses.add(`${id} ${reason}`, "Left out samples of a push", fields);
    };
    for (const [rule, loss] of leftOut) remark(rule, { count: loss.count, why: describeLoss(rule, loss) });
    if (stale > 0) {
      const why =
        `Does not show ${stale} ${plural(stale, "sample that is", "samples that are")} older than --ttl (${
          formatDuration(ttlMs)
        }): set the clock of ` +
        "the source, or start the server with --honor-timestamps=false";
      remark(STALE, { count: stale, why });
    }
    return remarks.join("\n");
  }
}
