/**
 * What of a peer's tables and proposals is believed: numbers that the ring can go on from, and views of members that are known to exist.
 *
 * @module
 */

import type { AgreedView } from "../protocol/agreed_view.ts";
import { type Clock, note } from "../protocol/effects.ts";
import { isBelieved } from "../protocol/headroom.ts";
import type { Message, MessageOf } from "../protocol/messages.ts";
import type { RingContext } from "./ring_context.ts";

/** How often the log has a line of numbers that are not believed, in milliseconds. */
const UNBELIEVED_TOLD_MS = 60_000;

/** The check. */
export class Plausibility {
  readonly #context: RingContext;
  readonly #wasLinked: (name: string) => boolean;
  #toldAt = -Infinity;

  /** `wasLinked` says whether this process has ever been linked with a member. */
  constructor(context: RingContext, { wasLinked }: { wasLinked: (name: string) => boolean }) {
    this.#context = context;
    this.#wasLinked = wasLinked;
  }

  /** The part of a table that is believed. */
  table(from: string, table: MessageOf<"TABLE">, { now, wall }: Clock): MessageOf<"TABLE"> {
    const rows = table.rows.filter(({ incarnation }) => isBelieved(incarnation, wall));
    const isCounted = table.agreed === undefined || isBelieved(table.agreed.epoch, wall);
    const agreed = table.agreed !== undefined && isCounted && this.#knowsMost(table.agreed) ? table.agreed : undefined;
    if (rows.length === table.rows.length && isCounted) return { ...table, agreed };
    if (now - this.#toldAt >= UNBELIEVED_TOLD_MS) {
      this.#toldAt = now;
      const sentence =
        "A peer tells of an incarnation or an epoch that no member can have: restart it, and look at clocks";
      this.#context.emit(note("warn", sentence, { member: from }));
    }
    return { ...table, rows, agreed };
  }

  /** A message of the consensus as it is to be taken: nobody votes for a view whose epoch is beyond belief. */
  ballot(message: Message, { wall }: Clock): Message {
    if (message.type !== "ACCEPT" || isBelieved(message.agreed.epoch, wall)) return message;
    return { type: "OUTVOTED", request: 0, epoch: 0, ballot: message.ballot };
  }

  /**
   * Whether most of a view are members that this process has been linked with. One of members that nobody has ever heard would fence
   * the ring for good; where they are there, the same is told again once they are linked.
   */
  #knowsMost({ members }: AgreedView): boolean {
    const known = members.filter(({ name }) => name === this.#context.name || this.#wasLinked(name));
    return known.length * 2 > members.length;
  }
}
