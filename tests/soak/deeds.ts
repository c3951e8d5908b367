/**
 * What is done to servers that are soaked, besides the attacks of clients: crashes, restarts, pauses, and full disks.
 *
 * @module
 */

import type { RingServer } from "../faults/ring_servers.ts";
import type { Random } from "../support/random.ts";
import type { SmallDisk } from "../support/small_disk.ts";

/** What a deed is done to. */
export interface Victim {
  /** The server. */
  readonly server: RingServer;
  /** Its disk, if that is small. */
  readonly disk?: SmallDisk;
}

/** Something that happens to a server. In the end it runs and is ready. */
export type Deed = (victim: Victim, random: Random) => Promise<void>;

/** Those that need nothing. */
const FAULTS: Readonly<Record<string, Deed>> = {
  "kill -9": async ({ server }) => {
    await server.kill();
    await again(server);
  },
  "SIGTERM": async ({ server }) => {
    await server.stop();
    await again(server);
  },
  "SIGSTOP": async ({ server }, random) => {
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
  "kill -9 with a full disk": async ({ server, disk }, random) => {
    await disk!.fill();
    await pass(random.between(500, 2_000));
    await server.kill();
    await disk!.free();
    await again(server);
  },
  "SIGTERM with a full disk": async ({ server, disk }, random) => {
    await disk!.fill();
    await pass(random.between(500, 2_000));
    await server.stop();
    await disk!.free();
    await again(server);
  },
};

/** All that can be done to a server, by name. */
export function deedsOn({ disk }: Victim): Readonly<Record<string, Deed>> {
  return disk === undefined ? FAULTS : { ...FAULTS, ...DISK_FAULTS };
}

/** How long a server may take to have its part in the ring again, in milliseconds: joining may, by its own rule, take a minute. */
const READY_MS = 150_000;

/** Starts a server again. */
export async function again(server: RingServer): Promise<void> {
  server.launch();
  await server.ready({ timeoutMs: READY_MS });
}

/** Lets time pass. */
export function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
