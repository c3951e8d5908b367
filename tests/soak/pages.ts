/**
 * What the pages of all servers show together of what was acknowledged.
 *
 * @module
 */

import { messageOf } from "../../common/explain.ts";
import { PROBE } from "../faults/pusher.ts";
import type { RingServer } from "../faults/ring_servers.ts";
import { parseExposition } from "../support/exposition_parser.ts";

/** One look at all pages. */
export interface Look {
  /** Pages that were read. */
  readonly pages: number;
  /** Clusters that show less than what had been acknowledged when the pages were asked for, or nothing; in words. */
  readonly behind: readonly string[];
  /** Clusters that are on several pages. */
  readonly twice: readonly string[];
  /** Pages that no strict reader takes, or that did not come. */
  readonly broken: readonly string[];
}

/** How long a page may take, in milliseconds. */
const PATIENCE_MS = 30_000;

/** Reads all pages at once. A server that does not show its page now, as it is not ready, shows nothing. */
export async function lookAtPages(
  servers: readonly RingServer[],
  acknowledged: ReadonlyMap<string, number>,
): Promise<Look> {
  const due = new Map(acknowledged);
  const read = await Promise.all(servers.map(async ({ name, internal }) => {
    try {
      const response = await fetch(new URL("federate", internal), { signal: AbortSignal.timeout(PATIENCE_MS) });
      const bytes = await response.bytes();
      if (response.status === 503) return undefined;
      const samples = parseExposition(bytes).get(PROBE)?.samples.values() ?? [];
      return new Map(Array.from(samples, ({ labels, value }) => [labels.get("_id") ?? "", value]));
    } catch (error) {
      return `the page of ${name} cannot be read: ${messageOf(error)}`;
    }
  }));
  const pages = read.filter((page) => page instanceof Map);
  const shown = (id: string) => pages.flatMap((page) => page.get(id) ?? []);
  return {
    pages: pages.length,
    behind: Array.from(due).filter(([id, number]) => !shown(id).some((value) => value >= number)).map(([id, number]) =>
      `push ${number} of ${id} was acknowledged; shown is ${shown(id).join(" and ") || "nothing"}`
    ),
    twice: Array.from(due.keys()).filter((id) => shown(id).length > 1),
    broken: read.filter((page) => typeof page === "string"),
  };
}
