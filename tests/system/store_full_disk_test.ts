import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
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
      args: [...unshareArgs(), "sh", "-c", `mount -t tmpfs -o size=6m tmpfs '${dir}' && exec "$@"`, "sh"],
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
