/** Who can see what a server stores: the real program, whatever its umask is and whatever was there before. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Child } from "../../scripts/process/child.ts";
import { taskCommand } from "../../scripts/process/tasks.ts";
import { type Folder, tempFolder } from "../support/programs.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const LOOK = /msg="Other users of this machine can look into the storage directory" option=--storage-dir/;

/** Runs a server with a umask until it has taken a push, and returns its log and the modes of its files at work. */
async function runServer(dir: string, { umask }: { umask: string }) {
  const { path, args, ...command } = taskCommand("server", [
    ...["--listen=127.0.0.1:0", "--listen-internal=127.0.0.1:0", "--ratelimit=0", `--storage-dir=${dir}`],
  ]);
  const shell = ["-c", `umask ${umask}; exec "$@"`, "sh", path, ...args];
  await using server = new Child({ ...command, path: "/bin/sh", args: shell });
  const [, external] = await server.line(/external=(\S+)/);
  const answer = await fetch(`${external}authorize?id=a`, { method: "POST", headers: { authorization: "Bearer b" } });
  const { status, body } = await fetch(`${external}upload`, {
    method: "POST",
    headers: { authorization: `Bearer ${(await answer.json()).token}`, "content-type": "text/plain" },
    body: `up{_id="a"} 1 ${Date.now()}\n`,
  });
  await body?.cancel();
  assert.equal(status, 200);
  return { log: server.lines, modes: await modesIn(dir) };
}

/** The modes in a folder, by name; the folder's own is `.`. */
async function modesIn(dir: string): Promise<Record<string, string>> {
  const names = [".", ...(await Array.fromAsync(Deno.readDir(dir), ({ name }) => name)).sort()];
  const modes = await Promise.all(names.map(async (name) => (await Deno.stat(join(dir, name))).mode! & 0o7777));
  return Object.fromEntries(names.map((name, i) => [name, modes[i].toString(8)]));
}

const FILES = { "telemeter.kv": "600", "telemeter.kv-shm": "600", "telemeter.kv-wal": "600", "telemeter.lock": "600" };

/** A folder whose own folders all may write to: it must not count that the one above is closed. */
async function inFolder(work: (folder: Folder) => Promise<void>) {
  await using folder = await tempFolder();
  await work(folder);
}

for (const umask of ["000", "022", "077"]) {
  Deno.test(`the server's store is its owner's alone with the umask ${umask}`, () =>
    inFolder(async ({ path }) => {
      const dir = join(path, "new", "data");
      const { log, modes } = await runServer(dir, { umask });
      assert.deepEqual(modes, { ".": "700", ...FILES });
      assert.equal((await Deno.stat(join(path, "new"))).mode! & 0o777, 0o700);
      assert.deepEqual(log.filter((line) => line.includes("Other users")), []);
      // Made anew from a file that is closed already.
      await Deno.remove(join(dir, "telemeter.lock"));
      assert.deepEqual((await runServer(dir, { umask })).modes, { ".": "700", ...FILES });
    }));
}

Deno.test("the server closes the files of a store that was open before, and says what to run on a directory that is", () =>
  inFolder(async ({ path }) => {
    const dir = join(path, "data");
    await runServer(dir, { umask: "022" });
    await Deno.writeTextFile(join(dir, "telemeter.kv.corrupt-2026-01-01T000000.000Z"), "pushes");
    await Deno.writeTextFile(join(dir, "telemeter.kv.corrupt-2026-01-01T000000.000Z-wal"), "pushes");
    await Deno.writeTextFile(join(dir, "not ours"), "");
    for (const name of Object.keys(await modesIn(dir))) await Deno.chmod(join(dir, name), name === "." ? 0o755 : 0o666);
    const { log, modes } = await runServer(dir, { umask: "000" });
    assert.deepEqual(modes, {
      ".": "755",
      "not ours": "666",
      ...FILES,
      "telemeter.kv.corrupt-2026-01-01T000000.000Z": "600",
      "telemeter.kv.corrupt-2026-01-01T000000.000Z-wal": "600",
    });
    const [line, ...more] = log.filter((line) => LOOK.test(line));
    assert.ok(line.endsWith(` directory=${dir} mode=0755 run="chmod go= ${dir}"`), line);
    assert.deepEqual(more, []);
  }));

Deno.test("the server closes what it salvages of a garbled store, and what it sets aside", () =>
  inFolder(async ({ path }) => {
    const dir = join(path, "data");
    await runServer(dir, { umask: "022" });
    using file = await Deno.open(join(dir, "telemeter.kv"), { write: true });
    await file.write(new Uint8Array(100).fill(7));
    await Deno.chmod(join(dir, "telemeter.kv"), 0o644);
    const { modes } = await runServer(dir, { umask: "000" });
    const aside = Object.keys(modes).filter((name) => name.includes(".corrupt-"));
    assert.ok(aside.length > 0);
    assert.deepEqual(modes, { ".": "700", ...FILES, ...Object.fromEntries(aside.map((name) => [name, "600"])) });
  }));

Deno.test("the server says of a folder above its store that all users may write to it", () =>
  inFolder(async ({ path }) => {
    await Deno.chmod(path, 0o777);
    const { log } = await runServer(join(path, "data"), { umask: "022" });
    const lines = log.filter((line) => line.includes("Other users"));
    assert.equal(lines.length, 1, lines.join("\n"));
    assert.match(lines[0], /can replace the storage directory.* option=--storage-dir/);
    assert.ok(lines[0].endsWith(` folder=${path} mode=0777 run="chmod o-w ${path}"`), lines[0]);
  }));
