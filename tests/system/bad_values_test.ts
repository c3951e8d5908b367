/** What the programs say of values of options that they cannot use: each names the flag, the value and what is accepted. */

import assert from "node:assert/strict";
import { CLIENT_OPTIONS, CLIENT_PROGRAM } from "../../client/options.ts";
import { flagOf, type OptionRow, type OptionTable, parseOptions, type Program } from "../../common/options.ts";
import { SERVER_OPTIONS, SERVER_PROGRAM } from "../../server/options.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** A value that no option of such a placeholder takes; those that are not here take any text. */
const BAD: Readonly<Record<string, string>> = {
  N: "many",
  BYTES: "1MB",
  DURATION: "soon",
  URL: "nowhere",
  "HOST:PORT": "nowhere",
  "": "maybe",
  "NAME=VALUE": "name",
  "OLD=NEW": "old",
  "KIND:NAME": "cn:{cluster}",
  "NETWORK[,NETWORK]": "10.0.0.0/99",
  "debug|info|warn|error": "loud",
  "text|json": "xml",
};

/** What any text is taken for: its use is checked with the files and other options that it goes with. */
const ANY_TEXT = /^(?:TEXT|FILE|DIR|NAME\[,NAME\])$/;

/** Those whose value may hold a secret, which is not repeated. */
const IS_QUIET = (name: string) => /proxy$/i.test(name);

const PROGRAMS: readonly (readonly [program: Program<OptionTable>, table: OptionTable, needed: readonly string[]])[] = [
  [CLIENT_PROGRAM, CLIENT_OPTIONS, ["--from=http://a"]],
  [SERVER_PROGRAM, SERVER_OPTIONS, []],
];

const parse = (program: Program<OptionTable>, args: readonly string[]) => parseOptions(program, args);

for (const [program, table, needed] of PROGRAMS) {
  for (const [name, { kind }] of Object.entries(table) as [string, OptionRow][]) {
    const flag = flagOf(name), { placeholder } = kind;
    // The grammar of selectors is loaded with the settings of the client, whose tests have them.
    if (ANY_TEXT.test(placeholder) || (table === CLIENT_OPTIONS && name === "match")) continue;
    Deno.test(`${program.name} names ${flag}, a value that it cannot use, and what it takes`, async () => {
      const bad = placeholder === "SELECTOR" ? "{" : IS_QUIET(name) ? "ftp://x" : BAD[placeholder];
      assert.ok(bad !== undefined, `say a bad value of ${placeholder}`);
      await assert.rejects(parse(program, [...needed, `${flag}=${bad}`]), ({ name: error, message }: Error) => {
        assert.equal(error, "UsageError");
        assert.ok(message.startsWith(`Bad ${flag}: Cannot `), message);
        if (!IS_QUIET(name)) assert.ok(message.includes(`'${bad}'`), message);
        assert.match(message, /: (?:write|choose) |, at position \d+$/);
        return true;
      });
    });
  }

  Deno.test(`${program.name} takes 0 only for options whose help says what it means`, async () => {
    for (const [name, { kind, help }] of Object.entries(table) as [string, OptionRow][]) {
      if (!["N", "BYTES", "DURATION"].includes(kind.placeholder)) continue;
      const flag = flagOf(name), says = /; 0 for /.test(help);
      const read = parse(program, [...needed, `${flag}=0`]);
      if (says) await read;
      else await assert.rejects(read, { message: new RegExp(`^Bad ${flag}: Cannot use '0': write `) }, flag);
    }
  });
}
