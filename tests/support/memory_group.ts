/**
 * A control group of processes that together may have so much memory, as a container or a systemd unit has one: the kernel
 * ends who takes more. It takes root, and a system that lets groups be made.
 *
 * @module
 */

import { join } from "node:path";
import type { ChildCommand } from "../../scripts/process/child.ts";

/** Where groups of version 1, and of version 2, are, and what the file of the limit is called. */
const VERSIONS = [
  { parent: "/sys/fs/cgroup/memory", limit: "memory.limit_in_bytes", usage: "memory.usage_in_bytes" },
  { parent: "/sys/fs/cgroup", limit: "memory.max", usage: "memory.current" },
] as const;

/** A group of its own name. Dispose of it when its processes have ended. */
export class MemoryGroup implements AsyncDisposable {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Makes a group, if this system lets us. */
  static async make(limitBytes: number): Promise<MemoryGroup | undefined> {
    for (const { parent, limit, usage } of VERSIONS) {
      const path = join(parent, `telemeter-test-${crypto.randomUUID()}`);
      try {
        await Deno.mkdir(path);
      } catch {
        continue;
      }
      const group = new MemoryGroup(path);
      try {
        await Deno.writeTextFile(join(path, limit), String(limitBytes));
        await Deno.readTextFile(join(path, usage));
        return group;
      } catch {
        await group[Symbol.asyncDispose]();
      }
    }
    return undefined;
  }

  /** The command, started as a member of the group. */
  command({ path, args, ...rest }: ChildCommand): ChildCommand {
    const join = 'echo $$ > "$0/cgroup.procs" && exec "$@"';
    return { ...rest, path: "/bin/sh", args: ["-c", join, this.#path, path, ...args] };
  }

  /** Removes the group. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#path);
  }
}
