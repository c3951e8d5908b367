/** `--tokens-file` of the real server, with tokens that `deno task token` makes. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually } from "../../scripts/process/eventually.ts";
import {
  type Folder,
  type RunningServer,
  runProgram,
  startClient,
  startServer,
  tempFolder,
} from "../support/programs.ts";
import { SourcePrometheus } from "../support/source_prometheus.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const FAULT = /msg="Cannot read the list of tokens: the last one stays in force" reason=(.*)$/;
const TAKEN = /msg="Read the changed list of tokens" clusters=(\d+)$/;

/** Makes a token as a user would, and returns it. */
async function makeToken(folder: Folder, { id, name }: { id: string; name: string }): Promise<string> {
  const tokenFile = join(folder.path, name), tokensFile = join(folder.path, "tokens");
  const { code, output } = await runProgram("token", [id, `--token-file=${tokenFile}`, `--tokens-file=${tokensFile}`]);
  assert.equal(code, 0, output);
  const token = (await Deno.readTextFile(tokenFile)).trim();
  assert.doesNotMatch(output, new RegExp(token));
  for (const path of [tokenFile, tokensFile]) assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  return token;
}

async function start(folder: Folder): Promise<RunningServer> {
  const flags = [`--tokens-file=${join(folder.path, "tokens")}`, "--ratelimit=0"];
  return await startServer(flags, { storageDir: join(folder.path, "data") });
}

/** The status of an exchange. */
async function exchange(server: RunningServer, { token, id }: { token: string; id: string }): Promise<number> {
  const url = new URL(`authorize?id=${encodeURIComponent(id)}`, server.external);
  const { status, body } = await fetch(url, { method: "POST", headers: { authorization: `Bearer ${token}` } });
  await body?.cancel();
  return status;
}

/** Waits for a new line, while somebody knocks, as the file is looked at for those who come. */
async function says(server: RunningServer, { pattern, change }: { pattern: RegExp; change: () => Promise<unknown> }) {
  const { child } = server, from = child.lines.length;
  await change();
  return await eventually("the list to be looked at", async () => {
    await exchange(server, { token: "none", id: "none" });
    return child.lines.slice(from).map((line) => pattern.exec(line)?.[1]).find((found) => found !== undefined);
  }, { timeoutMs: 20_000 });
}

Deno.test("a client gets in by a token of `deno task token`, each for its own cluster, and no stranger does", async () => {
  await using folder = await tempFolder();
  const mine = await makeToken(folder, { id: "mine", name: "mine" });
  const odd = await makeToken(folder, { id: "two words*", name: "odd" });
  await using server = await start(folder);
  const statuses = [];
  for (const token of [mine, odd, "made up"]) {
    for (const id of ["mine", "two words*", "another"]) statuses.push(await exchange(server, { token, id }));
  }
  assert.deepEqual(statuses, [200, 401, 401, 401, 200, 401, 401, 401, 401]);
  assert.equal(server.child.lines.some((line) => line.includes("Accepts any token")), false);
  await using prometheus = new SourcePrometheus().up({
    name: "up",
    type: "untyped",
    metrics: [{ labels: [], value: 1, timestampMs: Date.now() }],
  });
  await using client = await startClient([
    ...[`--from=${prometheus.url}`, `--to=${server.external}`, "--id=mine"],
    `--to-token-file=${join(folder.path, "mine")}`,
  ]);
  await client.child.line(/msg=Pushed/);
  const page = await (await fetch(new URL("federate", server.internal))).text();
  assert.match(page, /^up\{.*_id="mine".*\} 1/m);
});

