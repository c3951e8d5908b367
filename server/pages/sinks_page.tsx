/**
 * Where the server forwards what it shows, and how that goes.
 *
 * @module
 */

import type { FC } from "@hono/hono/jsx";
import { Cell, Moment, number, shortDuration, State, type Tone } from "../../common/pages/page.tsx";
import { Sentence } from "../../common/pages/sentence.tsx";
import { plural } from "../../common/plural.ts";
import type { Told, ToldByMembers } from "../api/told_by_members.ts";
import { isBehind, type SinkReport } from "../sinks/sink.ts";
import { Untold } from "./untold.tsx";

const TONES: Readonly<Record<SinkReport["state"], Tone>> = { idle: "good", sending: "good", failing: "bad" };

interface SinksProps {
  readonly told: ToldByMembers<SinkReport>;
  /** The names of those that could forward and do not. */
  readonly idle: readonly string[];
  readonly nowMs: number;
}

/** The page. */
export const SinksPage: FC<SinksProps> = ({ told: { found, members }, idle, nowMs }) => {
  const isOfRing = members !== undefined;
  return (
    <>
      <Untold members={members} />
      {found.length === 0 ? <Nowhere isOfRing={isOfRing} /> : (
        <>
          <p class="soft">
            What {isOfRing ? "each server owns" : "this server shows"}{" "}
            is forwarded to these by remote write. Pushes wait for none of them: of each cluster the newest push is kept
            for a sink that is behind.
          </p>
          {idle.length > 0 && (
            <div class="note warn" role="status">
              {idle.join(", ")} {plural(idle.length, "forwards", "forward")} to no sink: set <code>--forward-url</code>
              {" "}
              the same on all servers of a ring.
            </div>
          )}
          <div class="card">
            <div class="scroll">
              <table class="fold">
                <thead>
                  <tr>
                    <th scope="col">Sink</th>
                    {isOfRing && <th scope="col">Member</th>}
                    <th scope="col">State</th>
                    <th scope="col">Last success</th>
                    <th scope="col" class="num">Clusters waiting</th>
                    <th scope="col" class="num">Behind</th>
                    <th scope="col" class="num">Samples sent</th>
                    <th scope="col" class="num">Refused</th>
                    <th scope="col" class="num">Conflated pushes</th>
                  </tr>
                </thead>
                <tbody>{found.map((sink) => <Row sink={sink} nowMs={nowMs} />)}</tbody>
              </table>
            </div>
          </div>
          {found.map((sink) =>
            sink.lastFailure && <LastFailure sink={sink} failure={sink.lastFailure} nowMs={nowMs} />
          )}
        </>
      )}
    </>
  );
};

/** How to forward. */
const Nowhere: FC<{ readonly isOfRing: boolean }> = ({ isOfRing }) => (
  <div class="card empty">
    <p>{isOfRing ? "No server of this ring forwards to a sink." : "This server forwards to no sink."}</p>
    <p class="small">
      With <code>--forward-url</code> {isOfRing ? "each forwards what it owns" : "it forwards what it shows"}{" "}
      by remote write, to Thanos Receive, Mimir, VictoriaMetrics or a Prometheus that takes it.
    </p>
  </div>
);

const Row: FC<{ readonly sink: Told<SinkReport>; readonly nowMs: number }> = ({ sink, nowMs }) => {
  const { member, url, state, version, waiting, lagSeconds, lastSuccess, sent, dropped, conflated } = sink;
  return (
    <tr>
      <th scope="row">
        <span class="id" title={url}>{url}</span> <span class="soft small">remote write {version}</span>
      </th>
      {member !== undefined && <Cell label="Member" class="nowrap">{member}</Cell>}
      <Cell label="State">
        <State tone={state !== "failing" && isBehind(sink) ? "warn" : TONES[state]} word={state} />
      </Cell>
      <Cell label="Last success" class="nowrap">
        {lastSuccess === undefined ? <span class="soft">never</span> : <Moment at={lastSuccess} nowMs={nowMs} />}
      </Cell>
      <Cell label="Clusters waiting" class="num">{number(waiting)}</Cell>
      <Cell label="Behind" class="num">{lagSeconds < 1 ? "–" : shortDuration(1_000 * lagSeconds)}</Cell>
      <Cell label="Samples sent" class="num">{number(sent)}</Cell>
      <Cell label="Refused" class="num">{number(dropped)}</Cell>
      <Cell label="Conflated pushes" class="num">{number(conflated)}</Cell>
    </tr>
  );
};

interface FailureProps {
  readonly sink: Told<SinkReport>;
  readonly failure: NonNullable<SinkReport["lastFailure"]>;
  readonly nowMs: number;
}

/** What went wrong last. */
const LastFailure: FC<FailureProps> = ({ sink: { member, url, state, waiting }, failure: { at, why }, nowMs }) => {
  return (
    <div class={`note ${state === "failing" ? "bad" : "warn"}`}>
      <strong>{url}</strong>
      {member && ` of ${member}`}, <Moment at={at} nowMs={nowMs} />: <Sentence text={why} />. {state === "failing" &&
        `It is tried again; ${number(waiting)} ${plural(waiting, "cluster waits", "clusters wait")}.`}
    </div>
  );
};
