/**
 * Finds members that have failed: whoever is silent is pinged by others as well, then suspected, then declared dead.
 *
 * {@linkcode import("./silence.ts").judgeSilence} has the rules; here is what they are applied to, once a second.
 *
 * @module
 */

import { isPresent } from "../protocol/member.ts";
import type { MemberTable } from "./member_table.ts";
import type { Peers } from "./peers.ts";
import { someOf } from "./random_peers.ts";
import { type RingContext, sendIfLinked } from "./ring_context.ts";
import { ACCUSE_AFTER_MS, judgeSilence, PING_EVERY_MS } from "./silence.ts";

/** For how long nobody is accused after a stall, in milliseconds: two rounds of pings. */
export const QUIET_AFTER_STALL_MS: number = 2 * PING_EVERY_MS;

/** How many others are asked to ping a silent member at a time. */
export const HELPERS = 3;

/** What is said of a silent member. */
export interface Accusation {
  /** How bad it is. */
  readonly status: "SUSPECT" | "DEAD";
  /** For how long nothing was heard of it, in milliseconds. */
  readonly silentMs: number;
  /** The present time. */
  readonly now: number;
}

/** What a {@linkcode FailureDetector} works with, besides the ring's context. */
export interface FailureDetectorOptions {
  /** Who should be there. */
  readonly table: MemberTable;
  /** When each was last heard. */
  readonly peers: Peers;
  /** Called with each finding. */
  readonly onSilent: (name: string, accusation: Accusation) => void;
}

/** Looks for silent members. */
export class FailureDetector {
  readonly #context: RingContext;
  readonly #options: FailureDetectorOptions;
  #quietUntil = 0;

  /** Starts with nobody silent. */
  constructor(context: RingContext, options: FailureDetectorOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** The silence was our own: starts everybody's afresh, and accuses nobody for a while. */
  excuse(now: number) {
    this.#options.peers.resetSilence(now);
    this.#quietUntil = now + QUIET_AFTER_STALL_MS;
  }

  /** Whether nobody is accused yet, after a silence of our own. */
  isQuiet(now: number): boolean {
    return now < this.#quietUntil;
  }

  /** The members to whose death we would agree. */
  accused(now: number): string[] {
    if (this.isQuiet(now)) return [];
    const { table, peers } = this.#options;
    return table.others()
      .filter((row) => isPresent(row) && peers.silentMs(row.name, now) >= ACCUSE_AFTER_MS)
      .map(({ name }) => name);
  }

  /** Judges everybody's silence. Behind the fence nobody is declared dead: it may be us who are cut off. */
  judge(now: number) {
    const { table, peers, onSilent } = this.#options;
    const others = table.others().filter(isPresent);
    const reachable = others.filter(({ name }) => peers.isReachable(name, now)).map(({ name }) => name);
    const mayDeclareDead = !this.#context.isFenced(now);
    if (this.isQuiet(now)) return;
    for (const { name, boot, status } of others) {
      const silentMs = peers.silentMs(name, now);
      const helpers = reachable.filter((helper) => helper !== name);
      const verdict = judgeSilence({
        silentMs,
        askedMs: peers.askedMs(name, now),
        accusers: helpers.filter((helper) => peers.beliefs(helper)?.accuses.includes(name)).length,
        reachable: helpers.length,
      });
      if (verdict === "none") continue;
      peers.asked(name, now);
      if (peers.mayAsk(name, { now, everyMs: PING_EVERY_MS / 2 })) {
        for (const helper of someOf(helpers, { count: HELPERS, random: this.#context.random })) {
          sendIfLinked(this.#context, helper, { type: "PING_REQ", request: 0, target: name, boot, at: now });
        }
      }
      if (verdict === "suspect" && status === "ALIVE") onSilent(name, { status: "SUSPECT", silentMs, now });
      if (verdict === "dead" && mayDeclareDead) onSilent(name, { status: "DEAD", silentMs, now });
    }
  }
}
