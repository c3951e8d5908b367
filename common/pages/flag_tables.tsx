/**
 * The flags that a program runs with: first those that somebody has set.
 *
 * @module
 */

import type { FC } from "@hono/hono/jsx";
import type { OptionReport } from "../option_report.ts";

/** Two tables, of the flags that are set and of those at their defaults. */
export const FlagTables: FC<{ readonly flags: readonly OptionReport[] }> = ({ flags }) => {
  const set = flags.filter(({ from }) => from !== "default"), usual = flags.filter(({ from }) => from === "default");
  return (
    <>
      <h2>Flags that are set</h2>
      <div class="card">
        {set.length === 0 ? <p class="empty">None: all are at their defaults.</p> : <Flags flags={set} />}
      </div>
      <h2>Flags at their defaults</h2>
      <div class="card dull">
        <Flags flags={usual} />
      </div>
    </>
  );
};

const Flags: FC<{ readonly flags: readonly OptionReport[] }> = ({ flags }) => (
  <table class="flags">
    <thead class="hidden">
      <tr>
        <th scope="col">Flag</th>
        <th scope="col">Value, and where it is said</th>
      </tr>
    </thead>
    <tbody>
      {flags.map(({ flag, value, from }) => (
        <tr>
          <th scope="row" class="id">{flag}</th>
          <td class="id">
            {value === undefined
              ? <span class="soft">not set</span>
              : value === ""
              ? <span class="soft">none</span>
              : value} {from !== "default" && <span class="soft small">by the {from}</span>}
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);
