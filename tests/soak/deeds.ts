/**
 * What is done to servers that are soaked, besides the attacks of clients: crashes, restarts, pauses, and full disks.
 *
 * @module
 */

import { flapPauseMs, MAX_TURN_WAIT_MS } from "../../ring/membership/join_policy.ts";
import type { RingServer } from "../faults/ring_servers.ts";
import type { Random } from "../support/random.ts";
import type { SmallDisk } from "../support/small_disk.ts";

/** How long a member may take to start and to take over what is its own, in milliseconds, besides its pause and the wait for its turn. */
const TAKE_OVER_MS = 10_000;

/** How long it took at most to be ready after a start, in milliseconds. */
export interface SlowestReady {
  /** Where the ring has nobody pause, as few comings and goings came before. */
  readonly atOnceMs: number;
  /** Where it may have it pause. */
  readonly pausedMs: number;
}

/** A server to which deeds are done. */
export class Victim {
  /** The server. */
  readonly server: RingServer;
  /** Its disk, if that is small. */
  readonly disk: SmallDisk | undefined;
  #slowestReady: SlowestReady = { atOnceMs: 0, pausedMs: 0 };
  #flaps = 0;

  /** Does nothing yet. */
  constructor({ server, disk }: { server: RingServer; disk?: SmallDisk }) {
    this.server = server;
    this.disk = disk;
  }

  /** How long it took at most to be ready after a start. */
  get slowestReady(): SlowestReady {
    return this.#slowestReady;
  }

  /** Expects that the ring may go on without it, which counts against it as coming and going does; an orderly end does not. */
  mayBeOutvoted(): void {
    this.#flaps++;
  }

  /**
   * Starts it again, and waits until it has its part in the ring.
   *
   * @throws {Error} if it has not in the time that the rules of joining give it.
   */
  async startAgain(): Promise<void> {
    // The ring may have counted fewer: some are forgiven, and of those that may be outvoted few are.
    const pauseMs = flapPauseMs(this.#flaps), startedMs = performance.now();
    this.server.launch();
    await this.server.ready({ timeoutMs: pauseMs + MAX_TURN_WAIT_MS + TAKE_OVER_MS });
    const tookMs = performance.now() - startedMs, { atOnceMs, pausedMs } = this.#slowestReady;
    this.#slowestReady = pauseMs === 0
      ? { atOnceMs: Math.max(atOnceMs, tookMs), pausedMs }
      : { atOnceMs, pausedMs: Math.max(pausedMs, tookMs) };
  }
}

/** Something that happens to a server. In the end it runs and is ready. */
export type Deed = (victim: Victim, random: Random) => Promise<void>;

/** Those that need nothing. */
const FAULTS: Readonly<Record<string, Deed>> = {
  "kill -9": async (victim) => {
    await victim.server.kill();
    victim.mayBeOutvoted();
    await victim.startAgain();
  },
  "SIGTERM": async (victim) => {
    await victim.server.stop();
    await victim.startAgain();
  },
  "SIGSTOP": async (victim, random) => {
    const { server } = victim;
    victim.mayBeOutvoted();
    server.pause();
    await pass(random.between(200, 3_000));
    server.resume();
  },
};

/** Those that need a small disk. */
const DISK_FAULTS: Readonly<Record<string, Deed>> = {
  "full disk": async ({ disk }, random) => {
    await disk!.fill();
    await pass(random.between(500, 4_000));
    await disk!.free();
  },
  "kill -9 with a full disk": async (victim, random) => {
    const { server, disk } = victim;
    await disk!.fill();
    await pass(random.between(500, 2_000));
    await server.kill();
    await disk!.free();
    victim.mayBeOutvoted();
    await victim.startAgain();
  },
  "SIGTERM with a full disk": async (victim, random) => {
    const { server, disk } = victim;
    await disk!.fill();
    await pass(random.between(500, 2_000));
    await server.stop();
    await disk!.free();
    // It cannot note there that it left in good order.
    victim.mayBeOutvoted();
    await victim.startAgain();
  },
};

/** All that can be done to a server, by name. */
export function deedsOn({ disk }: Pick<Victim, "disk">): Readonly<Record<string, Deed>> {
  return disk === undefined ? FAULTS : { ...FAULTS, ...DISK_FAULTS };
}

/** Lets time pass. */
export function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
