/**
 * What an operator may do to a source: by buttons where those are enabled, else in words.
 *
 * @module
 */

import type { FC } from "@hono/hono/jsx";
import { isForgettable, type SourceActions } from "../api/actions.ts";
import type { SourceDetails } from "../api/source_report.ts";
import { lineOfRevoked } from "../authorization/revoked_list.ts";
import { hrefOf } from "./sources_page.tsx";

/** What may be done to a source. */
export const SourceActs: FC<{
  readonly source: SourceDetails;
  readonly actions: SourceActions | undefined;
  readonly isInRing: boolean;
}> = ({ source, actions, isInRing }) => {
  const { id, state } = source;
  const canRevoke = actions?.revokes === true && state !== "revoked";
  return (
    <>
      <h2>Act</h2>
      {actions !== undefined && (canRevoke || isForgettable(source)) && (
        <div class="acts">
          {canRevoke && (
            <form
              method="post"
              action={`${hrefOf(id)}/revoke`}
              data-confirm={`Revoke ${id}? Its pushes are refused from then on, and its series are not shown any more.`}
            >
              <button type="submit" class="danger">Revoke this source</button>
            </form>
          )}
          {isForgettable(source) && (
            <form
              method="post"
              action={`${hrefOf(id)}/forget`}
              data-confirm={`Forget ${id}? What is known of it is deleted; it is new again if it pushes.`}
            >
              <button type="submit">Forget this source</button>
            </form>
          )}
        </div>
      )}
      {state === "revoked"
        ? (
          <p class="soft">
            To let it in again, take its line out of the file of <code>--revoked-file</code>
            {isInRing && " on every server"}:
          </p>
        )
        : (
          <p class="soft">
            To revoke it {canRevoke ? "by hand" : "at once"}, add this line to the file of <code>--revoked-file</code>
            {isInRing && " on every server"}:
          </p>
        )}
      <pre tabindex={0} aria-label="Its line in the list of revoked ids"><bdi>{lineOfRevoked(id)}</bdi></pre>
      {actions === undefined && (
        <p class="soft small">
          With <code>--web.enable-admin-api</code> there are buttons for that here.
        </p>
      )}
    </>
  );
};
