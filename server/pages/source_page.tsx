/**
 * All that is known of one source.
 *
 * @module
 */

import type { FC } from "@hono/hono/jsx";
import { Bar, byteSize, Fact, Moment, number, shortDuration, toneOfShare } from "../../common/pages/page.tsx";
import { Sentence } from "../../common/pages/sentence.tsx";
import { CountTable, MetricTable } from "../../common/pages/tables.tsx";
import { plural } from "../../common/plural.ts";
import type { SourceActions } from "../api/actions.ts";
import type { RefusalReport, SourceDetails, WayReport } from "../api/source_report.ts";
import { ruleWords } from "../directory/nothing_shown.ts";
import { SOURCE_LIMITS } from "../directory/source.ts";
import { sendersOf, type SourceSender, type WayName } from "../directory/source_state.ts";
import { WINDOW_MS } from "../directory/write_window.ts";
import { SourceActs } from "./source_acts.tsx";
import { AgeBar, hrefOf, SilentFor, SourceStateMark } from "./sources_page.tsx";
import { Timeline } from "./timeline.tsx";

/** What the page shows. */
export interface SourcePageProps {
  /** The source. */
  readonly source: SourceDetails;
  /** The label that holds the cluster id. */
  readonly partitionLabel: string;
  /** What may be done to it; undefined if nothing may. */
  readonly actions: SourceActions | undefined;
  /** What has just been done to it. */
  readonly done?: string;
  /** The name of this server in a ring; undefined where there is none. */
  readonly self: string | undefined;
  /** Where the pages of its owner are, if that is another server and it is known. */
  readonly ownerPages?: string;
  /** Now, in milliseconds since the epoch. */
  readonly nowMs: number;
}

/** The page. */
export const SourcePage: FC<SourcePageProps> = (
  { source, partitionLabel, actions, done, self, ownerPages, nowMs },
) => {
  const { id, state, lastRefusal, refusals, refusedInName, remoteWrite, largest, timeline, owner } = source;
  const match = `{${partitionLabel}=${JSON.stringify(id)}}`;
  const federate = `/federate?match[]=${encodeURIComponent(match)}`;
  return (
    <>
      {done === "revoked" && (
        <div class="note" role="status">
          Revoked at this server.{self !== undefined &&
            " The other members have lists of their own: revoke it there as well."}
        </div>
      )}
      <p>
        <SourceStateMark state={state} />{" "}
        <span class="soft">
          {source.silentSince !== undefined && (
            <>
              Silent <SilentFor since={source.silentSince} nowMs={nowMs} />.{" "}
            </>
          )}
          <Sentence text={adviceOf(source)} />
        </span>
      </p>
      {lastRefusal !== undefined && (
        <div class={`note ${state === "refused" ? "bad" : ""}`}>
          <strong>Refused</strong> <Moment at={lastRefusal.at} nowMs={nowMs} /> with {lastRefusal.status}{" "}
          ({whereOf(lastRefusal)}): <Sentence text={`${lastRefusal.why}. ${remedyText(lastRefusal)}`} />{" "}
          <span class="soft">{number(refusals)} in all.</span>
        </div>
      )}
      {refusedInName !== undefined && (
        <div class="note">
          <strong>Somebody was refused in its name</strong> <Moment at={refusedInName.at} nowMs={nowMs} /> with{" "}
          {refusedInName.status} ({whereOf(refusedInName)}): <Sentence text={`${refusedInName.why}.`} />{" "}
          <span class="soft">
            {number(refusedInName.timesSince)} {plural(refusedInName.timesSince, "time")} since{" "}
            <Moment at={refusedInName.since} nowMs={nowMs} />, {number(refusedInName.times)}{" "}
            in all. Nobody has shown to be the source there: it may be its own client with a wrong secret, or somebody
            who has but its id. How it fares does not depend on that.
          </span>
        </div>
      )}
      <div class="card">
        <Facts source={source} ownerPages={ownerPages} nowMs={nowMs} />
      </div>
      <h2>Last pushes</h2>
      <div class="card pad">
        <Timeline timeline={timeline} nowMs={nowMs} />
      </div>
      <div class="pair">
        <section>
          {(source.pushes > 0 || remoteWrite === undefined) && (
            <>
              <h2>Left out of the last push</h2>
              <div class="card">
                {source.lastPush === undefined
                  ? <p class="empty">No push was accepted yet.</p>
                  : <LeftOut dropped={source.dropped} />}
              </div>
            </>
          )}
          {remoteWrite !== undefined && (
            <>
              <h2>Left out of {remoteWrite.seconds} s of remote write</h2>
              <div class="card">
                <LeftOut dropped={remoteWrite.dropped} />
              </div>
            </>
          )}
        </section>
        <section>
          <h2>Largest metrics</h2>
          <div class="card">
            <Largest largest={largest} />
          </div>
        </section>
      </div>
      <h2>See its series</h2>
      <p>
        {owner === undefined || owner === self ? <a href={federate}>Its series as a Prometheus gets them</a> : (
          <>
            They are at <strong>{owner}</strong>, which owns it: {ownerPages === undefined
              ? (
                <>
                  ask that server for <code class="id">{federate}</code>
                </>
              )
              : <a href={ownerPages + federate}>its series as a Prometheus gets them there</a>}
          </>
        )}. In the central Prometheus they are <code class="id">{match}</code>.
      </p>
      <SourceActs source={source} actions={actions} isInRing={self !== undefined} />
    </>
  );
};

