/**
 * One soak: good and hostile clients, scrapes, faults and restarts at random, first with faults, then without, so that what the
 * servers take of the machine can be compared.
 *
 * @module
 */

import type { Logger } from "../../common/log.ts";
import { taskCommand } from "../../scripts/process/tasks.ts";
import { RingServers } from "../faults/ring_servers.ts";
import { SmallDisk } from "../support/small_disk.ts";
import type { SlowestReady } from "./deeds.ts";
import type { Footprint } from "./footprint.ts";
import type { Growth, KindOfMemory } from "./growth.ts";
import { Inspectors } from "./inspector.ts";
import { Trial } from "./trial.ts";

/** How a soak goes. */
export interface SoakPlan {
  /** What all chance in it follows from. */
  readonly seed: number;
  /** How long it lasts, in milliseconds: the first half with faults. */
  readonly durationMs: number;
  /** Good clusters. */
  readonly clusters: number;
  /** Their pushes a second. */
  readonly pushesPerSecond: number;
  /**
   * How many servers there are: a ring, if several.
   *
   * @default {1}
   */
  readonly servers?: number;
  /**
   * Whether each has a small disk, which is full at times.
   *
   * @default {false}
   */
  readonly fullDisk?: boolean;
}

/** What one server took of the machine. */
export interface ServerReport {
  /** Its name. */
  readonly name: string;
  /** Before it had clients, and after it had them. */
  readonly footprints: { readonly before: Footprint; readonly after: Footprint };
  /** How its memory grew in the calm half, in bytes, without garbage; absent if that was too short to tell. */
  readonly memory?: Readonly<Record<KindOfMemory, Growth>>;
  /** How long it took at most to be ready after a start, in milliseconds. */
  readonly slowestReady: SlowestReady;
}

/** What came of it. */
export interface SoakReport {
  /** Pushes of good clusters by how they were answered. */
  readonly answers: ReadonlyMap<string, number>;
  /** What was done to the servers, and how often. */
  readonly acts: ReadonlyMap<string, number>;
  /** Pages that were read and checked. */
  readonly pages: number;
  /** Pushes that were acknowledged and not shown: the latest of a cluster, or a later one, must be. */
  readonly lost: number;
  /** Each server. */
  readonly servers: readonly ServerReport[];
  /** What must not have been. */
  readonly faults: readonly string[];
}

/** A calm half shorter than this tells nothing of what is leaked: pools are still being filled. In milliseconds. */
const LEAST_CALM_MS = 60_000;

/**
 * Soaks servers, until the plan is done or the signal is aborted.
 *
 * @throws {import("../../common/options.ts").UsageError} if small disks are wanted and cannot be mounted.
 */
export async function soak(plan: SoakPlan, { log, signal }: { log: Logger; signal: AbortSignal }): Promise<SoakReport> {
  const { servers: count = 1, fullDisk = false, durationMs } = plan;
  const names = count === 1 ? ["server"] : Array.from({ length: count }, (_, index) => `server-${index}`);
  await using stack = new AsyncDisposableStack();
  const inspectors = new Inspectors();
  const command = (name: string, flags: readonly string[]) => inspectors.inspected(name, taskCommand("server", flags));
  const ring = stack.use(await RingServers.create({ names, command }));
  const disks = new Map<string, SmallDisk>();
  for (const server of fullDisk ? ring.servers : []) {
    disks.set(server.name, stack.use(await SmallDisk.mount(server.storageDir)));
    // Nobody must use a disk that is taken away.
    stack.defer(() => server.retire());
  }
  await ring.start();
  const trial = new Trial(plan, { ring, inspectors, disks, log, signal });
  await trial.storm(durationMs / 2);
  await trial.restartInPeace();
  const isLong = durationMs / 2 >= LEAST_CALM_MS;
  await trial.calm(durationMs / 2, { isLong });
  await trial.end({ isLong });
  return trial.report;
}
