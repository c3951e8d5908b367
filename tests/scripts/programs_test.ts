/** The programs that people run beside the server and the client, as processes: help, and what they say of bad usage. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { CLIENT_PROGRAM } from "../../client/options.ts";
import { readArguments } from "../../common/read_options.ts";
import configuration from "../../deno.json" with { type: "json" };
import { SERVER_PROGRAM } from "../../server/options.ts";
import { type ProgramTask } from "../../scripts/process/tasks.ts";
import { runProgram, tempFolder } from "../support/programs.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** The tasks, and what their programs call themselves. */
const PROGRAMS: Readonly<Partial<Record<ProgramTask, string>>> = {
  audit: "audit",
  attacks: "attacks",
  bundle: "bundle",
  certs: "certs",
  compile: "compile",
  demo: "demo",
  fuzz: "fuzz",
  "image-check": "image-check",
  integration: "integration",
  kernel: "kernel",
  load: "load",
  man: "man",
  readme: "readme",
  sbom: "sbom",
  "authorization-server": "authorization-server",
  "ring-bench": "ring-bench",
  "client-weight": "client-weight",
  "ring-faults": "ring-faults",
  simulate: "simulate",
  soak: "soak",
  token: "token",
};

/** What a terminal has side by side. */
const MAX_COLUMNS = 120;

Deno.test("PROGRAMS are all that a task starts, besides server and client", () => {
  const tasks = Object.keys(configuration.tasks).filter((task) => !/^(?:test|ok|bench|server|client)$/.test(task));
  assert.deepEqual(Object.keys(PROGRAMS).sort(), tasks.sort());
});

for (const program of [SERVER_PROGRAM, CLIENT_PROGRAM] as const) {
  Deno.test(`the help of ${program.name} is at most ${MAX_COLUMNS} columns wide`, async () => {
    const read = await readArguments(program, ["--help"]);
    assert.ok("help" in read);
    assert.deepEqual(read.help.split("\n").filter(({ length }) => length > MAX_COLUMNS), []);
  });
}

for (const [task, name] of Object.entries(PROGRAMS) as [ProgramTask, string][]) {
  Deno.test(`${task} shows its help, and ends an unknown flag with one sentence and exit code 2`, async () => {
    const [help, unknown] = await Promise.all([runProgram(task, ["--help"]), runProgram(task, ["--unknown"])]);
    assert.equal(help.code, 0, help.output);
    assert.match(help.output, new RegExp(`^Usage: ${name} `));
    assert.deepEqual(help.output.split("\n").filter(({ length }) => length > MAX_COLUMNS), []);
    assert.deepEqual(unknown, {
      code: 2,
      output: `${name}: Unknown option '--unknown'; ${name} --help lists the options`,
    });
  });
}

