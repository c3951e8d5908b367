/**
 * What was refused to a source, or to somebody in its name.
 *
 * @module
 */

import type { Refusal } from "../../server/directory/source.ts";

/** A push that was refused to the source itself. */
export const BAD: Refusal = { stage: "push", path: "/upload", status: 400, reason: "identity", why: "Two identities" };

/** An initial token that was refused to somebody who has but its id. */
export const STRANGER: Refusal = {
  stage: "authorize",
  path: "/authorize",
  status: 401,
  reason: "refused",
  why: "Unknown token",
};
