/**
 * All that is known of one source.
 *
 * @module
 */

import type { FC } from "@hono/hono/jsx";
import { Bar, byteSize, Moment, number, shortDuration, type Tone } from "../../common/pages/page.tsx";
import type { SourceDetails } from "../api/source_report.ts";
import { NEAR_LIMIT, SOURCE_LIMITS } from "../directory/source.ts";
import { AgeBar, SourceStateMark } from "./sources_page.tsx";

/** What the page shows. */
export interface SourcePageProps {
  /** The source. */
  readonly source: SourceDetails;
  /** The label that holds the cluster id. */
  readonly partitionLabel: string;
  /** Now, in milliseconds since the epoch. */
  readonly nowMs: number;
}

/** The page. */
export const SourcePage: FC<SourcePageProps> = ({ source, partitionLabel, nowMs }) => {
  const { id, state, lastRefusal, refusals, largest, timeline } = source;
  const match = `{${partitionLabel}=${JSON.stringify(id)}}`;
  return (
    <>
      <p>
        <SourceStateMark state={state} /> <span class="soft">{adviceOf(source)}</span>
      </p>
      {lastRefusal !== undefined && (
        <div class={`note ${state === "refused" ? "bad" : ""}`}>
          <strong>Refused</strong> <Moment at={lastRefusal.at} nowMs={nowMs} /> with {lastRefusal.status}{" "}
          ({lastRefusal.reason}, {STAGES[lastRefusal.stage]}): {lastRefusal.why}{" "}
          <span class="soft">{number(refusals)} in all.</span>
        </div>
      )}
      <div class="card">
        <Facts source={source} nowMs={nowMs} />
      </div>
      <h2>Last pushes</h2>
      <div class="card pad">
        <Timeline timeline={timeline} nowMs={nowMs} />
      </div>
      <h2>Left out of the last push</h2>
      <div class="card">
        <LeftOut source={source} />
      </div>
      <h2>Largest metrics</h2>
      <div class="card">
        {largest.length === 0 ? <p class="empty">It shows nothing now.</p> : (
          <div class="scroll">
            <table>
              <thead>
                <tr>
                  <th scope="col">Metric</th>
                  <th scope="col" class="num">Series</th>
                  <th scope="col" class="num">On the page</th>
                </tr>
              </thead>
              <tbody>
                {largest.map(({ name, bytes, series }) => (
                  <tr>
                    <th scope="row" class="id">{name}</th>
                    <td class="num">{number(series)}</td>
                    <td class="num nowrap">{byteSize(bytes)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </div>
      <h2>See for yourself</h2>
      <p>
        <a href={`/federate?match[]=${encodeURIComponent(match)}`}>Its series as they are scraped</a>, at the server
        that owns it.
      </p>
      <p class="soft">
        To revoke it, add its id as a line to the file of <code>--revoked-file</code> on every server.
      </p>
    </>
  );
};

const STAGES = { authorize: "at /authorize", token: "by its token", push: "at /upload" } as const;

function adviceOf({ state, silentAfterSeconds, lastPush, near }: SourceDetails): string {
  switch (state) {
    case "refused":
      return "What it sent last was refused: its client, or a limit here, must change.";
    case "silent":
      return lastPush === undefined
        ? "It has never pushed."
        : `It has not pushed for ${
          shortDuration(1_000 * silentAfterSeconds)
        }, three times as long as usual: see whether its client runs.`;
    case "revoked":
      return "Its id is revoked.";
    case "up":
      return near.length === 0
        ? "Its pushes come as expected."
        : `It is near ${near.map((name) => `--limit-${name}`).join(", ")}.`;
  }
}

const Facts: FC<{ readonly source: SourceDetails; readonly nowMs: number }> = ({ source, nowMs }) => {
  const {
    lastPush,
    firstSeen,
    expectedIntervalSeconds,
    skewSeconds,
    pushes,
    transport,
    sender,
    token,
    owner,
    standby,
  } = source;
  return (
    <dl class="facts">
      <div>
        <dt>Last push</dt>
        <dd>
          {lastPush === undefined ? "never" : (
            <>
              <Moment at={lastPush} nowMs={nowMs} />
              <AgeBar source={source} />
            </>
          )}
        </dd>
      </div>
      <div>
        <dt>Usually every</dt>
        <dd>
          {expectedIntervalSeconds === undefined ? "not known yet" : shortDuration(1_000 * expectedIntervalSeconds)}
        </dd>
      </div>
      {skewSeconds !== undefined && (
        <div>
          <dt>Newest sample behind its arrival</dt>
          <dd>{skewSeconds.toFixed(1)} s</dd>
        </div>
      )}
      {SOURCE_LIMITS.map((name) => {
        const { used, limit, ratio } = source.limits[name];
        const tone: Tone = ratio >= 1 ? "bad" : ratio >= NEAR_LIMIT ? "warn" : "good";
        const text = name === "bytes" ? byteSize : number;
        return (
          <div>
            <dt>
              {name} <span class="nowrap">(--limit-{name})</span>
            </dt>
            <dd>
              {text(used)} of {text(limit)}
              <Bar ratio={ratio} tone={tone} label={`${Math.round(100 * ratio)} %`} />
            </dd>
          </div>
        );
      })}
      <div>
        <dt>First seen</dt>
        <dd>
          <Moment at={firstSeen} nowMs={nowMs} />, {number(pushes)} {pushes === 1 ? "push" : "pushes"} accepted
        </dd>
      </div>
      {transport !== undefined && (
        <div>
          <dt>Sent as</dt>
          <dd>{transport}</dd>
        </div>
      )}
      {sender !== undefined && (
        <div>
          <dt>Client</dt>
          <dd>{sender.userAgent || "unnamed"}, from {sender.address}</dd>
        </div>
      )}
      {token !== undefined && (
        <div>
          <dt>Token ends</dt>
          <dd>
            <Moment at={token.ends} nowMs={nowMs} />
            <span class="soft small">
              , key <span class="id">{token.keyId}</span>
            </span>
          </dd>
        </div>
      )}
      {owner !== undefined && (
        <div>
          <dt>Owner and standby</dt>
          <dd>{owner}, {standby ?? "no standby"}</dd>
        </div>
      )}
    </dl>
  );
};

const HEIGHT = 90, WIDTH = 720, FOOT = 12;

/** The last pushes: when each came, and how large it was; refused ones in full height. */
const Timeline: FC<{ readonly timeline: SourceDetails["timeline"]; readonly nowMs: number }> = (
  { timeline, nowMs },
) => {
  if (timeline.length === 0) return <p class="soft">None is known.</p>;
  const start = Date.parse(timeline[0].at), span = Math.max(1, nowMs - start);
  const most = Math.max(1, ...timeline.map(({ bytes }) => bytes));
  const refused = timeline.filter(({ bytes }) => bytes === 0).length;
  const accepted = timeline.length - refused;
  const words = `${accepted} accepted and ${refused} refused since ${timeline[0].at}`;
  return (
    <>
      <svg class="timeline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={words}>
        <line class="axis" x1="0" x2={String(WIDTH)} y1={String(HEIGHT - FOOT)} y2={String(HEIGHT - FOOT)} />
        {timeline.map(({ at, bytes }) => {
          const isRefused = bytes === 0;
          const height = isRefused ? HEIGHT - FOOT : Math.max(4, (bytes / most) * (HEIGHT - FOOT - 6));
          const x = ((Date.parse(at) - start) / span) * (WIDTH - 8);
          return (
            <rect
              class={isRefused ? "bad" : "good"}
              x={x.toFixed(1)}
              y={(HEIGHT - FOOT - height).toFixed(1)}
              width="6"
              height={height.toFixed(1)}
              rx="1.5"
            >
              <title>{isRefused ? `${at}: refused` : `${at}: ${byteSize(bytes)}`}</title>
            </rect>
          );
        })}
      </svg>
      <p class="soft small">
        From <Moment at={timeline[0].at} nowMs={nowMs} /> to now: {accepted}{" "}
        accepted{accepted > 0 && `, the largest of ${byteSize(most)}`}
        {refused > 0 && `, ${refused} refused`}.
      </p>
    </>
  );
};

const LeftOut: FC<{ readonly source: SourceDetails }> = ({ source: { dropped } }) => {
  const rules = Object.entries(dropped.rules);
  if (rules.length === 0 && dropped.allowList === 0) return <p class="empty">Nothing: every sample is shown.</p>;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">By</th>
          <th scope="col" class="num">Samples</th>
        </tr>
      </thead>
      <tbody>
        {dropped.allowList > 0 && (
          <tr>
            <th scope="row">the allow-list (--whitelist)</th>
            <td class="num">{number(dropped.allowList)}</td>
          </tr>
        )}
        {rules.map(([rule, count]) => (
          <tr>
            <th scope="row">
              the rule <code>{rule}</code>
            </th>
            <td class="num">{number(count)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
};