for (
  const [task, args, sentence] of [
    ["certs", ["--name=a", "--days=0"], "Bad --days: Cannot use '0': write a whole number from 1 to 3650"],
    ["certs", ["--name=a", "--days=3651"], "Bad --days: Cannot use '3651': write a whole number from 1 to 3650"],
    ["certs", ["--name=a", "--dir=deno.json/certs"], /^Cannot make certificates in 'deno\.json\/certs': \w.*$/],
    [
      "certs",
      ["--name=a", "--dir=/proc/certs"],
      "Cannot make certificates in '/proc/certs': it is in one of the system's own directories: name another place",
    ],
    ["certs", [], "Cannot start without --name; certs --help lists the options"],
    ["certs", ["--name="], "Cannot start without --name; certs --help lists the options"],
    ["certs", ["--name=a", "--days=1", "--days=2"], "Cannot take --days more than once: leave all but one of them out"],
    [
      "token",
      ["a", "--token-file=/nowhere/a", "--token-file=/nowhere/b"],
      "Cannot take --token-file more than once: leave all but one of them out",
    ],
    [
      "token",
      ["a", "--token-file=/nowhere/a"],
      "Bad --token-file: Cannot make '/nowhere/a': the directory it belongs in is not there: make that first",
    ],
    [
      "token",
      ["a", "--tokens-file=/nowhere/a"],
      "Bad --tokens-file: Cannot add to '/nowhere/a': the directory it belongs in is not there: make that first",
    ],
    [
      "token",
      ["a", "--tokens-file=/proc/a"],
      "Bad --tokens-file: Cannot add to '/proc/a': it is in one of the system's own directories: name another place",
    ],
    ["fuzz", ["--replay=/dev/zero"], "Bad --replay '/dev/zero': it is a pipe, a socket or a device: name a file"],
    [
      "fuzz",
      ["--replay=deno.json"],
      "Bad --replay 'deno.json': it is no input of the fuzzer: name one that it saved, NAME.input",
    ],
    [
      "authorization-server",
      ["127.0.0.1:0", "/nowhere/a"],
      "Bad TOKENS.json: Cannot read '/nowhere/a': there is no such file: make it, or name another",
    ],
    [
      "authorization-server",
      ["127.0.0.1:0", "README.md"],
      `Bad TOKENS.json 'README.md': it is not JSON: write a list such as [{"token":"…"}]`,
    ],
    ["demo", ["nowhere"], /^Cannot read 'nowhere' as a URL: /],
    ["fuzz", ["--corpus=deno.json/corpus"], /^Bad --corpus: Cannot write into 'deno\.json\/corpus': \w.*$/],
    ["fuzz", ["--corpus=/proc/corpus"], /^Bad --corpus: Cannot write into '\/proc\/corpus': \w.*$/],
    ["fuzz", ["--replay=/nowhere/input"], /^Bad --replay '\/nowhere\/input': /],
    [
      "integration",
      ["http://127.0.0.1:1"],
      "Too many arguments. Expected 0 arguments but got 1; integration --help lists the options",
    ],
    ["ring-bench", ["sideways"], "Choose: forward, write, join, takeover, scrape or control"],
    ["ring-bench", ["join", "--servers=1"], "Bad --servers: Cannot use '1': write a whole number from 2 up"],
    ["ring-faults", ["--scenario=none"], /^Bad --scenario: Cannot find 'none': choose among \w[^\n]+, [^\n]+$/],
    ["simulate", ["--scenario=none"], /^Bad --scenario: Cannot find 'none': choose among \w[^\n]+, [^\n]+$/],
    ["attacks", ["--attack=none"], /^Bad --attack: Cannot use 'none': /],
    ["fuzz", ["--target=none"], /^Bad --target: Cannot use 'none': /],
    ["soak", ["--clusters=0"], "Bad --clusters: Cannot use '0': write a whole number from 1 up"],
  ] as const
) {
  Deno.test(`${task} ${args.join(" ")} ends with code 2 and one sentence`, async () => {
    const { code, output } = await runProgram(task, args);
    assert.ok(output.startsWith(`${PROGRAMS[task]}: `), output);
    const said = output.slice(`${PROGRAMS[task]}: `.length);
    if (typeof sentence === "string") assert.equal(said, sentence);
    else assert.match(said, sentence);
    assert.equal(code, 2);
  });
}

Deno.test("certs writes certificates, and names the files it wrote", async () => {
  await using folder = await tempFolder();
  const dir = join(folder.path, "certs");
  const { code, output } = await runProgram("certs", [`--dir=${dir}`, "--name=a,b", "--days=1"]);
  assert.equal(code, 0, output);
  const files = ["ca.crt", "ca.key", "a.crt", "a.key", "b.crt", "b.key"];
  assert.deepEqual(output.split("\n"), files.map((file) => join(dir, file)));
  assert.deepEqual((await Array.fromAsync(Deno.readDir(dir), ({ name }) => name)).sort(), files.toSorted());
});

Deno.test("certs and authorization-server tell of files with secrets that others can read", async () => {
  await using folder = await tempFolder();
  const dir = join(folder.path, "certs"), key = join(dir, "ca.key");
  const told = /can read a file that holds a secret" option=(\S+) file=(\S+)/;
  assert.doesNotMatch((await runProgram("certs", ["--dir", dir, "--name=a"])).output, told);
  await Deno.chmod(key, 0o644);
  const { output: certs } = await runProgram("certs", ["--dir", dir, "--name=b"]);
  assert.deepEqual(told.exec(certs)?.slice(1), ["ca.key", key]);

  const tokens = await folder.write("tokens.json", '[{"token":"any"}]');
  // It ends for want of a place to listen at, once it has looked.
  const asked = (mode: number) =>
    Deno.chmod(tokens, mode).then(() => runProgram("authorization-server", ["192.0.2.1:1", tokens]));
  assert.deepEqual(told.exec((await asked(0o644)).output)?.slice(1), ["TOKENS.json", tokens]);
  assert.doesNotMatch((await asked(0o600)).output, told);
});

Deno.test("certs refuses a folder that it may not write into", { ignore: Deno.uid() === 0 }, async () => {
  await using folder = await tempFolder();
  await Deno.chmod(folder.path, 0o500);
  const { code, output } = await runProgram("certs", [`--dir=${folder.path}`, "--name=a"]);
  assert.deepEqual([code, output], [
    2,
    `certs: Cannot make certificates in '${folder.path}': this user may not write there: have its owner allow that, or name another place`,
  ]);
});

Deno.test("simulate runs the worlds it is asked for, without any permission", async () => {
  const { code, output } = await runProgram("simulate", ["--seed=1", "--seeds=2"]);
  assert.equal(code, 0, output);
  assert.match(output, /^simulate: from seed 1\n/);
});
