/**
 * What the client has done lately, for the people who look at its page.
 *
 * @module
 */

import { type MetricFamily, UNLIMITED } from "../common/exposition/metric_family.ts";
import { decodeFamilies } from "../common/exposition/protobuf.ts";
import type { Forward } from "./pages/client_view.ts";
import type { Account } from "./transforms/pipeline.ts";

/** How many forwards are remembered. */
const REMEMBERED = 12;

/** A forward that runs, or has ended: what is not known yet is absent. */
export type RunningForward = { -readonly [Key in keyof Forward]: Forward[Key] };

/** What a forward would send, or has sent. */
export interface Prepared {
  /** What the rules did to what was scraped. */
  readonly account: Account;
  /** What they left; as delimited protobuf where that is there, as objects would be garbage of the old generation a forward later. */
  readonly families: readonly MetricFamily[] | Uint8Array;
}

/** What is prepared, as families. */
export function familiesOf({ families }: Prepared): readonly MetricFamily[] {
  return families instanceof Uint8Array ? decodeFamilies(families, UNLIMITED) : families;
}

/** The latest forwards. */
export class ForwardHistory {
  readonly #forwards: RunningForward[] = [];
  /** What the last scrape came to. */
  prepared: Prepared | undefined;
  /** When the next forward begins, in milliseconds since the epoch; undefined while one runs. */
  nextMs: number | undefined;

  /** The forwards, newest first. */
  get latest(): readonly Forward[] {
    return this.#forwards;
  }

  /** A forward begins. */
  begin(startedMs: number): RunningForward {
    const forward: RunningForward = { startedMs, outcome: "running" };
    this.#forwards.unshift(forward);
    this.#forwards.length = Math.min(this.#forwards.length, REMEMBERED);
    this.nextMs = undefined;
    return forward;
  }
}
