/**
 * What a process tells of itself, under the usual names. The default metrics of client libraries are not used, as they read
 * files under `/proc` for which our programs ask no permission.
 *
 * @module
 */

// Loaded where the platform has nothing of its own: with what it brings along it takes 8 MB.
import defer * as process from "node:process";
import configuration from "../deno.json" with { type: "json" };

/** A metric of the process. */
export interface ProcessMetric {
  /** What it is called. */
  readonly name: string;
  /** What it counts or measures. */
  readonly help: string;
  /** Whether it only grows. */
  readonly type: "counter" | "gauge";
  /** What its labels are called. */
  readonly labelNames: readonly string[];
  /** Its values now, each with its labels. */
  readonly read: () => readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
}

/** The metrics of a process that started at `startedAtMs`, in milliseconds since the epoch. */
export function processMetrics({ startedAtMs }: { startedAtMs: number }): readonly ProcessMetric[] {
  const one = (value: number) => [{ labels: {}, value }];
  return [
    {
      name: "telemeter_build_info",
      help: "The version of Telemeter and of Deno that the process runs, as labels; the value is 1",
      type: "gauge",
      labelNames: ["version", "deno"],
      read: () => [{ labels: { version: configuration.version, deno: Deno.version.deno }, value: 1 }],
    },
    {
      name: "process_cpu_seconds_total",
      help: "User and system CPU time spent, in seconds",
      type: "counter",
      labelNames: [],
      read: () => {
        const { user, system } = cpuUsage();
        return one((user + system) / 1e6);
      },
    },
    {
      name: "process_resident_memory_bytes",
      help: "Resident memory, in bytes",
      type: "gauge",
      labelNames: [],
      read: () => one(Deno.memoryUsage().rss),
    },
    {
      name: "process_heap_bytes",
      help: "Memory of the JavaScript heap and of buffers outside it, in bytes",
      type: "gauge",
      labelNames: ["kind"],
      read: () => {
        const { heapUsed, external } = Deno.memoryUsage();
        return [{ labels: { kind: "heap" }, value: heapUsed }, { labels: { kind: "external" }, value: external }];
      },
    },
    {
      name: "process_start_time_seconds",
      help: "When the process started, in seconds since the epoch",
      type: "gauge",
      labelNames: [],
      read: () => one(startedAtMs / 1_000),
    },
  ];
}

/** CPU time spent, in microseconds. */
interface CpuUsage {
  readonly user: number;
  readonly system: number;
}

function cpuUsage(): CpuUsage {
  // The types of Deno 2.9 leave it out.
  const platform = Deno as { readonly cpuUsage?: () => CpuUsage };
  return platform.cpuUsage?.() ?? process.cpuUsage();
}
