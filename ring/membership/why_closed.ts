/**
 * Why a member shows nothing, by what it knows of itself and of the ring.
 *
 * @module
 */

import { plainText } from "../../common/plain_text.ts";
import type { Closed } from "../protocol/closed.ts";
import type { Member } from "../protocol/member.ts";
import type { Refusal } from "../protocol/mesh.ts";

/** What a member knows. */
export interface Standing {
  /** Our own row. */
  readonly self: Member;
  /** The row of another process that is alive under our name. */
  readonly contested: Member | undefined;
  /** Why a member that we dialled lately would not link with us. */
  readonly refusal: Refusal | undefined;
  /** Whether the view has us. */
  readonly isServing: boolean;
  /** Whether we were never in a ring, and too few of those are there with whom we could begin one. */
  readonly isAlone: boolean;
  /** Whether we hear too few of the view. */
  readonly isFenced: boolean;
  /** Whether the others have confirmed a view since our stay began. */
  readonly isConfirmed: boolean;
}

/** Says why nothing may be shown; undefined if what we own may be. */
export function whyClosed(standing: Standing): Closed | undefined {
  const { self, contested, refusal, isServing } = standing;
  if (contested !== undefined) {
    return because(
      "name-taken",
      `Another process at ${plainText(contested.address)} is alive as '${self.name}'`,
    );
  }
  // A member that serves gives way to nobody but one of whom the others say so.
  if (refusal?.code === "name-taken" && self.phase === "JOINING") return because("name-taken", refusal.message);
  if (self.status === "LEFT" || (self.phase === "LEAVING" && !isServing)) {
    return because("leaving", "This member is leaving the ring");
  }
  if (self.phase === "JOINING") {
    return because(
      "joining",
      standing.isAlone
        ? "Too few of the servers that --join lists are there yet"
        : "This member has not joined the ring yet",
    );
  }
  if (!isServing) return because("joining", "The ring has not decided yet that this member serves");
  if (standing.isFenced) {
    return because("fenced", "This member has lost quorum: too few of the ring answer it");
  }
  if (!standing.isConfirmed) return because("unsettled", "The other members have not confirmed the view yet");
  return undefined;
}

function because(reason: Closed["reason"], message: string): Closed {
  return { reason, message };
}
