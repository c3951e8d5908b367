/**
 * The flags that a program runs with, by where they are said: first those that somebody has set.
 *
 * @module
 */

import type { FC } from "@hono/hono/jsx";
import type { OptionOrigin } from "../configuration.ts";
import { plural } from "../plural.ts";
import type { OptionReport } from "../option_report.ts";

/** A table for each place where flags are said, and one of those that nobody has. */
export const FlagTables: FC<{ readonly flags: readonly OptionReport[] }> = ({ flags }) => {
  const of = (place: OptionOrigin) => flags.filter(({ from }) => from === place);
  const [commandLine, file, usual] = [of("command line"), of("file"), of("default")];
  return (
    <>
      <h2>Flags of the command line</h2>
      <div class="card">
        {commandLine.length === 0 ? <p class="empty">None.</p> : <Flags flags={commandLine} />}
      </div>
      {file.length > 0 && (
        <>
          <h2>Flags of the file of --config.file</h2>
          <div class="card">
            <Flags flags={file} />
          </div>
        </>
      )}
      <details>
        <summary>
          <h2>
            {usual.length} {plural(usual.length, "flag")} at {plural(usual.length, "its default", "their defaults")}
          </h2>
        </summary>
        <div class="card dull">
          <Flags flags={usual} />
        </div>
      </details>
    </>
  );
};

const Flags: FC<{ readonly flags: readonly OptionReport[] }> = ({ flags }) => (
  <table class="flags">
    <thead class="hidden">
      <tr>
        <th scope="col">Flag</th>
        <th scope="col">Value</th>
      </tr>
    </thead>
    <tbody>
      {flags.map(({ flag, value }) => (
        <tr>
          <th scope="row" class="id">{flag}</th>
          <td class="id">
            {value === undefined
              ? <span class="soft">not set</span>
              : value === ""
              ? <span class="soft">none</span>
              : value}
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);