/** The flag that would let in what was refused. */
function remedyText({ raise, lower }: RefusalReport): string {
  if (raise !== undefined) return `To let it in, raise ${raise}.`;
  return lower === undefined ? "" : `To let it in, lower ${lower}.`;
}

/** Why something was refused, in a word, and where. */
function whereOf({ reason, path }: RefusalReport): string {
  return path === "" ? reason : `${reason}, at ${path}`;
}

function adviceOf(source: SourceDetails): string {
  const { state, near } = source;
  switch (state) {
    case "refused":
      return refusalAdvice(source);
    case "silent":
      return silenceOf(source);
    case "revoked":
      return "Its id is revoked: whatever it sends is refused.";
    case "up":
      if (source.nothingShownBy !== undefined) return blankAdvice(source.nothingShownBy);
      return near.length === 0 ? "What it sends comes as expected." : nearAdvice(source);
  }
}

/** What is to be done where all that comes breaks rules. */
function blankAdvice(rules: readonly string[]): string {
  const told = rules.map((rule) => {
    const { what, mend } = ruleWords(rule);
    return `${what} (${rule}): ${mend}`;
  });
  return `What it sends comes as expected, but nothing of it is shown: ${told.join("; ")}.`;
}

/** What a limit does to what comes by the ways of a source, before it is reached and once it is. */
function nearAdvice({ near, limits, ways }: SourceDetails): string {
  const isPast = SOURCE_LIMITS.some((name) => near.includes(name) && limits[name].ratio >= 1);
  const has = (name: WayName) => ways.some(({ way }) => way === name);
  const effects: string[] = [];
  if (has("push")) effects.push("past a limit a push is refused as a whole");
  if (has("remote write") && near.includes("series")) {
    effects.push("past --limit-series new series are left out, and those it has are taken");
  }
  if (has("remote write") && near.includes("bytes")) effects.push("a request past --limit-bytes is refused");
  if (has("remote write") && near.includes("families")) effects.push("a request past --limit-families is refused");
  const flags = near.map((name) => `--limit-${name}`).join(", ");
  const when = isPast ? "but has reached a limit" : "and soon will not fit";
  return `What it sends comes as expected, ${when}: ${effects.join("; ")}. Raise ${flags} here, or have it send less.`;
}

