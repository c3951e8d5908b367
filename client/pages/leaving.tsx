/**
 * What leaves the machine of a client, and what its rules hold back.
 *
 * @module
 */

import type { FC } from "@hono/hono/jsx";
import { number } from "../../common/pages/page.tsx";
import { Sentence } from "../../common/pages/sentence.tsx";
import { CountTable, MetricTable } from "../../common/pages/tables.tsx";
import { plural } from "../../common/plural.ts";
import { type AccountEntry, EFFECT_UNITS, type Loss } from "../transforms/pipeline.ts";
import type { ClientView } from "./client_view.ts";

/** How many metrics are shown, and how many losses. */
const SHOWN = 20;

/** The metrics that leave, the largest first, and labels that somebody should look at. */
export const Leaving: FC<Pick<ClientView, "sizes" | "suspects">> = ({ sizes, suspects }) => {
  const series = sizes.reduce((sum, { series }) => sum + series, 0);
  return (
    <>
      {suspects.length > 0 && (
        <div class="note warn">
          Labels that may hold what should not leave, unless <code>--anonymize-labels</code> hashes them:
          <ul>
            {suspects.map(({ label, why, samples }) => (
              <li>
                <span class="id">{label}</span>: {why} ({number(samples)} {plural(samples, "sample")})
              </li>
            ))}
          </ul>
        </div>
      )}
      <div class="card">
        {sizes.length === 0 ? <p class="empty">Nothing, by the last scrape.</p> : (
          <MetricTable
            metrics={sizes.slice(0, SHOWN).map(({ metric: name, series, bytes }) => ({ name, series, bytes }))}
            bytes="Bytes"
            caption={
              <>
                {number(series)} series of {number(sizes.length)} {plural(sizes.length, "metric")}, by the last scrape
                {sizes.length > SHOWN && `; the ${SHOWN} largest`}. <a href="/federate">The last push as text</a>
              </>
            }
          />
        )}
      </div>
    </>
  );
};

/** What each rule did. */
export const Rules: FC<{ readonly rules: readonly AccountEntry[] }> = ({ rules }) =>
  rules.length === 0 ? <p class="empty">Nothing: all of it leaves as it is.</p> : (
    <CountTable of="Rule" counted="Did">
      {rules.map(({ rule, effect, count }) => (
        <tr>
          <th scope="row">{rule}</th>
          <td class="num">{effect} {number(count)} {plural(count, EFFECT_UNITS[effect])}</td>
        </tr>
      ))}
    </CountTable>
  );

/** What was dropped, and what mends that. */
export const Losses: FC<{ readonly losses: readonly Loss[] }> = ({ losses }) => (
  <>
    <h2>Samples that do not leave</h2>
    <div class="card">
      <table>
        <thead>
          <tr>
            <th scope="col">Metric</th>
            <th scope="col" class="num">Samples</th>
            <th scope="col">Why</th>
          </tr>
        </thead>
        <tbody>
          {losses.toSorted((a, b) => b.count - a.count).slice(0, SHOWN).map(({ metric, count, why }) => (
            <tr>
              <th scope="row" class="id">{metric}</th>
              <td class="num">{number(count)}</td>
              <td class="why small">
                <Sentence text={why} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  </>
);
