/**
 * The clock of a machine that is not: programs see the time of day that a test gives them, and may change while they run (Linux, with
 * libfaketime, Debian's package `faketime`). How long things take stays as it is.
 *
 * @module
 */

import { join } from "node:path";
import { UsageError } from "../../common/options.ts";
import type { ChildCommand } from "../../scripts/process/child.ts";

/** Where the library may lie. */
const LIBRARIES = [
  "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
  "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
  "/usr/lib/faketime/libfaketimeMT.so.1",
];

/** A clock that is so far from the true time as it is set. */
export class MachineClock {
  readonly #file: string;
  readonly #library: string;

  private constructor(file: string, library: string) {
    this.#file = file;
    this.#library = library;
  }

  /**
   * Makes a clock, kept in a directory that outlives all who see it.
   *
   * @throws {UsageError} if the library is not there.
   */
  static async create({ dir, name, aheadSeconds }: {
    dir: string;
    name: string;
    aheadSeconds: number;
  }): Promise<MachineClock> {
    const library = await findLibrary();
    if (library === undefined) {
      throw new UsageError("Cannot give a program a clock of its own: install libfaketime (Debian: faketime)");
    }
    const clock = new MachineClock(join(dir, `${name}.clock`), library);
    await clock.set(aheadSeconds);
    return clock;
  }

  /** Whether clocks can be made here. */
  static async isAvailable(): Promise<boolean> {
    return await findLibrary() !== undefined;
  }

  /** Puts it so many seconds ahead of the true time, or behind it if they are negative. Programs see it within a second. */
  async set(aheadSeconds: number): Promise<void> {
    // In one step: half of it would be another time.
    const next = `${this.#file}.next`;
    await Deno.writeTextFile(next, `${aheadSeconds < 0 ? "" : "+"}${aheadSeconds}\n`);
    await Deno.rename(next, this.#file);
  }

  /** A command whose program sees this clock. */
  of(command: ChildCommand): ChildCommand {
    const env = {
      ...command.env,
      LD_PRELOAD: this.#library,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_CACHE_DURATION: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
    return { ...command, env };
  }
}

async function findLibrary(): Promise<string | undefined> {
  for (const path of LIBRARIES) {
    try {
      await Deno.stat(path);
      return path;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return undefined;
}
