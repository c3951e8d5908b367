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
import { Inspectors } from "../support/inspector.ts";
import type { SoakPlan } from "./soak_plan.ts";
import type { SoakReport } from "./soak_report.ts";
import { Trial } from "./trial.ts";

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
