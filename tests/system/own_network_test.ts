/** Our programs ask nothing of the network but what their flags name: not even whether there is a newer Deno. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Child } from "../../scripts/process/child.ts";
import { eventually } from "../../scripts/process/eventually.ts";
import { startForwardProxy } from "../support/forward_proxy.ts";
import { type Folder, startClient, startServer, tempFolder } from "../support/programs.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** A cache of Deno with all packages of the one in use, and no note of when Deno last asked. */
async function freshCache(folder: Folder): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { npmCache } = JSON.parse(new TextDecoder().decode(stdout));
  const cache = join(folder.path, crypto.randomUUID());
  await Deno.mkdir(cache);
  await Deno.symlink(npmCache, join(cache, "npm"));
  return cache;
}

Deno.test("neither server nor client asks whether there is a newer Deno, as a program does that no task starts", async () => {
  await using folder = await tempFolder();
  await using ours = await startForwardProxy({ to: "127.0.0.1:1", refuses: true });
  await using theirs = await startForwardProxy({ to: "127.0.0.1:1", refuses: true });
  const envWith = async (proxy: string) => ({
    DENO_DIR: await freshCache(folder),
    HTTPS_PROXY: proxy,
    NO_PROXY: "127.0.0.1",
  });
  await using _server = await startServer([], { storageDir: join(folder.path, "data"), env: await envWith(ours.url) });
  await using _client = await startClient(
    ["--from=http://127.0.0.1:1", "--to=http://127.0.0.1:1", "--id=a", "--to-token=b"],
    { env: await envWith(ours.url) },
  );
  // Deno asks half a second after the start: by the time that this one does, ours would have.
  const program = new URL("../support/kv_connect_program.ts", import.meta.url).pathname;
  const run = ["run", "--no-prompt", "--allow-net=127.0.0.1", "--allow-env", program, "token"];
  const args = ["-u", "DENO_NO_UPDATE_CHECK", Deno.execPath(), ...run];
  await using _bare = new Child({ name: "bare", path: "env", args, env: await envWith(theirs.url) });
  await eventually("Deno to ask", () => Promise.resolve(theirs.asked.length > 0 || undefined), { timeoutMs: 30_000 });
  assert.deepEqual(ours.asked, []);
});
