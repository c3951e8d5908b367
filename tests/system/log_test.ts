/** What the real server says in its log of pushes and of who is refused. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { startServer, tempFolder } from "../support/programs.ts";

Deno.test.sanitizer({ ops: true, resources: true });

async function post(url: URL, { token, body }: { token: string; body?: string }): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "text/plain" };
  return await fetch(url, { method: "POST", headers, body });
}

Deno.test("the server's log has a line a push at debug, and names the flag for each limit that refuses one", async () => {
  await using folder = await tempFolder();
  const flags = ["--ratelimit=0", "--log-level=debug", "--limit-bytes=4000", "--limit-decompressed-bytes=3000"];
  const limits = ["--limit-text-bytes=2000", "--limit-series=3", "--limit-families=2", "--limit-total-series=4"];
  await using server = await startServer([...flags, ...limits], { storageDir: join(folder.path, "data") });
  const tokens = new Map<string, string>();
  const push = async (id: string, lines: readonly string[]) => {
    if (!tokens.has(id)) {
      const answer = await post(new URL(`authorize?id=${id}`, server.external), { token: "any" });
      tokens.set(id, (await answer.json()).token);
    }
    const body = lines.map((line) => `${line.replace("}", `,_id="${id}"}`)} 1 ${Date.now()}\n`).join("");
    const { status, body: rest } = await post(new URL("upload", server.external), { token: tokens.get(id)!, body });
    await rest?.cancel();
    return status;
  };
  assert.equal(await push("a", ['up{a="1"}', 'up{a="2"}', 'up{a="3"}']), 200);
  await server.child.line(/level=debug .*msg="Accepted a push" cluster=a result=stored/);
  const many = (count: number, name: (i: number) => string) => Array.from({ length: count }, (_, i) => name(i));
  const rows: readonly [id: string, lines: string[], status: number, flag: string][] = [
    ["b", ['up{a="1"}', 'up{a="2"}'], 503, "--limit-total-series"],
    ["c", many(4, (i) => `up{a="${i}"}`), 413, "--limit-series"],
    ["d", many(3, (i) => `up_${i}{a="1"}`), 413, "--limit-families"],
    ["e", [`up{a="${"x".repeat(2_500)}"}`], 413, "--limit-text-bytes"],
    ["f", [`up{a="${"x".repeat(5_000)}"}`], 413, "--limit-bytes"],
  ];
  for (const [id, lines, status, flag] of rows) {
    assert.equal(await push(id, lines), status, flag);
    const line = await server.child.line(new RegExp(`msg="Refused a push" cluster=${id} status=${status} .*$`));
    assert.match(line[0], new RegExp(` raise=${flag}$`));
  }
});

Deno.test("the server's log tells why a token was refused, with the id, and few lines of many made-up ids", async () => {
  await using folder = await tempFolder();
  const tokensFile = await folder.write("tokens", `a sha256:${"0".repeat(64)}\n`);
  const flags = [`--tokens-file=${tokensFile}`];
  await using server = await startServer(flags, { storageDir: join(folder.path, "data") });
  for (let i = 0; i < 50; i++) {
    const answer = await post(new URL(`authorize?id=made-up-${i}`, server.external), { token: "any" });
    await answer.body?.cancel();
    assert.equal(answer.status, 401);
  }
  const [line] = await server.child.line(/msg="Refused a token to a cluster that is not known here" .*$/);
  assert.match(
    line,
    / cluster=made-up-0 address=127\.0\.0\.1 status=401 reason=refused why=".*the token is not known"$/,
  );
  assert.equal(server.child.lines.filter((line) => line.includes("Refused a token")).length, 1);
});
