/**
 * The context that the parts of a member work with, for tests of one part: the member `a`, which is linked with everybody and not
 * fenced, and whose effects are kept, with whatever a test wants to be different.
 *
 * @module
 */

import type { RingContext } from "../../ring/membership/ring_context.ts";
import { RingView } from "../../ring/placement/view.ts";
import type { Effect } from "../../ring/protocol/effects.ts";
import { DEFAULT_RING_LIMITS, type RingLimits } from "../../ring/protocol/ring_limits.ts";
import { row } from "./ring_rows.ts";

/** How a context differs from the default. */
export type ContextDifferences = Partial<Omit<RingContext, "limits">> & { readonly limits?: Partial<RingLimits> };

/** Makes a context; `effects` holds what was asked for through it, unless `emit` is given. */
export function ringContext(
  { limits, ...differs }: ContextDifferences = {},
): RingContext & { readonly effects: Effect[] } {
  const effects: Effect[] = [];
  const { name = "a" } = differs;
  const self = row(name), view = RingView.of([self]);
  let request = 0;
  return {
    name,
    ttlMs: 600_000,
    copies: 2,
    limits: { ...DEFAULT_RING_LIMITS, ...limits },
    self: () => self,
    memberOf: (other) => other === name ? self : undefined,
    view: () => view,
    epoch: () => 1,
    clockOf: () => undefined,
    isSettled: () => true,
    isServing: () => true,
    isCurrent: () => true,
    confirm: (onConfirmed, clock) => onConfirmed(true, clock),
    isFenced: () => false,
    isLinked: () => true,
    isFailing: () => false,
    wayTo: (name) => name,
    nextRequest: () => ++request,
    random: () => 0.5,
    emit: (effect) => void effects.push(effect),
    effects,
    ...differs,
  };
}
