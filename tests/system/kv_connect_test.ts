/** `--storage-url` with the server as its task starts it, on a Deno KV that is another process. */

import assert from "node:assert/strict";
import { Child } from "../../scripts/process/child.ts";
import { taskCommand } from "../../scripts/process/tasks.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const STORE = new URL("../support/kv_connect_program.ts", import.meta.url);

/** Starts the store, which lets in whoever has a token. */
async function startStore(token: string): Promise<{ child: Child; url: string }> {
  const args = ["run", "--no-prompt", "--allow-net=127.0.0.1", "--allow-env", STORE.pathname, token];
  const child = new Child({ name: "store", path: Deno.execPath(), args });
  return { child, url: (await child.line(/^listens at (\S+)$/))[1] };
}

/** Starts the server as `deno task server` does, in an environment. */
function startServer(url: string, env: Readonly<Record<string, string>>): Child {
  const addresses = ["--listen=127.0.0.1:0", "--listen-internal=127.0.0.1:0", "--source-metrics=false"];
  const command = taskCommand("server", [...addresses, "--ratelimit=0", `--storage-url=${url}`]);
  return new Child({ ...command, env: { ...command.env, ...env } });
}

Deno.test("the server's task keeps pushes in a store elsewhere, and shows them again after kill -9", async () => {
  const { child, url } = await startStore("secret");
  await using _store = child;
  const first = startServer(url, { DENO_KV_ACCESS_TOKEN: "secret" });
  const [, external] = await first.line(/external=(\S+) internal=/);
  const answer = await fetch(`${external}authorize?id=a`, { method: "POST", headers: { authorization: "Bearer b" } });
  const { token } = await answer.json();
  const { status, body } = await fetch(`${external}upload`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "text/plain" },
    body: `up{_id="a"} 7 ${Date.now()}\n`,
  });
  await body?.cancel();
  assert.equal(status, 200);
  await first.kill();
  await using second = startServer(url, { DENO_KV_ACCESS_TOKEN: "secret" });
  const [, internal] = await second.line(/ internal=(\S+)/);
  assert.match(await (await fetch(`${internal}federate`)).text(), /^up\{_id="a".*\} 7$/m);
});

Deno.test("the server's task says which variable is missing, or wrong, for a store elsewhere", async () => {
  const { child, url } = await startStore("secret");
  await using _store = child;
  for (
    const [env, says] of [
      [{}, /without an access token: set the environment variable DENO_KV_ACCESS_TOKEN$/],
      [{ DENO_KV_ACCESS_TOKEN: "s3cret" }, /check --storage-url and DENO_KV_ACCESS_TOKEN$/],
    ] as const
  ) {
    const server = startServer(url, env);
    const { code } = await server.exited;
    assert.match(server.lines.at(-1)!, says);
    assert.doesNotMatch(server.lines.join("\n"), /s3cret/);
    assert.equal(code, 2);
  }
});
