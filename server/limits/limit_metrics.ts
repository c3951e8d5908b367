/**
 * The limits of the server on `/metrics`, and how much of those is used that hold for all clusters together.
 *
 * @module
 */

import { Gauge } from "prom-client";
import type { Registry } from "../../common/metrics.ts";
import { duration } from "../../common/option_kinds.ts";
import type { OptionTable } from "../../common/options.ts";

/** What the metrics are read from. */
export interface LimitMetricsOptions {
  /** The table of options: each whose name starts with `limit` is a limit. */
  readonly options: OptionTable;
  /** Their values now. */
  readonly values: () => Readonly<Record<string, unknown>>;
  /** How much is used now, by the names of the options. */
  readonly used: Readonly<Record<string, () => number>>;
  /** Where the gauges are registered. */
  readonly registry: Registry;
}

/** Tells limits on /metrics from now on. */
export function watchLimits({ options, values, used, registry }: LimitMetricsOptions): void {
  const names = Object.keys(options).filter((name) => /^limit[A-Z]/.test(name));
  const scale = (name: string) => options[name].kind === duration ? 1 / 1_000 : 1;
  new Gauge({
    name: "telemeter_limit",
    help: "The limits of the server, each by the name of its flag, in bytes, seconds or a count; 0 for none",
    labelNames: ["limit"],
    registers: [registry],
    collect() {
      const now = values();
      for (const name of names) {
        const value = now[name];
        if (typeof value === "number") this.set({ limit: labelOf(name) }, value * scale(name));
      }
    },
  });
  new Gauge({
    name: "telemeter_limit_used",
    help: "How much of a limit for all clusters together is used",
    labelNames: ["limit"],
    registers: [registry],
    collect() {
      for (const [name, read] of Object.entries(used)) this.set({ limit: labelOf(name) }, read());
    },
  });
}

/** `limitTotalSeries` is `total_series`. */
function labelOf(name: string): string {
  return name.slice("limit".length).replace(/[A-Z]/g, (letter) => "_" + letter.toLowerCase()).slice(1);
}