Deno.test("a running server takes up tokens that are added and taken away, and keeps the last good list", async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, "tokens");
  const first = await makeToken(folder, { id: "a", name: "first" });
  const before = await Deno.readTextFile(path);
  await using server = await start(folder);
  let second = "";
  const add = async () => second = await makeToken(folder, { id: "b", name: "second" });
  assert.equal(await says(server, { pattern: TAKEN, change: add }), "2");
  assert.equal(await exchange(server, { token: second, id: "b" }), 200);

  const spoils: readonly [change: () => Promise<unknown>, why: RegExp][] = [
    [() => Deno.truncate(path), /write a line '# none'/],
    [() => Deno.writeTextFile(path, before.slice(0, 40)), /no line feed/],
    [() => Deno.writeTextFile(path, `${before}b ${"0".repeat(64)}\n`), /line 2 is not ID sha256:HASH/],
    [() => Deno.remove(path), /no such file/],
  ];
  for (const [change, why] of spoils) {
    assert.match((await says(server, { pattern: FAULT, change }))!, why);
    for (const [token, id] of [[first, "a"], [second, "b"]]) assert.equal(await exchange(server, { token, id }), 200);
  }

  const remove = () => Deno.writeTextFile(path, before);
  assert.equal(await says(server, { pattern: TAKEN, change: remove }), "1");
  assert.deepEqual([
    await exchange(server, { token: first, id: "a" }),
    await exchange(server, { token: second, id: "b" }),
  ], [
    200,
    401,
  ]);
  assert.equal(await says(server, { pattern: TAKEN, change: () => Deno.writeTextFile(path, "# none\n") }), "0");
  assert.equal(await exchange(server, { token: first, id: "a" }), 401);
});

Deno.test("a server does not start with a list of tokens that it cannot read, nor with --authorize beside it", async () => {
  await using folder = await tempFolder();
  const path = await folder.write("tokens", "a\n");
  for (
    const [flags, says] of [
      [[`--tokens-file=${path}`], /Bad --tokens-file '.*': Cannot read the list of tokens: line 1 is not/],
      [
        ["--tokens-file=/none"],
        /Bad --tokens-file: Cannot read '\/none': there is no such file: make it, or name another/,
      ],
      [["--tokens-file="], /Bad --tokens-file: .*would let anybody push as any cluster/],
      [[`--tokens-file=${path}`, "--authorize=https://a.test"], /Cannot use --tokens-file beside --authorize/],
    ] as const
  ) {
    const { code, output } = await runProgram("server", [...flags]);
    assert.match(output, says);
    assert.equal(code, 2);
  }
});

Deno.test("token leaves no file of a token behind whose line it cannot add", async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, "token");
  const { code, output } = await runProgram("token", ["a", `--token-file=${path}`, "--tokens-file=/nowhere/a"]);
  assert.deepEqual([code, output.split("\n").length], [2, 1]);
  await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
});

Deno.test("token prints the token and its line, and touches no file that is there", async () => {
  await using folder = await tempFolder();
  const printed = await runProgram("token", ["my-cluster"]);
  assert.match(
    printed.output,
    /^The token.*this once:\ntelemeter_[\w-]{43}\nThe line .*:\nmy-cluster sha256:[0-9a-f]{64}$/,
  );
  const there = await folder.write("there", "mine");
  const refused = await runProgram("token", ["my-cluster", `--token-file=${there}`]);
  assert.deepEqual([refused.code, refused.output.split("\n").at(-1)], [
    2,
    `token: Bad --token-file: Cannot make '${there}': something of that name is there already: name another`,
  ]);
  const cut = await runProgram("token", ["my-cluster", `--tokens-file=${there}`]);
  assert.equal(cut.code, 2);
  assert.match(cut.output, /no line feed/);
  assert.equal(await Deno.readTextFile(there), "mine");
  assert.equal((await runProgram("token", [""])).code, 2);
});

Deno.test("a server whose file of tokens names no cluster says at the start that nobody may push", async () => {
  await using folder = await tempFolder();
  await Deno.writeTextFile(join(folder.path, "tokens"), "");
  await using server = await start(folder);
  const said = server.child.lines.filter((line) => line.includes('msg="Lets nobody push'));
  assert.match(said[0], /level=warning .*--tokens-file names no cluster: `deno task token` adds a line"$/);
});
