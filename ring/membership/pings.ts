/**
 * Pings and their answers, on which everything rides that members believe of the ring; and pings on behalf of others.
 *
 * ```text
 * we ── PING ──▶ peer                       we ── PING_REQ ──▶ helper ── PING ──▶ target
 *    ◀── ACK ───                               ◀─ PING_REQ_ACK ──      ◀── ACK ──
 * ```
 *
 * @module
 */

import type { Clock } from "../protocol/effects.ts";
import { fitting } from "../protocol/encoded_size.ts";
import type { Hello } from "../protocol/mesh.ts";
import type { Beliefs, MessageOf } from "../protocol/messages.ts";
import type { FailureDetector } from "./failure_detector.ts";
import type { Gossip } from "./gossip.ts";
import type { KeptState } from "./kept_state.ts";
import type { MemberTable } from "./member_table.ts";
import type { Peers } from "./peers.ts";
import { type RingContext, sendIfLinked } from "./ring_context.ts";
import type { ViewAgreement } from "./view_agreement.ts";

/** The most bytes that the names of accused members may take in a ping: a quarter of its frame. */
const MAX_ACCUSED_BYTES = 64 * 1_024;

/** What {@linkcode Pings} work with, besides the ring's context. */
export interface PingsOptions {
  /** The member table. */
  readonly table: MemberTable;
  /** Takes note of what peers say. */
  readonly peers: Peers;
  /** The last agreed view. */
  readonly kept: KeptState;
  /** Whose death we would agree to. */
  readonly detector: FailureDetector;
  /** Mends what differs. */
  readonly gossip: Gossip;
  /** Who has confirmed the present view. */
  readonly agreement: ViewAgreement;
  /** Whether we hold nothing that the member should own by the present view and may lack. */
  readonly isClearFor: (name: string) => boolean;
}

/** For whom a ping is sent. */
export type Asker = Pick<MessageOf<"PING">, "asker" | "askerBoot" | "askerAt">;

/** Sends pings and answers them. */
export class Pings {
  readonly #context: RingContext;
  readonly #options: PingsOptions;

  /** Starts with nothing sent. */
  constructor(context: RingContext, options: PingsOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Pings every peer. */
  pingAll(now: number) {
    for (const name of [...this.#options.peers.linked()]) this.ping(name, now);
  }

  /** Pings a peer, for us or for somebody else. */
  ping(name: string, now: number, asker: Asker = {}) {
    const beliefs = this.#beliefs(asker.asker ?? name, now);
    sendIfLinked(this.#context, name, { type: "PING", request: 0, at: now, ...asker, ...beliefs });
  }

  /** Answers a ping. */
  pinged({ name: from, boot }: Hello, ping: MessageOf<"PING">, { now, wall }: Clock) {
    const { asker, askerBoot, askerAt, at } = ping;
    const { peers, gossip, agreement } = this.#options;
    peers.tellsTime(from, { at, now });
    if (asker === undefined) peers.believes(from, { boot, beliefs: ping });
    // Whoever has us pinged was alive just now.
    else peers.vouched(asker, { boot: askerBoot, by: from, now });
    const beliefs = this.#beliefs(asker ?? from, now);
    sendIfLinked(this.#context, from, { type: "ACK", request: 0, at, wall, asker, askerAt, ...beliefs });
    gossip.compare(from, { table: ping.table, epoch: ping.epoch, now });
    // What it says now may have been said long ago: only an answer to a ping of ours counts.
    const confirms = asker === undefined && ping.clear && ping.view === this.#context.view().digest;
    if (confirms && !this.#context.isSettled() && !agreement.confirms(peers.confirmation(from), ping.view)) {
      this.ping(from, now);
    }
  }

  /** Takes the answer to a ping, or passes it on to whoever asked for that ping; then it is false. */
  acknowledged({ name: from, boot }: Hello, ack: MessageOf<"ACK">, now: number): boolean {
    const { asker, askerAt, at, view, table, epoch, clear, accuses } = ack;
    if (asker !== undefined) {
      const answer = { target: from, boot, at: askerAt ?? 0, view, table, epoch, clear, accuses };
      sendIfLinked(this.#context, asker, { type: "PING_REQ_ACK", request: 0, ...answer });
      return false;
    }
    this.#options.peers.answered(from, now);
    this.#options.peers.believes(from, { boot, beliefs: ack, askedAt: Math.min(at, now) });
    return true;
  }

  /** Pings a process on behalf of a peer. Another process of that name would answer as well, and keep the silent one alive. */
  requested(from: Hello, { target, boot, at }: MessageOf<"PING_REQ">, now: number) {
    if (this.#options.peers.linkOf(target)?.boot !== boot) return;
    this.ping(target, now, { asker: from.name, askerBoot: from.boot, askerAt: at });
  }

  /** Takes the answer of a process that a peer has pinged for us. */
  requestAcknowledged(from: string, answer: MessageOf<"PING_REQ_ACK">, now: number) {
    const { target, boot, at } = answer;
    const { peers } = this.#options;
    peers.vouched(target, { boot, by: from, now });
    peers.believes(target, { boot, beliefs: answer, askedAt: Math.min(at, now) });
  }

  #beliefs(receiver: string, now: number): Beliefs {
    const { table, kept, detector, isClearFor } = this.#options;
    return {
      view: this.#context.view().digest,
      table: table.digest,
      epoch: kept.epoch,
      clear: isClearFor(receiver),
      accuses: fitting(detector.accused(now), { maxBytes: MAX_ACCUSED_BYTES }),
    };
  }
}
