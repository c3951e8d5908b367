/**
 * Writes the tables of `docs/configuration.md` anew: options from the tables that the programs read their command lines by, and
 * fixed bounds from the code. Run it with `deno task readme`.
 *
 * @module
 */

import { CLIENT_PROGRAM } from "../client/options.ts";
import { run } from "../common/lifecycle.ts";
import { LOG_OPTIONS, type OptionTable, type Program } from "../common/options.ts";
import { SERVER_PROGRAM } from "../server/options.ts";
import { AUTHORIZATION_SERVER } from "./authorization_server.ts";
import { CERTS } from "./certs.ts";
import { boundTables, fixedBounds, readSources } from "./documents/fixed_bounds.ts";
import { optionTable } from "./documents/option_table.ts";
import { LOAD } from "./load.ts";
import { TOKEN } from "./token.ts";

/** The command line. */
export const README: Program<typeof LOG_OPTIONS> = {
  name: "readme",
  summary: "Writes the tables of docs/configuration.md anew from the code.",
  options: LOG_OPTIONS,
};

/** The programs whose options are shown, by the names that their markers have. */
export const PROGRAMS: Readonly<Record<string, Program<OptionTable>>> = {
  server: SERVER_PROGRAM,
  client: CLIENT_PROGRAM,
  "authorization-server": AUTHORIZATION_SERVER,
  load: LOAD,
  certs: CERTS,
  token: TOKEN,
};

/** The page. */
export const CONFIGURATION: URL = new URL("../docs/configuration.md", import.meta.url);

/** The rooms whose bounds are listed. */
const ROOMS = ["client", "common", "ring", "server"];

/** The tables by marker: `options: NAME` for each program, and `bounds`. */
export async function tables(): Promise<Record<string, string>> {
  const programs = Object.entries(PROGRAMS).map(([name, program]) => [`options: ${name}`, optionTable(program)]);
  const bounds = fixedBounds(await readSources(new URL("..", import.meta.url), ROOMS));
  return { ...Object.fromEntries(programs), bounds: boundTables(bounds, { root: "../" }) };
}

/**
 * Returns a page with the tables between its markers, `<!-- MARKER -->` and `<!-- /MARKER -->`, as they should be; the end
 * marker leaves out what follows a colon.
 *
 * @throws {Error} if a marker has no table, or a table no marker.
 */
export function withTables(page: string, tables: Readonly<Record<string, string>>): string {
  const shown = new Set<string>();
  const written = page.replaceAll(
    /(<!-- ((\w+)(?:: \S+)?) -->\n)[^]*?(<!-- \/\3 -->)/g,
    (_, start: string, marker: string, _kind: string, end: string) => {
      if (!Object.hasOwn(tables, marker)) throw new Error(`Cannot fill in '${marker}': there is no such table`);
      shown.add(marker);
      return `${start}\n${tables[marker]}\n\n${end}`;
    },
  );
  const missing = Object.keys(tables).filter((marker) => !shown.has(marker));
  if (missing.length === 0) return written;
  throw new Error(`Cannot show ${missing.join(", ")}: the page has no place marked for it`);
}

if (import.meta.main) {
  await run(README, async () => {
    await Deno.writeTextFile(CONFIGURATION, withTables(await Deno.readTextFile(CONFIGURATION), await tables()));
  });
}
