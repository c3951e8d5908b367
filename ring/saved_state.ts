/**
 * Reads the state that the last process of this name kept. It is text from a store, of an older version perhaps: each field is checked
 * like one of a peer.
 *
 * @module
 */

import { explain } from "../common/explain.ts";
import type { Logger } from "../common/log.ts";
import type { SavedState } from "./protocol/effects.ts";
import { isBelieved } from "./protocol/headroom.ts";
import { count, optional, text as field } from "./protocol/message_fields.ts";
import { acceptorState, agreedView } from "./protocol/messages.ts";

/** Without what cannot be read a member starts as a new one: should it be known by a higher incarnation, it takes the next. */
export function readSavedState(
  text: string,
  { wall, log }: { wall: number; log: Logger },
): SavedState | undefined {
  try {
    const state: Record<keyof SavedState, unknown> = JSON.parse(text);
    const agreed = optional(agreedView)(state.agreed, "agreed");
    if (agreed !== undefined) believed(agreed.epoch, { label: "epoch", wall });
    return {
      incarnation: believed(state.incarnation, { label: "incarnation", wall }),
      flaps: count(state.flaps, "flaps"),
      disk: optional(field)(state.disk, "disk"),
      agreed,
      acceptor: optional(acceptorState)(state.acceptor, "acceptor"),
    };
  } catch (error) {
    log.warn("Cannot read the saved state of the ring: starting without it", { why: explain(error) });
  }
  return undefined;
}

/** A count that others believe too: with a higher one a member would never be let in again. */
function believed(value: unknown, { label, wall }: { label: string; wall: number }): number {
  const number = count(value, label);
  if (!isBelieved(number, wall)) {
    throw new SyntaxError(`Field '${label}' is higher than any that members believe`);
  }
  return number;
}