/** What has to change, where the reason of the refusal says it. */
const CHANGES: ReadonlyMap<string, string> = new Map(Object.entries({
  limit: "it sends more than a limit here takes. Have it send less, or raise the limit that the sentence below is of",
  body_size: "it sends more bytes than --limit-bytes takes. Have it send less, or raise that",
  identity: "its series carry the label of another cluster. Compare --id and --label of its client",
  capacity: "this server is full. Raise --limit-clusters or --limit-total-series, or add a server to the ring",
  memory: "this server is short of memory. Give it more, or add a server to the ring",
}));

function refusalAdvice({ lastRefusal }: SourceDetails): string {
  if (lastRefusal?.raise !== undefined) {
    return `What it sent last was refused: have it send less, or raise ${lastRefusal.raise} here.`;
  }
  const change = CHANGES.get(lastRefusal?.reason ?? "") ?? "its client, or a limit here, must change";
  return `What it sent last was refused: ${change}.`;
}

function silenceOf(source: SourceDetails): string {
  const { silentAfterSeconds, expectedIntervalSeconds, lastPush } = source;
  if (lastPush === undefined) return "It has never pushed.";
  const patience = shortDuration(1_000 * silentAfterSeconds);
  const why = expectedIntervalSeconds === undefined ? "after its first push" : "far longer than usual";
  const senders = sendersOf(source.ways.map(({ way }) => way), source.sender?.userAgent);
  const what = senders.includes("prometheus") ? "It has sent nothing" : "It has not pushed";
  return `${what} for more than ${patience}, ${why}. ${senders.map((sender) => TO_LOOK_AT[sender]).join(" ")}`;
}

/** What to look at where nothing comes. */
const TO_LOOK_AT: Readonly<Record<SourceSender, string>> = {
  client: "See whether its client runs, and what that logs.",
  prometheus:
    "See how the remote_write queue of its Prometheus does, by prometheus_remote_storage_samples_pending and " +
    "prometheus_remote_storage_samples_failed_total there, and what that logs.",
};

const Facts: FC<Pick<SourcePageProps, "source" | "ownerPages" | "nowMs">> = ({ source, ownerPages, nowMs }) => {
  const { lastPush, firstSeen, skewSeconds, ways, remoteWrite } = source;
  const { transport, sender, token, owner, standby } = source;
  // What was sent since was taken.
  const over = source.state === "refused" ? source.lastRefusal?.over : undefined;
  return (
    <dl class="facts">
      <Fact name={ways.length === 1 && ways[0].way === "remote write" ? "Last request" : "Last push"}>
        {lastPush === undefined ? "never" : (
          <>
            <Moment at={lastPush} nowMs={nowMs} />
            <AgeBar source={source} />
          </>
        )}
      </Fact>
      {SOURCE_LIMITS.map((name) => {
        const { used, limit, ratio } = source.limits[name];
        const text = name === "bytes" ? byteSize : number;
        return (
          <Fact name={capital(name)} flag={`--limit-${name}`}>
            {text(used)} of {text(limit)}
            {over?.limit === name && <div class="warn-text small">{text(over.sent)} refused</div>}
            <LimitBar ratio={over?.limit === name ? over.sent / limit : ratio} />
          </Fact>
        );
      })}
      {ways.length < 2 && <Fact name="Usually every">{usuallyEvery(ways[0])}</Fact>}
      {remoteWrite !== undefined && (
        <Fact name="By remote write">
          {number(remoteWrite.requests)} {plural(remoteWrite.requests, "request")} in {remoteWrite.seconds} s, with{" "}
          {number(remoteWrite.samples)} {plural(remoteWrite.samples, "sample")} in {byteSize(remoteWrite.bytes)}
        </Fact>
      )}
      {skewSeconds !== undefined && (
        <Fact name="Newest sample behind its arrival">
          <Skew seconds={skewSeconds} />
        </Fact>
      )}
      <Fact name="First seen">
        <Moment at={firstSeen} nowMs={nowMs} />, {acceptedText(source)} accepted
      </Fact>
      {ways.length < 2 && transport !== undefined && <Fact name="Sent as">{transport}</Fact>}
      {ways.length > 1 && ways.map((way) => (
        <Fact name={way.way === "push" ? "Pushes" : "Remote write"}>
          {way.transport}, last <Moment at={way.last} nowMs={nowMs} />, usually every {usuallyEvery(way)}
          {way.silentSince !== undefined && (
            <div class="warn-text small">
              Silent <SilentFor since={way.silentSince} nowMs={nowMs} />
            </div>
          )}
        </Fact>
      ))}
      {sender !== undefined && <Fact name="Client">{sender.userAgent || "unnamed"}, from {sender.address}</Fact>}
      {token !== undefined && (
        <Fact name="Token ends">
          <Moment at={token.ends} nowMs={nowMs} />
          <span class="soft small" title={token.keyId}>
            , key <span class="id">{token.keyId.length > 16 ? `${token.keyId.slice(0, 12)}…` : token.keyId}</span>
          </span>
        </Fact>
      )}
      {owner !== undefined && (
        <Fact name="Owner and standby">
          {ownerPages === undefined ? owner : <a href={ownerPages + hrefOf(source.id)}>{owner}</a>},{" "}
          {standby ?? "no standby"}
        </Fact>
      )}
    </dl>
  );
};

