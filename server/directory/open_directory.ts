/**
 * A directory that runs: kept on disk, looked at every few seconds, told in the log.
 *
 * @module
 */

import { Gauge } from "prom-client";
import type { Logger } from "../../common/log.ts";
import type { Registry } from "../../common/metrics.ts";
import type { PushStore } from "../store/push_store.ts";
import { Directory, type DirectoryOptions } from "./directory.ts";
import { DirectoryStore } from "./directory_store.ts";
import type { SourceLimits } from "./source.ts";
import { SOURCE_STATES } from "./source_state.ts";
import { tellBlank, tellNearLimits, tellTransitions } from "./source_log.ts";

/** What a directory runs with. */
export interface OpenDirectoryOptions extends DirectoryOptions {
  /** Keeps it. */
  readonly store: Pick<PushStore, "getMeta" | "setMeta">;
  /** Gets the number of sources by state. */
  readonly registry: Registry;
  /** The limits of a push, as they are now. */
  readonly limits: SourceLimits;
  /** Told how sources fare. */
  readonly log: Logger;
}

/** A directory that runs until it is disposed of. */
export interface RunningDirectory extends AsyncDisposable {
  /** The directory. */
  readonly directory: Directory;
}

/** How often sources are looked at, in milliseconds. */
export const SWEEP_INTERVAL_MS = 5_000;

/**
 * Reads the directory from the store, and keeps it from then on.
 *
 * @throws {StoreUnavailableError} if the store cannot be read.
 */
export async function openDirectory(options: OpenDirectoryOptions): Promise<RunningDirectory> {
  const { store, registry, limits, log } = options;
  await using opening = new AsyncDisposableStack();
  const directory = new Directory(options);
  const kept = opening.use(await DirectoryStore.open(directory, store));
  const sweep = async () => {
    try {
      tellTransitions(log, await directory.sweep());
      tellNearLimits(log, directory.nearing(limits), limits);
      tellBlank(log, directory.blanking());
    } catch (error) {
      log.error("Cannot look at the sources", { error: String(error) });
    }
  };
  const timer = setInterval(() => void sweep(), SWEEP_INTERVAL_MS);
  opening.defer(() => clearInterval(timer));
  kept.start();
  new Gauge({
    name: "telemeter_sources",
    help: "Sources that this server owns, by how they fare",
    labelNames: ["state"],
    registers: [registry],
    collect() {
      const counts = new Map(SOURCE_STATES.map((state) => [state, 0]));
      for (const { state } of directory.list()) counts.set(state, counts.get(state)! + 1);
      for (const [state, count] of counts) this.set({ state }, count);
    },
  });
  const running = opening.move();
  return { directory, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
