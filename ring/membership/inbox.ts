/**
 * Where a message of membership goes: to the part that it is for, and only as far as it is believed.
 *
 * @module
 */

import type { Clock } from "../protocol/effects.ts";
import type { Hello } from "../protocol/mesh.ts";
import type { Message, MessageOf } from "../protocol/messages.ts";
import type { ClockWatch } from "./clock_watch.ts";
import type { Gossip } from "./gossip.ts";
import type { Peers } from "./peers.ts";
import type { Pings } from "./pings.ts";
import { Plausibility } from "./plausibility.ts";
import type { RingContext } from "./ring_context.ts";
import type { TableChanges } from "./table_changes.ts";
import type { ViewSuccession } from "./view_succession.ts";

/** Who takes what an {@linkcode Inbox} gets. */
export interface InboxOptions {
  /** Whoever says something is heard. */
  readonly peers: Peers;
  /** Pings and their answers. */
  readonly pings: Pings;
  /** Wall clocks. */
  readonly clocks: ClockWatch;
  /** Rows. */
  readonly changes: TableChanges;
  /** Views, and votes on them. */
  readonly views: ViewSuccession;
  /** Sends a table back where one is asked for. */
  readonly gossip: Gossip;
}

/** Takes messages. */
export class Inbox {
  readonly #options: InboxOptions;
  readonly #plausibility: Plausibility;

  /** Starts empty. */
  constructor(context: RingContext, options: InboxOptions) {
    this.#options = options;
    this.#plausibility = new Plausibility(context, { wasLinked: (name) => options.peers.wasLinked(name) });
  }

  /** Takes a message of membership's; false for any other. */
  message(from: Hello, message: Message, clock: Clock): boolean {
    const { peers, pings, clocks, views } = this.#options;
    const { now, wall } = clock;
    peers.heard(from.name, now);
    switch (message.type) {
      case "PING":
        pings.pinged(from, message, clock);
        return true;
      case "ACK":
        if (!pings.acknowledged(from, message, now)) return true;
        if (message.wall !== undefined) clocks.compare(from.name, message.wall - wall);
        views.settle(now);
        return true;
      case "PING_REQ":
        pings.requested(from, message, now);
        return true;
      case "PING_REQ_ACK":
        pings.requestAcknowledged(from.name, message, now);
        views.settle(now);
        return true;
      case "TABLE":
        this.#table(from.name, this.#plausibility.table(from.name, message, clock), clock);
        return true;
      default:
        return views.message(from.name, this.#plausibility.ballot(message, clock), clock);
    }
  }

  #table(from: string, { rows, agreed, full, reply }: MessageOf<"TABLE">, clock: Clock) {
    const { changes, views, gossip } = this.#options;
    if (agreed !== undefined) views.adopt(agreed, clock);
    changes.merge(from, rows, clock.now);
    if (full && reply) gossip.sendTable(from, { reply: false });
  }
}
