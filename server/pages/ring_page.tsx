/**
 * The ring: who is there, who agrees, and what happened last.
 *
 * @module
 */

import { plural } from "../../common/plural.ts";
import type { FC } from "@hono/hono/jsx";
import { Cell, Moment, number, shortDuration, State, type Tone } from "../../common/pages/page.tsx";
import { Sentence } from "../../common/pages/sentence.tsx";
import { type Column, FoldTable } from "../../common/pages/tables.tsx";
import { endsSoon } from "../api/status.ts";
import { CertificateState } from "./certificates_page.tsx";
import type { RingMemberView, RingView } from "../api/ring_view.ts";

/** The page; without a ring it says how to make one. */
export const RingPage: FC<{ readonly ring: RingView | undefined; readonly nowMs: number }> = ({ ring, nowMs }) => {
  if (ring === undefined) {
    return (
      <div class="card empty">
        <p>This server stands alone.</p>
        <p class="small">
          <code>--listen-cluster</code> makes it a member of a ring, in which servers share the sources out.
        </p>
      </div>
    );
  }
  const { members, closed, carriesOnAlone, agrees, epoch, voters, confirmedBy, transitions } = ring;
  const living = members.filter(({ status }) => status === "ALIVE");
  return (
    <>
      {closed !== undefined && (
        <div class="note bad" role="status">
          This server shows nothing now: <Sentence text={reasonOf(ring)} />
        </div>
      )}
      {carriesOnAlone && (
        <div class="note bad" role="status">
          One of two servers carries on alone. If the other one lives, both show everything until they reach each other.
        </div>
      )}
      {!agrees && (
        <div class="note warn" role="status">
          The members do not agree on who owns what. A moment of that is usual when one comes or goes.
        </div>
      )}
      <ul class="counts">
        <li class={living.length < members.length ? "warn" : "good"}>
          <div>
            <strong>{living.length} of {members.length}</strong> alive
          </div>
        </li>
        <li class={agrees ? "good" : "warn"}>
          <div>
            <strong>{agrees ? "yes" : "no"}</strong> views agree
          </div>
        </li>
        <li>
          <div>
            <strong>{number(epoch)}</strong> {plural(epoch, "agreed view")} so far
          </div>
        </li>
        {voters.length > 0 && (
          <li>
            <div title={confirmedBy.length === 0 ? undefined : confirmedBy.join(", ")}>
              <strong>{confirmedBy.length} of {voters.length}</strong>{" "}
              confirmed the last page of this server{confirmedBy.length > 0 && ", which suffices"}
            </div>
          </li>
        )}
        <li>
          <div>
            <strong>{number(members.reduce((sum, { clusters }) => sum + (clusters?.owned ?? 0), 0))}</strong>{" "}
            sources with a stored push
          </div>
        </li>
      </ul>
      <div class="card scroll">
        <FoldTable columns={MEMBER_COLUMNS}>
          {members.map((member) => <Member member={member} isSelf={member.name === ring.name} nowMs={nowMs} />)}
        </FoldTable>
      </div>
      <p class="soft small">
        Counted here are sources whose last push is stored, at the members that have answered. <a href="/">Sources</a>
        {" "}
        also has those that are silent for longer, or were only refused.
      </p>
      <h2>What happened last</h2>
      <div class="card">
        {transitions.length === 0
          ? <p class="empty">Nothing yet.</p>
          : (
            <FoldTable columns={[{ name: "When" }, { name: "What" }]}>
              {transitions.map(({ at, what, ...fields }) => (
                <tr>
                  <td class="nowrap">
                    <Moment at={at} nowMs={nowMs} />
                  </td>
                  <td class="why">
                    <Sentence text={what} /> <span class="soft small">{fieldsText(fields)}</span>
                  </td>
                </tr>
              ))}
            </FoldTable>
          )}
      </div>
    </>
  );
};

const MEMBER_COLUMNS: readonly Column[] = [
  { name: "State" },
  { name: "Member" },
  { name: "Heard" },
  { name: "View" },
  { name: "Owned", isNumber: true },
  { name: "Standby for", isNumber: true },
  { name: "To hand over", isNumber: true },
  { name: "Copies under way", isNumber: true },
  { name: "Certificate" },
];

const Member: FC<{ readonly member: RingMemberView; readonly isSelf: boolean; readonly nowMs: number }> = (
  { member, isSelf, nowMs },
) => {
  const { pages, certificates } = member;
  const first = certificates?.toSorted((a, b) => a.days - b.days)[0];
  const { name, address, heardSecondsAgo, why, digest, clusters, transfers } = member;
  return (
    <tr>
      <td>
        <State tone={toneOf(member)} word={wordOf(member)} />
        {member.closed !== undefined && (
          <div class="soft small">
            <Sentence text={reasonOf(member)} />
          </div>
        )}
      </td>
      <th scope="row">
        {pages === undefined || isSelf ? name : <a href={`${pages}/ring`}>{name}</a>}{" "}
        {isSelf && <span class="soft">(this server)</span>}
        <div class="id soft">{address}</div>
      </th>
      <Cell label="Heard" class="nowrap">
        {isSelf ? "–" : heardSecondsAgo === undefined ? "never" : `${shortDuration(1_000 * heardSecondsAgo)} ago`}
      </Cell>
      <Cell label="View" class="id">{digest?.slice(0, 12) ?? <span class="soft">{why ?? "not known"}</span>}</Cell>
      <Cell label="Owned" class="num">{clusters === undefined ? "–" : number(clusters.owned)}</Cell>
      <Cell label="Standby for" class="num">{clusters === undefined ? "–" : number(clusters.standby)}</Cell>
      <Cell label="To hand over" class="num">
        {transfers === undefined ? "–" : number(transfers.owed)}
        {Object.entries(transfers?.owedTo ?? {}).map(([to, owed]) => (
          <div class="soft small nowrap">{number(owed)} to {to}</div>
        ))}
      </Cell>
      <Cell label="Copies under way" class="num">{transfers === undefined ? "–" : number(transfers.copies)}</Cell>
      <Cell label="Certificate" class="nowrap">
        {first === undefined ? "–" : (
          <>
            {endsSoon(first) && <CertificateState days={first.days} />} <Moment at={first.ends} nowMs={nowMs} />
          </>
        )}
      </Cell>
    </tr>
  );
};

/** Why nothing is shown, and who is waited for. */
function reasonOf({ closed = "", waitsFor }: Pick<RingMemberView, "closed" | "waitsFor">): string {
  return waitsFor === undefined ? closed : `${closed}. Waits for ${waitsFor}`;
}

function toneOf({ status, phase, closed }: RingMemberView): Tone {
  if (status === "DEAD") return "bad";
  if (status === "LEFT") return "off";
  return status === "ALIVE" && phase === "ACTIVE" && closed === undefined ? "good" : "warn";
}

function wordOf({ status, phase, closed, isWitness }: RingMemberView): string {
  if (status !== "ALIVE") return status.toLowerCase();
  if (phase !== "ACTIVE") return phase.toLowerCase();
  if (closed !== undefined) return "shows nothing";
  return isWitness ? "only votes" : "active";
}

function fieldsText(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields).map(([name, value]) =>
    `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`
  ).join(" ");
}
