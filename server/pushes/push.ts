/**
 * A push on its way, and the stages that it passes: each wraps the next, so that a server without a ring is the same chain
 * with one stage less.
 *
 * @module
 */

import type { PushContent } from "../ingest/push_content.ts";

/** A push as it came, whose body is read only when a stage asks for it. */
export interface Push extends Omit<PushContent, "body"> {
  /** The cluster id: the token's value of the partition label. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly receivedAtMs: number;
  /** The most bytes that its body may turn out to have. */
  readonly maxBytes: number;
  /** The body as received; the same bytes at every call. */
  body(): Promise<Uint8Array>;
}

/** How a push ended that was not refused; all are success to the client. */
export type PushOutcome = "stored" | "dup" | "stale";

/** What the client is told of a push that was not refused. */
export interface PushReceipt {
  /** How it ended. */
  readonly result: PushOutcome;
  /** What was left out of it and why, a sentence a line; undefined if nothing was. */
  readonly remark?: string;
  /** What became of what it held, where it is a request of remote write. */
  readonly write?: WriteReceipt;
}

/** What became of what a request of remote write held. */
export interface WriteReceipt {
  /** What came. */
  readonly received: { readonly samples: number; readonly histograms: number };
  /** What of that is left out, as it breaks a rule. */
  readonly lost: { readonly samples: number; readonly histograms: number };
  /** Exemplars that came, none of which is shown. */
  readonly exemplars: number;
}

/** Takes a push to its end. */
export interface PushStage {
  /**
   * Resolves once the push is durable where it belongs, rejects if it is refused; either way it is settled for good.
   */
  accept(push: Push): Promise<PushReceipt>;
}