function usuallyEvery(way: WayReport | undefined): string {
  if (way?.expectedIntervalSeconds === undefined) return "not known yet";
  const { expectedIntervalSeconds: seconds } = way;
  // Requests within a window count as one.
  const isSteady = way.way === "remote write" && seconds < STEADY_WINDOWS * WINDOW_MS / 1_000;
  return isSteady ? `${WINDOW_MS / 1_000} s or less` : shortDuration(1_000 * seconds);
}

/** Requests come all the time if not so many windows lie between the starts of two. */
const STEADY_WINDOWS = 1.5;

function acceptedText({ ways, pushes }: SourceDetails): string {
  const counts = ways.map(({ way, accepted }) =>
    `${number(accepted)} ${way === "push" ? plural(accepted, "push", "pushes") : plural(accepted, "request")}`
  );
  return counts.length > 0 ? counts.join(" and ") : `${number(pushes)} pushes`;
}

const LimitBar: FC<{ readonly ratio: number }> = ({ ratio }) => (
  <Bar ratio={ratio} tone={toneOfShare(ratio)} label={`${Math.round(100 * ratio)} %`} />
);

/** From how many seconds on clocks need somebody's attention, as the client has it. */
const LARGE_SKEW_SECONDS = 30;

const Skew: FC<{ readonly seconds: number }> = ({ seconds }) => (
  <>
    {seconds.toFixed(1)} s
    {Math.abs(seconds) >= LARGE_SKEW_SECONDS && (
      <div class="warn-text small">Set the clock of its Prometheus, or see why its pushes take so long.</div>
    )}
  </>
);

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

const Largest: FC<Pick<SourceDetails, "largest">> = ({ largest }) =>
  largest.length === 0
    ? <p class="empty">It shows nothing now.</p>
    : <MetricTable metrics={largest} bytes="On the page" />;

const LeftOut: FC<Pick<SourceDetails, "dropped">> = ({ dropped }) => {
  const rules = Object.entries(dropped.rules);
  if (rules.length === 0 && dropped.allowList === 0) return <p class="empty">Nothing: every sample is shown.</p>;
  return (
    <CountTable of="By" counted="Samples">
      {dropped.allowList > 0 && (
        <tr>
          <th scope="row">
            the allow-list (--whitelist){dropped.metrics !== undefined && ", most of these metrics:"}
          </th>
          <td class="num">{number(dropped.allowList)}</td>
        </tr>
      )}
      {dropped.metrics?.map(({ name, samples }) => (
        <tr>
          <td class="id part">{name}</td>
          <td class="num soft">{number(samples)}</td>
        </tr>
      ))}
      {rules.map(([rule, count]) => (
        <tr>
          <th scope="row">
            the rule <code>{rule}</code>
          </th>
          <td class="num">{number(count)}</td>
        </tr>
      ))}
    </CountTable>
  );
};
