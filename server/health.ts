/**
 * Whether the server is alive, ready for pushes, and open: in a position to show what it owns.
 *
 * @module
 */

import type { RouteHandler } from "../common/http/app.ts";
import { HttpError } from "../common/http/http.ts";
import type { Closed } from "../ring/protocol/closed.ts";
import type { PushStore } from "./store/push_store.ts";

/** When a page is worth another try that a member of a ring does not show now. */
const CLOSED_RETRY_SECONDS = 5;

/** What is asked. */
export interface HealthSources {
  /** Must keep what is pushed. */
  readonly store: Pick<PushStore, "health">;
  /** The ring that the server is a member of, if it is in one. */
  readonly ring: { readonly closed: Closed | undefined; page(): Promise<Closed | undefined> } | undefined;
}

/** Answers that the process runs. */
export function isAlive(): Response {
  return new Response("ok\n");
}

/** Answers whether the store takes pushes and the ring lets the server show them. */
export function isReady({ store, ring }: HealthSources): RouteHandler {
  return () => {
    refuseIf(ring?.closed);
    const { health } = store;
    if (!health.ok) throw new HttpError(503, "Cannot keep pushes", { reason: "store", detail: health.reason });
    return isAlive();
  };
}

/**
 * Shows nothing while the server has no part in its ring, rather than a page that lacks what it owns; and nothing that the ring does
 * not confirm, as others may show it by now.
 */
export function whileOpen(ring: HealthSources["ring"], handler: RouteHandler): RouteHandler {
  return async (c) => {
    refuseIf(await ring?.page());
    return await handler(c);
  };
}

function refuseIf(closed: Closed | undefined) {
  if (closed !== undefined) {
    throw new HttpError(503, "Cannot show anything now", {
      detail: closed.message,
      reason: `ring_${closed.reason.replaceAll("-", "_")}`,
      headers: { "retry-after": String(CLOSED_RETRY_SECONDS) },
    });
  }
}
