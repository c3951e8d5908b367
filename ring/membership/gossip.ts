/**
 * Spreads the rows of the member table: what has changed goes to all peers at once; whole tables follow where digests differ, and
 * to some peer now and then whatever the digests say.
 *
 * @module
 */

import type { Member } from "../protocol/member.ts";
import { encodedBytes, fittingLists } from "../protocol/encoded_size.ts";
import type { MessageOf } from "../protocol/messages.ts";
import type { KeptState } from "./kept_state.ts";
import type { MemberTable } from "./member_table.ts";
import type { Peers } from "./peers.ts";
import { someOf } from "./random_peers.ts";
import { type RingContext, sendIfLinked } from "./ring_context.ts";
import { PING_EVERY_MS } from "./silence.ts";

/** How often our table goes to some peer whatever the digests say, in milliseconds. */
export const SYNC_EVERY_MS = 30_000;

/** The most bytes that the rows in one message may take: a quarter of its frame. A ring of 50 needs some 15 KB. */
export const MAX_ROWS_BYTES: number = 64 * 1_024;

/**
 * The most bytes that an agreed view may take in a message, or it is not sent: almost all of its frame. Fifty members with names, hosts
 * and addresses of 255 characters, each of which takes six bytes, need some 230 KB.
 */
export const MAX_AGREED_BYTES: number = 248 * 1_024;

/** What {@linkcode Gossip} works with, besides the ring's context. */
export interface GossipOptions {
  /** The rows. */
  readonly table: MemberTable;
  /** Who is linked. */
  readonly peers: Peers;
  /** The last agreed view, which goes with every whole table. */
  readonly kept: KeptState;
  /** The present time. */
  readonly now: number;
}

/** Sends rows. */
export class Gossip {
  readonly #context: RingContext;
  readonly #options: GossipOptions;
  #nextSyncAt: number;

  /** Starts with nothing sent. */
  constructor(context: RingContext, options: GossipOptions) {
    this.#context = context;
    this.#options = options;
    this.#nextSyncAt = options.now + SYNC_EVERY_MS;
  }

  /** Tells every peer of rows that have changed. */
  spread(rows: readonly Member[]) {
    for (const name of this.#options.peers.linked()) this.#send(name, { rows, full: false, reply: false });
  }

  /** Sends the whole table to a peer; with `reply` it is to send its own back. */
  sendTable(name: string, { reply }: { reply: boolean }) {
    const { table, kept } = this.#options;
    this.#send(name, { rows: [...table.rows()], agreed: kept.agreed, full: true, reply });
  }

  /** What a peer has said differs from what we know: exchanges whole tables, though not more often than there are pings. */
  compare(name: string, { table: digest, epoch, now }: { table: string; epoch: number; now: number }) {
    const { table, peers, kept } = this.#options;
    if (digest === table.digest && epoch <= kept.epoch) return;
    if (peers.maySync(name, { now, everyMs: PING_EVERY_MS })) this.sendTable(name, { reply: true });
  }

  /** Time has passed. */
  tick(now: number) {
    if (now < this.#nextSyncAt) return;
    this.#nextSyncAt = now + SYNC_EVERY_MS;
    for (const name of someOf(this.#options.peers.linked(), { count: 1, random: this.#context.random })) {
      this.sendTable(name, { reply: true });
    }
  }

  /** Sends rows, in as many messages as they need; what is said of all of them goes with the last. */
  #send(to: string, { rows, agreed, full, reply }: Omit<MessageOf<"TABLE">, "type" | "request">) {
    const lists = fittingLists(rows, { maxBytes: MAX_ROWS_BYTES });
    let last = lists.pop()!;
    for (const list of lists) {
      sendIfLinked(this.#context, to, { type: "TABLE", request: 0, rows: list, full: false, reply: false });
    }
    const agreedBytes = agreed === undefined ? 0 : encodedBytes(agreed);
    const known = agreed !== undefined && agreedBytes <= MAX_AGREED_BYTES ? { agreed } : {};
    if (agreedBytes > MAX_ROWS_BYTES && last.length > 0) {
      sendIfLinked(this.#context, to, { type: "TABLE", request: 0, rows: last, full: false, reply: false });
      last = [];
    }
    sendIfLinked(this.#context, to, { type: "TABLE", request: 0, rows: last, ...known, full, reply });
  }
}
