/**
 * A disk of little room, which is filled and freed as a test likes (Linux).
 *
 * @module
 */

import { join } from "node:path";
import { UsageError } from "../../common/options.ts";

/** Far more than a store takes in a soak, and little enough to be filled in no time. */
const DISK_BYTES = 192 * 1_048_576;
/** What the ballast is written in: large pieces first, and then what is the least that a disk gives out. */
const PIECES_BYTES = [1_048_576, 4_096];

/** A file system in memory. Disposing of it takes it away with all that is on it: nobody may use it any more. */
export class SmallDisk implements AsyncDisposable {
  readonly #dir: string;
  readonly #ballast: string;

  private constructor(dir: string) {
    this.#dir = dir;
    this.#ballast = join(dir, "ballast");
  }

  /**
   * Mounts one at a directory, which is made.
   *
   * @throws {UsageError} if we may not.
   */
  static async mount(dir: string): Promise<SmallDisk> {
    await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
    if (!await runs("mount", "-t", "tmpfs", "-o", `size=${DISK_BYTES},mode=0700`, "tmpfs", dir)) {
      throw new UsageError(
        `Cannot mount a disk at '${dir}': run this as root, or behind \`unshare --mount --map-root-user\``,
      );
    }
    return new SmallDisk(dir);
  }

  /** Leaves no room. */
  async fill(): Promise<void> {
    using file = await Deno.open(this.#ballast, { create: true, append: true });
    for (const bytes of PIECES_BYTES) {
      const piece = new Uint8Array(bytes);
      try {
        while (true) await file.write(piece);
      } catch {
        // It is full, as far as pieces of this size go.
      }
    }
  }

  /** Makes room again. */
  async free(): Promise<void> {
    await Deno.remove(this.#ballast);
  }

  /** Takes the disk away. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!await runs("umount", this.#dir)) throw new Error(`Cannot take away the disk at '${this.#dir}': it is in use`);
  }
}

/** Whether a disk can be mounted here. */
export async function canMount(): Promise<boolean> {
  const dir = await Deno.makeTempDir();
  try {
    await using _disk = await SmallDisk.mount(dir);
    return true;
  } catch {
    return false;
  } finally {
    await Deno.remove(dir);
  }
}

async function runs(program: string, ...args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args, stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}
