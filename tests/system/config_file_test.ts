/** `--config.file` on the real programs: what it gives, what a reload takes up, and what `--config.check` finds. */

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
import { series } from "../support/series.ts";
import { SourcePrometheus } from "../support/source_prometheus.ts";
import { TelemeterServer } from "../support/telemeter_server.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const UP = { name: "up", type: "untyped" as const, metrics: [{ labels: [], value: 1, timestampMs: Date.now() }] };

const RELOADED = /msg="Reloaded the configuration"/;
const KEPT = /msg="Cannot reload: the running configuration stays in use" error=(.*)$/;

/** Waits until a line has come so many times. */
async function times(lines: () => readonly string[], pattern: RegExp, count: number): Promise<string> {
  return await eventually(`${count} lines like ${pattern}`, () => {
    const found = lines().filter((line) => pattern.test(line));
    return Promise.resolve(found.length >= count ? found[count - 1] : undefined);
  }, { timeoutMs: 20_000 });
}

Deno.test("a client works by its configuration file, below its flags, and a reload takes up what changed there", async () => {
  await using folder = await tempFolder();
  await using prometheus = new SourcePrometheus().up({ ...UP });
  await using server = new TelemeterServer();
  server.tokens.clear();
  const config = (label: string, more = "") =>
    folder.write(
      "client.yml",
      `from: ${prometheus.url}\nto: ${server.url}\nid: theirs\nto-token: initial\nlabel:\n  region: ${label}\n${more}`,
    );
  const path = await config('"a,b"', "listen: 127.0.0.1:1\n");
  await using client = await startClient([`--config.file=${path}`, "--id=mine"]);
  const lines = () => client.child.lines;
  await client.child.line(/Cannot forward: will try again/);
  assert.deepEqual(lines().filter((line) => /command line shows|holds a secret/.test(line)), []);

  await config("c", "intervall: 2m\n");
  client.child.signal("SIGHUP");
  const why = `Bad --config.file ${path}:7: There is no option 'intervall': did you mean 'interval'?`;
  assert.match(await times(lines, KEPT, 1), new RegExp(why.replaceAll(/[?.]/g, "\\$&")));

  server.tokens.add("initial");
  await config("c", "log-level: debug\nlisten: 127.0.0.1:2\n");
  const answer = await fetch(new URL("-/reload", client.url), { method: "POST" });
  assert.deepEqual([answer.status, await answer.text()], [200, "Reloaded\n"]);
  const { families } = await server.pushes.take();
  assert.deepEqual(series(families), ['up{region="c",_id="mine"} 1']);
  const page = await (await fetch(new URL("settings", client.url), { headers: { accept: "text/html" } })).text();
  const [, ofCommandLine, ofFile] = page.split("<h2>");
  assert.match(ofCommandLine, />--id<.*>mine</s);
  assert.match(ofFile, />--label<.*>region=c</s);
  // What the command line says of the address stands, whatever the file says.
  assert.match(
    await times(lines, /take effect at a restart only/, 1),
    /msg="Options have changed .*: restart the program" options=--log-level$/,
  );
});

