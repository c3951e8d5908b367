/**
 * How the server is set, and how far it is from its limits.
 *
 * @module
 */

import type { FC } from "@hono/hono/jsx";
import { Bar, Fact, Moment, number, toneOfShare } from "../../common/pages/page.tsx";
import { FlagTables } from "../../common/pages/flag_tables.tsx";
import type { LimitUse, ServerStatus } from "../api/status.ts";

interface StatusProps {
  readonly status: ServerStatus;
  readonly nowMs: number;
}

/** The page. */
export const StatusPage: FC<StatusProps> = ({ status, nowMs }) => {
  const { build, started, store, limits, flags } = status;
  return (
    <>
      {!store.ok && (
        <div class="note bad" role="status">The store takes no pushes now ({store.reason}): see the log.</div>
      )}
      <p class="soft">
        Telemeter {build.version} on Deno {build.deno}, started <Moment at={started} nowMs={nowMs} />.
      </p>
      <div class="card">
        <dl class="facts">{limits.map((limit) => <Limit limit={limit} />)}</dl>
      </div>
      <FlagTables flags={flags} />
    </>
  );
};

const Limit: FC<{ readonly limit: LimitUse }> = ({ limit: { flag, what, used, limit } }) => {
  const ratio = limit === 0 ? 0 : used / limit;
  return (
    <Fact name={what.charAt(0).toUpperCase() + what.slice(1)} flag={flag}>
      {number(used)} {limit === 0 ? "without a limit" : `of ${number(limit)}`}
      {limit > 0 && <Bar ratio={ratio} tone={toneOfShare(ratio)} label={`${Math.round(100 * ratio)} %`} />}
    </Fact>
  );
};
