/**
 * How the server is set, and how far it is from its limits.
 *
 * @module
 */

import type { FC } from "@hono/hono/jsx";
import { Bar, Fact, Moment, number, toneOfShare } from "../../common/pages/page.tsx";
import { FlagTables } from "../../common/pages/flag_tables.tsx";
import type { HeldClusters, LimitUse, ServerStatus } from "../api/status.ts";

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
        <dl class="facts">
          {limits.map((limit) => (
            <Limit limit={limit} clusters={limit.flag === "--limit-clusters" ? status.clusters : undefined} />
          ))}
        </dl>
      </div>
      <FlagTables flags={flags} />
    </>
  );
};

interface LimitProps {
  readonly limit: LimitUse;
  /** What has become of what is limited, where that is clusters. */
  readonly clusters: HeldClusters | undefined;
}

const Limit: FC<LimitProps> = ({ limit: { flag, what, used, limit }, clusters }) => {
  const ratio = limit === 0 ? 0 : used / limit;
  return (
    <Fact name={what.charAt(0).toUpperCase() + what.slice(1)} flag={flag}>
      {number(used)} {limit === 0 ? "without a limit" : `of ${number(limit)}`}
      {limit > 0 && <Bar ratio={ratio} tone={toneOfShare(ratio)} label={`${Math.round(100 * ratio)} %`} />}
      {clusters !== undefined && (
        <div class="small soft">
          shows {number(clusters.shown)}
          {clusters.standby !== undefined && `, stands by for ${number(clusters.standby)}`}
        </div>
      )}
    </Fact>
  );
};
