/** What an intruder into a running program could do: the real programs, with a probe that tries it from within. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Child } from "../../scripts/process/child.ts";
import { taskCommand } from "../../scripts/process/tasks.ts";
import { KvConnectServer } from "../support/kv_connect_server.ts";
import { startAuthorizer, tempFolder } from "../support/programs.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const PROBE = `--preload=${new URL("../support/permission_probe.ts", import.meta.url).pathname}`;

interface Probed extends AsyncDisposable {
  readonly child: Child;
  /** What the probe may do once the program has given up what it does not need. */
  allowed(): Promise<string>;
}

/** Starts a program with the permissions of its task, or with all. */
function start(
  task: "server" | "client",
  args: readonly string[],
  { all = false, env }: { all?: boolean; env?: Readonly<Record<string, string>> } = {},
): Probed {
  const command = taskCommand(task, [...args, "--log-level=debug"]);
  const [run, ...words] = command.args;
  const permissions = all ? ["--allow-all", ...words.filter((word) => !/^--(allow|ignore)-/.test(word))] : words;
  const child = new Child({ ...command, env, args: [run, PROBE, ...permissions] });
  return {
    child,
    async allowed() {
      await child.line(/ msg="Gave up the permissions/);
      Deno.kill(child.pid, "SIGUSR2");
      return (await child.line(/probe allowed=(.*)$/))[1];
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

/** Shows that a server takes pushes and shows them. */
async function works(child: Child): Promise<{ internal: string }> {
  const [, external, internal] = await child.line(/external=(\S+) internal=(\S+)/);
  const answer = await fetch(`${external}authorize?id=a`, { method: "POST", headers: { authorization: "Bearer b" } });
  const { token } = await answer.json();
  for (const value of [1, 2]) {
    const { status, body } = await fetch(`${external}upload`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "text/plain" },
      body: `up{_id="a"} ${value} ${Date.now()}\n`,
    });
    await body?.cancel();
    assert.equal(status, 200);
    assert.match(await (await fetch(`${internal}federate`)).text(), new RegExp(` ${value}\n$`));
  }
  return { internal };
}

const ADDRESSES = ["--listen=127.0.0.1:0", "--listen-internal=127.0.0.1:0", "--source-metrics=false"];

Deno.test("a running server has no permission left, however many it was started with, and works", async () => {
  for (const all of [false, true]) {
    await using folder = await tempFolder();
    const args = [...ADDRESSES, `--storage-dir=${join(folder.path, "data")}`, "--ratelimit=0"];
    await using server = start("server", args, { all });
    assert.equal(await server.allowed(), "none");
    const { internal } = await works(server.child);
    const metrics = await (await fetch(`${internal}metrics`)).text();
    assert.match(metrics, /^telemeter_store_file_bytes [1-9]\d{4,}$/m);
  }
});

Deno.test("a running server keeps the permissions that its flags need, and no other", async () => {
  await using folder = await tempFolder();
  await using authorizer = await startAuthorizer(["known"], { folder });
  const revoked = await folder.write("revoked", "");
  const rows: [flags: string[], allowed: string][] = [
    [[`--revoked-file=${revoked}`], "read"],
    [["--web.enable-admin-api"], "none"],
    [[`--revoked-file=${revoked}`, "--web.enable-admin-api"], "read,write"],
    [[`--authorize=${authorizer.url}`], "net,listen"],
    [[`--tokens-file=${await folder.write("tokens", "")}`], "read"],
    [[`--config.file=${await folder.write("config", "")}`], "read"],
    [[`--whitelist-file=${await folder.write("list", "up\n")}`], "read"],
  ];
  for (const [i, [flags, allowed]] of rows.entries()) {
    await using server = start("server", [...ADDRESSES, `--storage-dir=${join(folder.path, `data${i}`)}`, ...flags]);
    assert.equal(await server.allowed(), allowed, flags.join(" "));
  }
});

Deno.test("a running server with a store elsewhere keeps the network alone, and works", async () => {
  await using store = new KvConnectServer("secret");
  const flags = [...ADDRESSES, `--storage-url=${store.url}`, "--ratelimit=0"];
  await using server = start("server", flags, { all: true, env: { DENO_KV_ACCESS_TOKEN: "secret" } });
  assert.equal(await server.allowed(), "net,listen");
  await works(server.child);
});

Deno.test("a running client may reach the network, and read if flags name files, and nothing else", async () => {
  await using folder = await tempFolder();
  const file = await folder.write("token", "any");
  for (const [flag, allowed] of [["--to-token=any", "net,listen"], [`--to-token-file=${file}`, "read,net,listen"]]) {
    const args = ["--listen=127.0.0.1:0", "--from=http://127.0.0.1:1", "--to=http://127.0.0.1:1", "--id=a", flag];
    for (const all of [false, true]) {
      await using client = start("client", args, { all });
      assert.equal(await client.allowed(), allowed, flag);
    }
  }
});
