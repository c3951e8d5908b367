/**
 * How fast a ring of real servers on this machine is: `deno task ring-bench`.
 *
 * @module
 */

import { run } from "../../common/lifecycle.ts";
import { duration, flag, wholeNumber } from "../../common/option_kinds.ts";
import { type OptionTable, type Program, UsageError } from "../../common/options.ts";
import { control } from "./ring_bench/control.ts";
import { compareRoutes } from "./ring_bench/forwarding.ts";
import { grow } from "./ring_bench/growth.ts";
import { compareScrapes } from "./ring_bench/scrape.ts";
import { takeOver } from "./ring_bench/takeover.ts";

/** The option table. */
export const RING_BENCH_OPTIONS = {
  servers: {
    kind: wholeNumber({ least: 2 }),
    default: "3",
    help: "Servers; join: how many there are in the end",
  },
  clusters: { kind: wholeNumber({ least: 1 }), default: "120", help: "Clusters that push" },
  duration: { kind: duration, default: "5s", help: "forward, write: how long each route is tried at a time" },
  series: {
    kind: wholeNumber({ least: 1 }),
    default: "100",
    help: "join, takeover: series of each cluster; forward pushes 521, as clusters do",
  },
  connections: { kind: wholeNumber({ least: 1 }), default: "16", help: "forward, write: pushes under way at a time" },
  atOnce: { kind: flag, help: "join: all join at the same time in place of one after the other" },
} as const satisfies OptionTable;

/** The program as `--help` shows it. */
export const RING_BENCH: Program<typeof RING_BENCH_OPTIONS> = {
  name: "ring-bench",
  summary:
    "Measures pushes and requests of remote write by route, what it takes to join or to take over, what a page costs, or what members say while nothing happens.",
  arguments: { MODE: "forward, write, join, takeover, scrape or control" },
  options: RING_BENCH_OPTIONS,
};

if (import.meta.main) {
  await run(RING_BENCH, async ({ values, arguments: [mode], signal, print }) => {
    const say = (line: string) => print(`${line}\n`);
    if (mode === "forward") await compareRoutes(values, { say, signal });
    else if (mode === "write") await compareRoutes({ ...values, way: "remote write" }, { say, signal });
    else if (mode === "join") await grow(values, { say, signal });
    else if (mode === "scrape") await compareScrapes(values, { say, signal });
    else if (mode === "control") await control(values, { say, signal });
    else if (mode === "takeover") await takeOver(values, { say, signal });
    else throw new UsageError("Choose: forward, write, join, takeover, scrape or control");
  }, { startsPrograms: true });
}
