/**
 * What a client sends, and how that goes.
 *
 * @module
 */

import type { FC } from "@hono/hono/jsx";
import { byteSize, Cell, Fact, Moment, number, shortDuration, State, type Tone } from "../../common/pages/page.tsx";
import { Sentence } from "../../common/pages/sentence.tsx";
import type { ClientView, Forward } from "./client_view.ts";
import { Leaving, Losses, Rules } from "./leaving.tsx";

/** What is shown, and when. */
export type ForwardingPageProps = ClientView & { readonly nowMs: number };

/** From which difference of clocks on somebody should look, in milliseconds. */
const LARGE_DIFFERENCE_MS = 30_000;

/** The last time that `Date` knows. */
const MAX_TIME_MS = 8.64e15;

/** The page. */
export const ForwardingPage: FC<ForwardingPageProps> = (view) => {
  const { forwards, failures, nextMs, nowMs, rules, losses, sizes, suspects } = view;
  const last = forwards.find(({ outcome }) => outcome !== "running");
  const [tone, word, advice] = howItGoes(last, failures);
  return (
    <>
      <div class="tools">
        <State tone={tone} word={word} />
        <span class="soft">
          {advice} {nextMs === undefined
            ? "It forwards right now."
            : `${failures > 0 ? "It tries again" : "The next push is"} ${
              nextMs > nowMs ? `in ${shortDuration(nextMs - nowMs)}` : "now"
            }.`}
        </span>
        <div class="end">
          <button type="button" data-refresh="" hidden>Stop refreshing</button>
        </div>
      </div>
      {last?.why !== undefined && (
        <div class={`note ${last.outcome === "failed" ? "bad" : "warn"}`}>
          <Sentence text={last.why} />
        </div>
      )}
      <div class="card">
        <Facts {...view} />
      </div>
      <div class="pair">
        <section>
          <h2>What leaves</h2>
          <Leaving sizes={sizes} suspects={suspects} />
        </section>
        <section>
          <h2>What the rules did to the last scrape</h2>
          <div class="card">
            <Rules rules={rules} />
          </div>
          {losses.length > 0 && <Losses losses={losses} />}
        </section>
      </div>
      <h2>Last forwards</h2>
      <div class="card">
        {forwards.length === 0 ? <p class="empty">None yet.</p> : <Forwards forwards={forwards} nowMs={nowMs} />}
      </div>
    </>
  );
};

function howItGoes(last: Forward | undefined, failures: number): [tone: Tone, word: string, advice: string] {
  if (last === undefined) return ["off", "starting", "Nothing was forwarded yet."];
  if (last.outcome === "failed") {
    return [
      "bad",
      "failing",
      `${failures === 1 ? "The last forward" : `${number(failures)} forwards in a row`} failed.`,
    ];
  }
  return last.outcome === "nothing"
    ? ["warn", "nothing to send", "The rules, or what the server takes, leave nothing of what is scraped."]
    : ["good", "pushing", "The server took the last push."];
}

const Facts: FC<ForwardingPageProps> = (
  { from, to, isRemoteWrite, lastPushMs, clocks, tokenEndsMs, forwards, nowMs },
) => {
  const pushed = forwards.find(({ outcome }) => outcome === "pushed");
  return (
    <dl class="facts">
      <Fact name="Last push that was taken">
        {lastPushMs === undefined ? "none" : <Moment at={new Date(lastPushMs).toISOString()} nowMs={nowMs} />}
      </Fact>
      {pushed?.sent !== undefined && (
        <Fact name="Samples and bytes of it">{number(pushed.sent)}, {byteSize(pushed.bytes ?? 0)}</Fact>
      )}
      <Fact name="Reads" flag="--from">{from}</Fact>
      {to !== undefined && <Fact name={isRemoteWrite ? "Remote-writes to" : "Pushes to"} flag="--to">{to}</Fact>}
      <Clock name="Clock of the source" differenceMs={clocks.source} />
      <Clock name="Clock of the server" differenceMs={clocks.server} />
      {tokenEndsMs !== undefined && (
        <Fact name="Token of the server ends">
          {tokenEndsMs > MAX_TIME_MS ? "never" : (
            <>
              <Moment at={new Date(tokenEndsMs).toISOString()} nowMs={nowMs} /> and is exchanged before
            </>
          )}
        </Fact>
      )}
    </dl>
  );
};

const Clock: FC<{ readonly name: string; readonly differenceMs: number | undefined }> = ({ name, differenceMs }) => {
  if (differenceMs === undefined) return <Fact name={name}>not known yet</Fact>;
  const isLarge = Math.abs(differenceMs) >= LARGE_DIFFERENCE_MS;
  const text = Math.abs(differenceMs) < 1_500
    ? "agrees with ours"
    : `${shortDuration(Math.abs(differenceMs))} ${differenceMs > 0 ? "ahead of" : "behind"} ours`;
  return (
    <Fact name={name}>
      {text}
      {isLarge && <div class="warn-text small">Set the clocks by NTP: samples look older or newer than they are.</div>}
    </Fact>
  );
};

const OUTCOMES: Readonly<Record<Forward["outcome"], [tone: Tone, word: string]>> = {
  running: ["off", "running"],
  pushed: ["good", "pushed"],
  nothing: ["warn", "nothing"],
  failed: ["bad", "failed"],
};

const Forwards: FC<{ readonly forwards: readonly Forward[]; readonly nowMs: number }> = ({ forwards, nowMs }) => (
  <table class="fold">
    <thead>
      <tr>
        <th scope="col">Outcome</th>
        <th scope="col">Began</th>
        <th scope="col" class="num">Scraped</th>
        <th scope="col" class="num">Sent</th>
        <th scope="col" class="num">Bytes</th>
        <th scope="col">Why</th>
      </tr>
    </thead>
    <tbody>
      {forwards.map(({ outcome, startedMs, scraped, sent, bytes, why }) => (
        <tr>
          <td>
            <State tone={OUTCOMES[outcome][0]} word={OUTCOMES[outcome][1]} />
          </td>
          <Cell label="Began" class="nowrap">
            <Moment at={new Date(startedMs).toISOString()} nowMs={nowMs} />
          </Cell>
          <Cell label="Scraped" class="num">{scraped === undefined ? "–" : number(scraped)}</Cell>
          <Cell label="Sent" class="num">{sent === undefined ? "–" : number(sent)}</Cell>
          <Cell label="Bytes" class="num nowrap">{bytes === undefined ? "–" : byteSize(bytes)}</Cell>
          <Cell label="Why" class={`why small${why === undefined ? " none" : ""}`}>
            <Sentence text={why ?? ""} />
          </Cell>
        </tr>
      ))}
    </tbody>
  </table>
);
