/**
 * The members of a ring that did not tell what a page shows.
 *
 * @module
 */

import type { FC } from "@hono/hono/jsx";
import type { MemberAnswer } from "../api/sources.ts";

/** A note that names them, and nothing where all have told or there is no ring. */
export const Untold: FC<{ readonly members: readonly MemberAnswer[] | undefined }> = ({ members = [] }) => {
  const silent = members.filter(({ why }) => why !== undefined);
  if (silent.length === 0) return null;
  return (
    <div class="note warn" role="status">
      Not known of {silent.map(({ name, why }) => `${name}: ${why}`).join("; ")}. See the <a href="/ring">ring</a>.
    </div>
  );
};
