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
import { readRules } from "./settings.ts";

/** What a reload works on. */
export interface ReloadOptions extends Pick<Launch<typeof SERVER_OPTIONS>, "log" | "reread" | "checkFiles"> {
  /** Gets the rules. */
  readonly committer: Pick<PushCommitter, "renderBy">;
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
  { log, reread, checkFiles, committer, limiter, capacity, onValues }: ReloadOptions,
): () => Promise<void> {
  const reload = async () => {
    try {
      const values = await reread();
      await checkFiles();
      const rules = await readRules(values);
      committer.renderBy(new Renderer(rules));
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
