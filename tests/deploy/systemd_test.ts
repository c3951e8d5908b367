/** The units in `deploy/systemd/`, held against systemd itself and against the flags of the programs. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { parseOptions } from "../support/parse_options.ts";
import { SERVER_PROGRAM } from "../../server/options.ts";
import { flagsOf } from "../support/documented_programs.ts";
import { tempFolder } from "../support/programs.ts";
import { firstTool, runTool } from "../support/tool.ts";

const FOLDER = new URL("../../deploy/systemd/", import.meta.url);
const PROGRAMS = ["server", "client"] as const;
/** What an expert calls well protected is under 2; 10 is none at all. */
const MOST_EXPOSURE = 2;

const tool = await firstTool([{ path: "systemd-analyze" }], { checks: "whether systemd takes the units of deploy/" });
const ignore = tool === undefined;

function unitOf(program: typeof PROGRAMS[number]): Promise<string> {
  return Deno.readTextFile(new URL(`telemeter-${program}.service`, FOLDER));
}

/** The words of `ExecStart=`, whose lines go on behind a backslash. */
function commandOf(unit: string): string[] {
  return /^ExecStart=((?:.*\\\n)*.*)$/m.exec(unit)![1].split(/[\s\\]+/);
}

/** The settings of a unit that are given once. */
function settingsOf(unit: string): Readonly<Record<string, string>> {
  return Object.fromEntries([...unit.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
}

for (const program of PROGRAMS) {
  Deno.test(`telemeter-${program}.service is a unit that systemd takes without a word`, { ignore }, async () => {
    await using folder = await tempFolder();
    const path = `telemeter-${program}.service`;
    // The program itself is not installed here.
    const unit = (await unitOf(program)).replace(`/usr/local/bin/telemeter-${program}`, "/bin/true");
    const outcome = await runTool("systemd-analyze", ["verify", "--man=no", await folder.write(path, unit)]);
    assert.equal(outcome.output, "");
    assert.ok(outcome.success);
  });

  Deno.test(`telemeter-${program}.service is exposed less than 2 of 10`, { ignore }, async () => {
    const path = new URL(`telemeter-${program}.service`, FOLDER).pathname;
    const { success, output } = await runTool("systemd-analyze", [
      "security",
      "--offline=true",
      "--no-pager",
      `--threshold=${MOST_EXPOSURE * 10}`,
      path,
    ]);
    assert.ok(success, output);
    assert.match(output, /Overall exposure level for \S+: 1\.\d/);
  });

  Deno.test(`telemeter-${program}.service starts its program with flags that it has, secrets in files alone`, async () => {
    const [path, ...args] = commandOf(await unitOf(program));
    assert.equal(path, `/usr/local/bin/telemeter-${program}`);
    const known = await flagsOf(`${program}/main.ts`);
    const flags = args.filter((arg) => arg.startsWith("--"));
    assert.deepEqual(flags.filter((flag) => !known.has(flag)), []);
    assert.ok(flags.includes("--require-tls"));
    for (const secret of ["--to-token", "--from-token", "--anonymize-salt", "--authorize-password"]) {
      assert.ok(!flags.includes(secret), secret);
    }
  });

  Deno.test(`telemeter-${program}.service leaves a program the time it takes to drain, and starts it again whatever it failed of`, async () => {
    const settings = settingsOf(await unitOf(program));
    assert.equal(settings.Type, "exec");
    // Its own deadline is 30 s.
    assert.equal(settings.TimeoutStopSec, "40s");
    assert.equal(settings.Restart, "on-failure");
    assert.equal(settings.RestartPreventExitStatus, undefined);
    assert.equal(settings.StartLimitIntervalSec, "0");
    assert.equal(settings.MemoryDenyWriteExecute, undefined);
    assert.equal(settings.ExecReload, "/bin/kill -HUP $MAINPID");
  });

  Deno.test(`${program}.env sets each variable that telemeter-${program}.service asks for`, async () => {
    const asked = commandOf(await unitOf(program)).map((word) => /^\$\{?(\w+)/.exec(word)?.[1]);
    const env = await Deno.readTextFile(new URL(`${program}.env`, FOLDER));
    for (const name of asked.filter((name) => name !== undefined)) assert.match(env, new RegExp(`^${name}=`, "m"));
    const known = await flagsOf(`${program}/main.ts`);
    const shown = env.match(/--[a-z-]+/g) ?? [];
    assert.deepEqual(shown.filter((flag) => !known.has(flag)), []);
  });
}

for (
  const [given, outcome] of [
    [
      {},
      "Bad --authorize: Cannot use an empty value, which would let anybody push as any cluster: leave the flag out if that is meant",
    ],
    [{ TOKENS_FILE: "/etc/telemeter/tokens" }, { tokensFile: "/etc/telemeter/tokens", authorize: undefined }],
    [{ AUTHORIZE: "https://a.example/" }, { tokensFile: undefined, authorize: new URL("https://a.example/") }],
  ] as const
) {
  Deno.test(
    `telemeter-server.service with ${Object.keys(given).join("") || "nothing"} set has its server ${
      typeof outcome === "string" ? "refuse to start" : "ask that who may push"
    }`,
    async () => {
      const env = await Deno.readTextFile(new URL("server.env", FOLDER));
      const values: Readonly<Record<string, string>> = {
        ...Object.fromEntries(
          env.matchAll(/^(\w+)=(.*)$/gm).map((
            [, name, value],
          ) => [name, value]),
        ),
        ...given,
      };
      // As systemd has it: a variable in braces is one word, be it empty, and one without is as many as it has.
      const [, ...args] = commandOf(await unitOf("server")).filter((word) => !word.startsWith("$A")).map((word) =>
        word.replace(/^\$\{(\w+)\}$/, (_, name) => values[name])
      );
      const parsed = parseOptions(SERVER_PROGRAM, args);
      if (typeof outcome === "string") return await assert.rejects(parsed, { name: "UsageError", message: outcome });
      const read = await parsed;
      assert.ok("values" in read);
      assert.deepEqual({ tokensFile: read.values.tokensFile, authorize: read.values.authorize }, outcome);
    },
  );
}

Deno.test("telemeter-server.service keeps its store to itself, through restarts", async () => {
  const { StateDirectory, StateDirectoryMode } = settingsOf(await unitOf("server"));
  assert.deepEqual({ StateDirectory, StateDirectoryMode }, {
    StateDirectory: "telemeter-server",
    StateDirectoryMode: "0700",
  });
  const command = commandOf(await unitOf("server"));
  assert.equal(command[command.indexOf("--storage-dir") + 1], "%S/telemeter-server");
});

Deno.test("the selectors in deploy/systemd/matches are those of a client", async () => {
  const { readSelectorFile } = await import("../../common/exposition/selector.ts");
  const selectors = readSelectorFile(await Deno.readTextFile(join(FOLDER.pathname, "matches")));
  assert.ok(selectors.length > 0);
});
