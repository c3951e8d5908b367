/**
 * Takes up what has changed in the configuration file and the allow-list of a server that runs, at SIGHUP. Certificates, lists of
 * ids and lists of tokens are followed all the time, and need no reload.
 *
 * @module
 */

import type { Launch } from "../common/lifecycle.ts";
import { messageOf } from "../common/explain.ts";
import { Renderer } from "./ingest/renderer.ts";
import type { Capacity } from "./limits/capacity.ts";
import type { PushLimiter } from "./limits/rate_limit.ts";
import type { SERVER_OPTIONS, ServerOptions } from "./options.ts";
import type { PushCommitter } from "./pushes/push_committer.ts";
import { DeltaRenderer } from "./remote_write/delta_renderer.ts";
import type { WriteCommitter } from "./remote_write/write_committer.ts";
import type { WriteLimited } from "./remote_write/write_limited.ts";
import { readRules } from "./settings.ts";

/** What a reload works on. */
export interface ReloadOptions extends Pick<Launch<typeof SERVER_OPTIONS>, "log" | "reread" | "checkFiles"> {
  /** Gets the rules. */
  readonly committer: Pick<PushCommitter, "renderBy">;
  /** Gets the limits of what is read of requests of remote write. */
  readonly writes: Pick<WriteCommitter, "readBy">;
  /** Gets the rate of remote write. */
  readonly writeLimits: Pick<WriteLimited, "limitTo">;
  /** Gets the rate. */
  readonly limiter: Pick<PushLimiter, "limitTo">;
  /** Gets the limits of all clusters together. */
  readonly capacity: Pick<Capacity, "limitTo">;
  /** Hears of the values that are in force from now on. */
  readonly onValues: (values: ServerOptions) => void;
}

/**
 * Makes a function that reloads, one time after the other. It never rejects: whatever is wrong leaves all as it was, and the log
 * says so.
 */
export function reloading(
  { log, reread, checkFiles, committer, writes, writeLimits, limiter, capacity, onValues }: ReloadOptions,
): () => Promise<void> {
  const reload = async () => {
    try {
      const values = await reread();
      await checkFiles();
      const rules = await readRules(values);
      committer.renderBy(new Renderer(rules));
      writes.readBy(new DeltaRenderer(rules));
      writeLimits.limitTo({ samplesPerSecond: values.limitSamplesPerSecond });
      limiter.limitTo({ intervalMs: values.ratelimit });
      capacity.limitTo({ maxClusters: values.limitClusters, maxSeries: values.limitTotalSeries });
      onValues(values);
      log.info("Reloaded the configuration", {});
    } catch (error) {
      log.error("Cannot reload: the running configuration stays in use", { error: messageOf(error) });
    }
  };
  let reloads = Promise.resolve();
  return () => reloads = reloads.then(reload);
}
