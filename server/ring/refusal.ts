/**
 * Why the owner refuses a push, on its way through the ring to the member whose client it came from.
 *
 * @module
 */

import { LimitError } from "../../common/exposition/metric_family.ts";
import { HttpError } from "../../common/http/http.ts";
import { InvalidPushError, type InvalidReason } from "../ingest/invalid_push.ts";
import { CapacityError } from "../limits/capacity.ts";
import { tooEarly } from "../pushes/rate_limited.ts";

/** A refusal as the ring carries it. */
export interface Refused {
  /** The kind, and its reason or number of milliseconds behind a space. */
  readonly reason: string;
  /** A sentence that the client may see. */
  readonly detail: string;
}

/** What the owner's stages reject with, if the push is at fault or finds no room; what fails for other reasons is no refusal. */
export function refusalOf(error: unknown): Refused | undefined {
  const refused = (reason: string) => ({ reason, detail: (error as Error).message });
  if (error instanceof InvalidPushError) return refused(`invalid ${error.reason}`);
  if (error instanceof LimitError) return refused("limit");
  if (error instanceof CapacityError) return refused(`capacity ${error.reason}`);
  return undefined;
}

/** The refusal of a push that comes too early by the owner's count. */
export function refusalOfEarly(retryAfterMs: number): Refused {
  return { reason: `rate ${Math.ceil(retryAfterMs)}`, detail: tooEarly(retryAfterMs).message };
}

/** The error that a refusal was made of. A peer of a later version may have reasons that we do not know. */
export function errorOf({ reason, detail }: Refused): Error {
  const [, kind, particular = ""] = /^(\w{1,32})(?: (\w{1,32}))?$/.exec(reason) ?? [];
  switch (kind) {
    case "invalid":
      return new InvalidPushError(particular as InvalidReason, detail);
    case "limit":
      return new LimitError(detail);
    case "capacity":
      return new CapacityError(particular === "total_series" ? particular : "clusters", detail);
    case "rate":
      return tooEarly(Number(particular) || 0);
    default:
      return new HttpError(400, detail, { reason: "refused" });
  }
}
