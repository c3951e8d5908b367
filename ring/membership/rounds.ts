/**
 * What a member does as time passes, in order: it notices its own stalls and on which side of the fence it is, dials and pings, judges
 * silence, and goes on with its views and its stay.
 *
 * @module
 */

import { type Clock, note, TICK_MS } from "../protocol/effects.ts";
import type { Contacts } from "./contacts.ts";
import type { FailureDetector } from "./failure_detector.ts";
import { FenceWatch } from "./fence_watch.ts";
import type { Gossip } from "./gossip.ts";
import type { MemberTable } from "./member_table.ts";
import type { Outlook } from "./outlook.ts";
import type { PairWatch } from "./pair_watch.ts";
import type { Pings } from "./pings.ts";
import type { RingContext } from "./ring_context.ts";
import { PING_EVERY_MS } from "./silence.ts";
import type { Stay } from "./stay.ts";
import type { TableChanges } from "./table_changes.ts";
import type { ViewSuccession } from "./view_succession.ts";
import { WaitWatch } from "./wait_watch.ts";

/** A tick that is so much late means that we were not running, and that the silence was ours, in milliseconds. */
export const STALL_MS = 2_000;

/** What {@linkcode Rounds} work with, besides the ring's context. */
export interface RoundsOptions {
  /** Forgets those who are long gone. */
  readonly table: MemberTable;
  /** Dials. */
  readonly contacts: Contacts;
  /** Ping. */
  readonly pings: Pings;
  /** Judges silence. */
  readonly detector: FailureDetector;
  /** Exchanges tables. */
  readonly gossip: Gossip;
  /** Notices that one of two carries on alone. */
  readonly pair: PairWatch;
  /** Proposes and confirms views. */
  readonly views: ViewSuccession;
  /** Our stay. */
  readonly stay: Stay;
  /** How we stand. */
  readonly outlook: Outlook;
  /** Tell everybody of another stay. */
  readonly changes: TableChanges;
  /** The present time. */
  readonly now: number;
}

/** Goes round. */
export class Rounds {
  readonly #context: RingContext;
  readonly #options: RoundsOptions;
  readonly #fence: FenceWatch;
  readonly #wait: WaitWatch;
  #lastTickAt: number;
  #nextPingAt: number;

  /** Starts with the first round due. */
  constructor(context: RingContext, options: RoundsOptions) {
    this.#context = context;
    this.#options = options;
    this.#fence = new FenceWatch(context, { detector: options.detector });
    this.#wait = new WaitWatch(context, options);
    this.#lastTickAt = this.#nextPingAt = options.now;
  }

  /** Time has passed. */
  tick(clock: Clock) {
    const { table, contacts, pings, detector, gossip, pair, views, stay, outlook, changes } = this.#options;
    const { now } = clock;
    const lateMs = now - this.#lastTickAt - TICK_MS;
    this.#lastTickAt = now;
    if (lateMs > STALL_MS) this.#wakeUp(now, lateMs);
    this.#fence.tick(now);
    pair.tick(now);
    contacts.dial(now);
    if (now >= this.#nextPingAt) {
      this.#nextPingAt = now + PING_EVERY_MS;
      table.forgetGone(now);
      pings.pingAll(now);
    }
    detector.judge(now);
    views.tick(clock);
    gossip.tick(now);
    if (stay.tick(now, outlook.surroundings(now))) changes.spread([table.self], now);
    views.settle(now);
    this.#wait.tick(now);
  }

  #wakeUp(now: number, lateMs: number) {
    this.#context.emit(note("warn", "This process was stalled", { lateMs }));
    this.#options.contacts.restart();
    this.#options.detector.excuse(now);
  }
}
