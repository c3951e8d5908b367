/**
 * What the log and the metrics say of samples that do not arrive: each loss once, and again when it changes.
 *
 * @module
 */

import { formatDuration } from "../common/duration.ts";
import { describeLoss, type LeftOut, SAMPLE_RULE_NAMES } from "../common/ingest/sample_rules.ts";
import type { Logger } from "../common/log.ts";
import { plainText } from "../common/plain_text.ts";
import { plural } from "../common/plural.ts";
import type { ClientMetrics } from "./metrics.ts";
import { BEYOND_SERVER } from "./outgoing.ts";
import type { Account } from "./transforms/pipeline.ts";

/** Samples that the server is too late to show. */
export interface LateSamples {
  /** How many lines they are. */
  readonly stale: number;
  /** For how long the server shows samples, in milliseconds. */
  readonly ttlMs: number;
}

/** Tells of losses, and remembers what it has told. */
export class LossNotices {
  readonly #log: Logger;
  readonly #metrics: Pick<ClientMetrics, "onDropped">;
  /** By what they are about; there are no more than rules, and a few others. */
  readonly #told = new Map<string, string>();

  /** Has told nothing yet. */
  constructor({ log, metrics }: { readonly log: Logger; readonly metrics: Pick<ClientMetrics, "onDropped"> }) {
    this.#log = log;
    this.#metrics = metrics;
  }

  /** Counts what is not sent or will not be shown, and tells of it in the log when it changes. */
  tellLeftOut(lost: readonly LeftOut[], { stale, ttlMs }: LateSamples = { stale: 0, ttlMs: 0 }): void {
    const metrics = this.#metrics;
    for (const rule of SAMPLE_RULE_NAMES) {
      const loss = lost.map((leftOut) => leftOut.get(rule)).find((found) => found !== undefined);
      const count = lost.reduce((sum, leftOut) => sum + (leftOut.get(rule)?.count ?? 0), 0);
      metrics.onDropped(rule, count);
      this.tell(rule, loss && describeLoss(rule, { ...loss, count }));
    }
    metrics.onDropped("older_than_ttl", stale);
    const late = `The server will not show ${stale} ${
      plural(stale, "sample that is", "samples that are")
    } older than its --ttl (${formatDuration(ttlMs)})`;
    this.tell("older_than_ttl", stale > 0 ? `${late}: set the clock of the source` : undefined);
  }

  /** Counts what a server does not get that does not say that it takes it, and tells of it in the log when it changes. */
  tellBeyondServer(account: Account): void {
    const rules = Object.entries(BEYOND_SERVER) as [keyof typeof BEYOND_SERVER, string][];
    for (const [reason, rule] of rules) {
      const losses = account.losses().filter((loss) => loss.rule === rule);
      const count = losses.reduce((sum, { count }) => sum + count, 0);
      this.#metrics.onDropped(reason, count);
      const [first] = losses, more = count > 1 ? ` (and ${count - 1} more)` : "";
      this.tell(
        reason,
        first && `Left out ${plainText(first.metric)}${more}: ${plainText(first.why, { maxBytes: 400 })}`,
      );
    }
    const labels = account.entries().find(({ rule, effect }) =>
      rule === BEYOND_SERVER.utf8_name && effect === "truncated"
    );
    const merged =
      `Left out ${labels?.count} ${plural(labels?.count ?? 0, "label")}, as with underscores others of the same ` +
      "sample have the name: update the server, or rename them";
    this.tell("labels beyond the server", labels && merged);
  }

  /** Tells what is wrong once, and again when something else is. */
  tell(about: string, why: string | undefined): void {
    if (this.#told.get(about) === why) return;
    if (why === undefined) this.#told.delete(about);
    else {
      this.#told.set(about, why);
      this.#log.warn("Some samples do not arrive", { why });
    }
  }
}