Deno.test("a client whose configuration file holds a secret warns when others can read it, and not of the command line", async () => {
  await using folder = await tempFolder();
  const path = await folder.write(
    "c.yml",
    "from: http://127.0.0.1:1\nto: http://127.0.0.1:1\nid: me\nto-token: s3cret\n",
  );
  await Deno.chmod(path, 0o644);
  const { code, output } = await runProgram("client", [`--config.file=${path}`, "--config.check"]);
  assert.equal(code, 0);
  assert.match(output, /can read a file that holds a secret" option=--config.file/);
  assert.doesNotMatch(output, /s3cret|on the command line/);
  await folder.write("c.yml", "from: http://127.0.0.1:1\nto: http://127.0.0.1:1\nid: me\n");
  const { output: quiet } = await runProgram("client", [`--config.file=${path}`, "--to-token=x", "--config.check"]);
  assert.doesNotMatch(quiet, /holds a secret" option=--config.file/);
  assert.match(quiet, /on the command line .* option=--to-token/);
});

/** Pushes two series of a cluster, and returns those that are shown. */
async function shown(server: RunningServer, token: { value?: string }): Promise<string[]> {
  if (token.value === undefined) {
    const url = new URL("authorize?id=me", server.external);
    const response = await fetch(url, { method: "POST", headers: { authorization: "Bearer any" } });
    token.value = (await response.json()).token;
  }
  const { status, body } = await fetch(new URL("upload", server.external), {
    method: "POST",
    headers: { authorization: `Bearer ${token.value}`, "content-type": "text/plain" },
    body: `up{_id="me"} 1 ${Date.now()}\ndown{_id="me"} 1 ${Date.now()}\n`,
  });
  await body?.cancel();
  if (status !== 200) return [String(status)];
  const page = await (await fetch(new URL("federate", server.internal))).text();
  return page.split("\n").flatMap((line) => /^(\w+)\{/.exec(line)?.[1] ?? []).sort();
}

async function start(folder: Folder, flags: readonly string[]): Promise<RunningServer> {
  return await startServer(flags, { storageDir: join(folder.path, "data") });
}

Deno.test("a server works by its configuration file, and SIGHUP takes up rules and limits without losing a push", async () => {
  await using folder = await tempFolder();
  const config = (text: string) => folder.write("server.yml", text);
  const path = await config("ratelimit: 0\nwhitelist:\n  - up\n");
  await using server = await start(folder, [`--config.file=${path}`]);
  const lines = () => server.child.lines, token = {};
  assert.deepEqual(await shown(server, token), ["up"]);

  await config("ratelimit: 0\nwhitelist: [down, '{']\n");
  server.child.signal("SIGHUP");
  assert.match(await times(lines, KEPT, 1), /Bad --whitelist in \S+server.yml:2: /);
  assert.deepEqual(await shown(server, token), ["up"]);

  await config("ratelimit: 0\nwhitelist: [down]\nttl: 5m\n");
  server.child.signal("SIGHUP");
  await times(lines, RELOADED, 1);
  assert.match(await times(lines, /take effect at a restart only/, 1), / options=--ttl$/);
  assert.deepEqual(await shown(server, token), ["down"]);

  await config("ratelimit: 0\nlimit-series: 1\n");
  server.child.signal("SIGHUP");
  await times(lines, RELOADED, 2);
  assert.deepEqual(await shown(server, token), ["413"]);

  await config("ratelimit: 1h\n");
  server.child.signal("SIGHUP");
  await times(lines, RELOADED, 3);
  assert.deepEqual(await shown(server, token), ["down", "up"]);
  assert.deepEqual(await shown(server, token), ["429"]);
});

Deno.test("a server without a configuration file outlives SIGHUP, and reads its allow-list again", async () => {
  await using folder = await tempFolder();
  const list = await folder.write("list", "up\n");
  await using server = await start(folder, [`--whitelist-file=${list}`, "--ratelimit=0"]);
  const token = {};
  assert.deepEqual(await shown(server, token), ["up"]);
  await folder.write("list", "down\n");
  server.child.signal("SIGHUP");
  await server.child.line(RELOADED);
  assert.deepEqual(await shown(server, token), ["down"]);
});

const CHECKS: readonly [what: string, task: "client" | "server", text: string, code: number, says: RegExp][] = [
  ["a good file of a client", "client", "from: http://a\nto: https://b\nid: me\nto-token: x\n", 0, /^ok$/m],
  [
    "a missing file of a client",
    "client",
    "from: http://a\nto-token-file: /none\n",
    2,
    /Bad --to-token-file: .*no such file/,
  ],
  ["a required option that is missing", "client", "to: http://a\n", 2, /Cannot start without --from/],
  ["a good file of a server", "server", "listen-internal: :9004\nttl: 5m\n", 0, /^ok$/m],
  ["a certificate that is none", "server", "tls-crt: /dev/null\ntls-key: /dev/null\n", 2, /Bad --tls-crt|Cannot/],
  ["a missing list of a server", "server", "revoked-file: /none\n", 2, /Bad --revoked-file: .*no such file/],
  [
    "an unknown option of a server",
    "server",
    "\nto: http://a\n",
    2,
    /c.yml:2: There is no option 'to': did you mean 'ttl'\?/,
  ],
];

for (const [what, task, text, code, says] of CHECKS) {
  Deno.test(`--config.check finds ${what}, and the ${task} exits with ${code}`, async () => {
    await using folder = await tempFolder();
    const path = await folder.write("c.yml", text);
    const found = await runProgram(task, [`--config.file=${path}`, "--config.check"]);
    assert.match(found.output, says);
    assert.equal(found.code, code);
  });
}

Deno.test("a server takes the last value of a flag that is given twice, and names it; one of its file is no second one", async () => {
  await using folder = await tempFolder();
  const path = await folder.write("server.yml", "ttl: 5m\nlisten: nowhere\n");
  const flags = [`--config.file=${path}`, "--listen=127.0.0.1:0", "--config.check"];
  const repeated = /msg="Takes the last value of a flag that is given more than once: leave the others out" (.*)$/m;
  const once = await runProgram("server", [...flags, "--ttl=6m", "--whitelist=a", "--whitelist=b"]);
  assert.equal(once.code, 0, once.output);
  assert.doesNotMatch(once.output, repeated);
  const twice = await runProgram("server", [...flags, "--ttl=6m", "--limit-series=1", "--ttl=7m", "--limit-series=2"]);
  assert.equal(twice.code, 0, twice.output);
  assert.equal(repeated.exec(twice.output)?.[1], "options=--ttl,--limit-series");
  const bad = await runProgram("server", [...flags, "--ttl=6m", "--ttl=0"]);
  assert.match(bad.output, /Bad --ttl: Cannot use '0'/);
  assert.equal(bad.code, 2);
});
