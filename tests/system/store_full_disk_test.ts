import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { Child } from "../../scripts/process/child.ts";
import { taskCommand } from "../../scripts/process/tasks.ts";
import { tempFolder } from "../support/programs.ts";
import { visit } from "../support/visits.ts";
import { scratchDir } from "../support/test_store.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const PROCESS = new URL("../support/store_on_full_disk.ts", import.meta.url).pathname;

interface Disk {
  readonly reason: string;
  /** The command that prepares the disk and then becomes the process. */
  readonly shell: (dir: string) => { command: string; args: readonly string[] };
  readonly fill: (pid: number, dir: string) => Promise<void>;
  readonly free: (pid: number, dir: string) => Promise<void>;
}

const DISKS: Record<string, Disk> = {
  /** A file system of its own, seen by the process only. */
  "is full": {
    reason: "full",
    shell: (dir) => ({
      command: "unshare",
      args: [...unshareArgs(), "sh", "-c", `mount -t tmpfs -o size=6m,mode=0700 tmpfs '${dir}' && exec "$@"`, "sh"],
    }),
    fill: async (pid, dir) => {
      const file = await Deno.open(`/proc/${pid}/root${dir}/ballast`, { create: true, write: true });
      try {
        while (true) await file.write(new Uint8Array(4_096));
      } catch {
        file.close();
      }
    },
    free: (pid, dir) => Deno.remove(`/proc/${pid}/root${dir}/ballast`),
  },
  /** Every system can limit the size of a process's files. */
  "takes no larger files": {
    reason: "io",
    shell: () => ({ command: "sh", args: ["-c", `trap '' XFSZ; exec "$@"`, "sh"] }),
    fill: (pid) => limitFiles(pid, "1500000"),
    free: (pid) => limitFiles(pid, "unlimited"),
  },
};

function unshareArgs(): string[] {
  return Deno.uid() === 0 ? ["--mount"] : ["--mount", "--map-root-user"];
}

function canMount(): boolean {
  try {
    return new Deno.Command("unshare", { args: [...unshareArgs(), "true"], stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

async function limitFiles(pid: number, size: string): Promise<void> {
  const { success } = await new Deno.Command("prlimit", { args: ["--pid", `${pid}`, `--fsize=${size}:`] }).output();
  assert.ok(success);
}

for (const [what, disk] of Object.entries(DISKS)) {
  Deno.test({
    name: `PushStore keeps what it holds, refuses the rest and recovers by itself when the disk ${what}`,
    // What is not covered where nothing may be mounted, the other test covers but for the reason.
    ignore: what === "is full" && !canMount(),
    fn: async () => {
      using scratch = scratchDir();
      const { command, args } = disk.shell(scratch.dir);
      const child = new Deno.Command(command, {
        args: [
          ...args,
          Deno.execPath(),
          "run",
          "--no-prompt",
          "--unstable-kv",
          `--allow-read=${scratch.dir}`,
          `--allow-write=${scratch.dir}`,
          PROCESS,
          scratch.dir,
          disk.reason,
        ],
        stdin: "piped",
        stdout: "piped",
        stderr: "inherit",
      }).spawn();
      const answers = child.stdin.getWriter();
      const asked: string[] = [];
      for await (const line of createInterface({ input: Readable.fromWeb(child.stdout) })) {
        asked.push(line);
        if (line === "fill") await disk.fill(child.pid, scratch.dir);
        if (line === "free") await disk.free(child.pid, scratch.dir);
        await answers.write(new TextEncoder().encode("\n"));
      }
      await answers.close();
      const { success } = await child.status;
      assert.deepEqual([success, asked], [true, ["fill", "free", "done"]]);
    },
  });
}

Deno.test("The server whose disk takes no more tells strangers nothing of its disk, and the log tells why", async () => {
  await using folder = await tempFolder();
  const flags = ["--listen=127.0.0.1:0", "--listen-internal=127.0.0.1:0", "--ratelimit=0s"];
  const { path, args, ...command } = taskCommand("server", [...flags, `--storage-dir=${folder.path}/secret-disk`]);
  // The signal of a file that is too large would end the process.
  await using server = new Child({
    ...command,
    path: "sh",
    args: ["-c", `trap '' XFSZ; exec "$@"`, "sh", path, ...args],
  });
  const [, port, internalPort] = (await server.line(/external=\S+:(\d+)\/ internal=\S+:(\d+)\//)).map(Number);
  const headers = { authorization: "Bearer anything" };
  const { token } = JSON.parse((await visit({ port, method: "POST", path: "/authorize?id=a", headers })).text);
  await limitFiles(server.pid, "1");
  const answers = [];
  for (let n = 0; n < 3; n++) {
    answers.push(
      await visit({
        port,
        method: "POST",
        path: "/upload",
        headers: { authorization: `Bearer ${token}` },
        body: new TextEncoder().encode(`up{_id="a"} ${n} ${Date.now()}\n`),
      }),
    );
  }
  answers.push(await visit({ port, path: "/healthz/ready" }));
  const inside = await visit({ port: internalPort, path: "/healthz/ready" });
  assert.deepEqual([inside.status, inside.text], [503, "Cannot keep pushes: io\n"]);
  const ids = answers.map(({ status, text, headers }) => {
    assert.equal(status, 503);
    assert.doesNotMatch(JSON.stringify({ text, headers }), /secret|kv|disk|io\b/i);
    return /the server's log says why under (\S+)\n$/.exec(text)![1];
  });
  const [push, again, , health] = ids;
  assert.equal(again, push);
  await server.line(new RegExp(`id=${health} .* why=io`));
  assert.match(server.lines.find((line) => line.includes(push)) ?? "", /secret-disk/);
});
