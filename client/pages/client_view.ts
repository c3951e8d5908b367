/**
 * What the page of a client shows.
 *
 * @module
 */

import type { OptionReport } from "../../common/option_report.ts";
import type { AccountEntry, Loss } from "../transforms/pipeline.ts";

/** One forward. What it did not come to is absent. */
export interface Forward {
  /** When it began, in milliseconds since the epoch. */
  readonly startedMs: number;
  /** What came of it. */
  readonly outcome: "running" | "pushed" | "nothing" | "failed";
  /** Samples that the scrape brought. */
  readonly scraped?: number;
  /** Samples that the server took. */
  readonly sent?: number;
  /** Bytes that went over the wire for them. */
  readonly bytes?: number;
  /** Why it failed, or why there was nothing to send. */
  readonly why?: string;
}

/** What one metric takes. */
export interface MetricShare {
  /** Its name. */
  readonly metric: string;
  /** Its series. */
  readonly series: number;
  /** Its bytes, before they are compressed. */
  readonly bytes: number;
}

/** A label that may hold what should not leave. */
export interface LabelToLookAt {
  /** Its name. */
  readonly label: string;
  /** What it seems to hold, and what says so; never a value. */
  readonly why: string;
  /** How many samples have it. */
  readonly samples: number;
}

/** What the page shows. Differences of clocks are in milliseconds, and positive where they are ahead of the client's. */
export interface ClientView {
  /** Where it reads, without secrets. */
  readonly from: string;
  /** Where it pushes to, without secrets. */
  readonly to: string | undefined;
  /** Whether that is by remote write. */
  readonly isRemoteWrite: boolean;
  /** The latest forwards, newest first. */
  readonly forwards: readonly Forward[];
  /** When the last push was taken, in milliseconds since the epoch. */
  readonly lastPushMs: number | undefined;
  /** Failures in a row. */
  readonly failures: number;
  /** When the next forward begins, in milliseconds since the epoch; undefined while one runs. */
  readonly nextMs: number | undefined;
  /** How far the clocks of others are ahead, where that is known. */
  readonly clocks: { readonly source: number | undefined; readonly server: number | undefined };
  /** When the token that it pushes with ends, in milliseconds since the epoch; Infinity for never. */
  readonly tokenEndsMs: number | undefined;
  /** What each rule did to the last scrape. */
  readonly rules: readonly AccountEntry[];
  /** What they dropped, by metric. */
  readonly losses: readonly Loss[];
  /** What is left, the largest first. */
  readonly sizes: readonly MetricShare[];
  /** Labels to look at. */
  readonly suspects: readonly LabelToLookAt[];
  /** How it is set; secrets are left out. */
  readonly flags: readonly OptionReport[];
}
