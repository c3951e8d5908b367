/** What the programs say of values of options that they cannot use: each names the flag, the value and what is accepted. */

import assert from "node:assert/strict";
import { CLIENT_OPTIONS, CLIENT_PROGRAM } from "../../client/options.ts";
import { flagOf, type OptionRow, type OptionTable, type Program } from "../../common/options.ts";
import { parseOptions } from "../support/parse_options.ts";
import { SERVER_OPTIONS, SERVER_PROGRAM } from "../../server/options.ts";
import { checkOptions } from "../support/checked_options.ts";

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

/** The least of numbers and durations below which nothing can work, where it is not 1 or the shortest there is. */
const LEAST: Readonly<Record<string, Readonly<Record<string, readonly [least: string, below: string]>>>> = {
  "telemeter-server": {
    tokenExpireSeconds: ["60", "59"],
    ttl: ["1s", "999ms"],
    directoryRetention: ["1m", "59s"],
    limitBytes: ["1024", "1023"],
    limitDecompressedBytes: ["1024", "1023"],
    limitTextBytes: ["1024", "1023"],
    limitMemory: ["134217728", "134217727"],
  },
  "telemeter-client": { timeout: ["100ms", "99ms"], limitBytes: ["1024", "1023"] },
};

/** A text that an option cannot use, and the options that it goes with; undefined where any text will do. */
type BadText = readonly [text: string, ...beside: readonly string[]] | undefined;
const BAD_TEXTS: Readonly<Record<"telemeter-server" | "telemeter-client", Readonly<Record<string, BadText>>>> = {
  "telemeter-server": {
    // Whether the certificate has the name is known once it is read.
    name: undefined,
    clusterName: undefined,
    peerAllow: undefined,
    authorizeUsername: undefined,
    authorizePassword: undefined,
    authorizeClientId: undefined,
    partitionLabel: ["a b"],
    elideLabel: ["a-b"],
    forwardTenantHeader: ["a b", "--forward-url=https://sink.example"],
    forwardTenant: [" a"],
    forwardOauthClientId: undefined,
    forwardOauthScope: undefined,
  },
  "telemeter-client": {
    fromToken: ["to ken"],
    toToken: ["to ken"],
    id: ["x".repeat(256)],
    anonymizeLabels: ["__name__", "--anonymize-salt=salt"],
    anonymizeSalt: undefined,
  },
};

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

  Deno.test(`${program.name} takes no number and no duration below what can be meant, and the least of them`, async () => {
    for (const [name, { kind: { placeholder } }] of Object.entries(table) as [string, OptionRow][]) {
      if (!["N", "BYTES", "DURATION"].includes(placeholder)) continue;
      const flag = flagOf(name),
        [least = placeholder === "DURATION" ? "1ms" : "1", below] = LEAST[program.name][name] ?? [];
      await parse(program, [...needed, `${flag}=${least}`]);
      if (below === undefined) continue;
      const message = new RegExp(`^Bad ${flag}: Cannot use '${below}': write .*\\b${least} `);
      await assert.rejects(parse(program, [...needed, `${flag}=${below}`]), { name: "UsageError", message }, flag);
    }
  });

  Deno.test(`${program.name} names the flag of a URL whose user name or password is not percent-encoded`, async () => {
    for (const [name, { kind }] of Object.entries(table) as [string, OptionRow][]) {
      if (kind.placeholder !== "URL" || IS_QUIET(name)) continue;
      for (const user of ["me:50%", "50%:me", "%ff"]) {
        await assert.rejects(parse(program, [...needed, `${flagOf(name)}=https://${user}@a.example/b`]), {
          name: "UsageError",
          message: `Bad ${
            flagOf(name)
          }: Cannot read the user name or the password for https://a.example: write each % of them as %25`,
        });
      }
      await parse(program, [...needed, `${flagOf(name)}=https://50%25:50%25@a.example/b`]);
    }
  });

  const texts = BAD_TEXTS[program.name as keyof typeof BAD_TEXTS];
  Deno.test(`${program.name} has in this test what its options of any text cannot use`, () => {
    const any = Object.entries(table).filter(([, { kind }]) => /^(?:TEXT|NAME\[,NAME\])$/.test(kind.placeholder));
    assert.deepEqual(Object.keys(texts).sort(), any.map(([name]) => name).sort());
  });

  for (const [name, bad] of Object.entries(texts)) {
    if (bad === undefined) continue;
    const flag = flagOf(name), [text, ...beside] = bad;
    Deno.test(`${program.name} names ${flag}, which cannot be ${text.slice(0, 10)}, and says what to give`, async () => {
      const needed = table === SERVER_OPTIONS
        ? []
        : ["--from=http://a", "--to=http://b", "--id=me", "--to-token=initial"];
      const args = [...needed, ...beside, `${flag}=${text}`];
      await assert.rejects(checkOptions(program.name as keyof typeof BAD_TEXTS, args), {
        name: "UsageError",
        message: new RegExp(`^Bad ${flag}: Cannot .*(?:: write |is not a valid label name$)`),
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
