/**
 * Ids that were refused and have never pushed: mostly a new client that is set up wrongly, else somebody who tries.
 *
 * @module
 */

import type { FC } from "@hono/hono/jsx";
import { Cell, Moment, number } from "../../common/pages/page.tsx";
import { Sentence } from "../../common/pages/sentence.tsx";
import type { StrangerReport } from "../api/source_report.ts";
import { hrefOf } from "./sources_page.tsx";

/** The page. */
export const StrangersPage: FC<{ readonly strangers: readonly StrangerReport[]; readonly nowMs: number }> = (
  { strangers, nowMs },
) => (
  <>
    <p class="soft">
      Ids that were refused and have never pushed: mostly a new client that is set up wrongly. Only the latest are kept.
    </p>
    <div class="card">
      {strangers.length === 0 ? <p class="empty">Nobody unknown was refused.</p> : (
        <div class="scroll">
          <table class="fold">
            <thead>
              <tr>
                <th scope="col">Id that was claimed</th>
                <th scope="col">Last refused</th>
                <th scope="col" class="num">In a row</th>
                <th scope="col">Why</th>
              </tr>
            </thead>
            <tbody>{strangers.map((stranger) => <Row stranger={stranger} nowMs={nowMs} />)}</tbody>
          </table>
        </div>
      )}
    </div>
  </>
);

const Row: FC<{ readonly stranger: StrangerReport; readonly nowMs: number }> = ({ stranger, nowMs }) => {
  const { id, at, times, status, reason, why } = stranger;
  return (
    <tr>
      <th scope="row">
        <a class="id" href={hrefOf(id)} title={id}>{id}</a>
      </th>
      <Cell label="Refused" class="nowrap">
        <Moment at={at} nowMs={nowMs} />
      </Cell>
      <Cell label="In a row" class="num">{number(times)}</Cell>
      <Cell label="Why" class="why small">
        {status}, {reason}: <Sentence text={why} />
      </Cell>
    </tr>
  );
};

/** The page of an id that is no source. */
export const StrangerPage: FC<{ readonly stranger: StrangerReport | undefined; readonly nowMs: number }> = (
  { stranger, nowMs },
) =>
  stranger === undefined
    ? (
      <div class="card empty">
        <p>Nothing is known of a source of this id.</p>
        <p class="small">
          It has never pushed here, or so long ago that it is forgotten. What was refused to ids that never pushed is
          among the <a href="/strangers">strangers</a>.
        </p>
      </div>
    )
    : (
      <>
        <p>It has never pushed.</p>
        <div class="note bad">
          <strong>Refused</strong> <Moment at={stranger.at} nowMs={nowMs} /> with {stranger.status} ({stranger.reason}
          ): <Sentence text={`${stranger.why}.`} /> <span class="soft">{number(stranger.times)} in a row.</span>
        </div>
      </>
    );
