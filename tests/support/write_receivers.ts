/**
 * Real receivers of remote write, as far as they are on this machine.
 *
 * @module
 */

import { join } from "node:path";
import { messageOf } from "../../common/explain.ts";
import type { WriteVersion } from "../../common/remote_write/write_fields.ts";
import { findRelease, type Runner } from "../../scripts/integration/prometheus_runner.ts";
import { evaluate } from "../../scripts/integration/promql.ts";
import { findVictoriaMetrics } from "../../scripts/integration/victoria_metrics.ts";
import { Child, type ChildCommand } from "../../scripts/process/child.ts";
import { freePort } from "../../scripts/process/free_port.ts";
import { untilReady } from "../../scripts/process/ready.ts";

/** A program. */
export interface Receiver {
  /** What it is called. */
  readonly name: string;
  /** The version that it is spoken to in the end. */
  readonly version: WriteVersion;
  /** Whether names may be of any UTF-8. */
  readonly takesUtf8: boolean;
  /** What starts it in a folder of its own. */
  readonly command: (place: { port: number; folder: string }) => Promise<ChildCommand>;
  /** Where it says that it is ready. */
  readonly health: string;
}

const pathOf = (runner: Runner) => {
  if ("path" in runner) return runner.path;
  throw new Error("there is an image alone");
};

const prometheus = (release: "3.5" | "2.42", more: readonly string[] = []) => async ({ port, folder }: Place) => {
  await Deno.writeTextFile(join(folder, "prometheus.yml"), "{}");
  return {
    name: `prometheus-${release}`,
    path: pathOf(await findRelease(release)),
    args: [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--web.enable-remote-write-receiver",
      ...more,
    ],
  };
};

type Place = { readonly port: number; readonly folder: string };

/** Those that are tried. */
export const RECEIVERS: readonly Receiver[] = [
  {
    name: "Prometheus 3.5",
    version: "2.0",
    takesUtf8: true,
    command: prometheus("3.5", ["--enable-feature=native-histograms"]),
    health: "-/ready",
  },
  { name: "Prometheus 2.42", version: "1.0", takesUtf8: false, command: prometheus("2.42"), health: "-/ready" },
  {
    name: "VictoriaMetrics",
    version: "1.0",
    takesUtf8: true,
    command: async ({ port, folder }) => ({
      name: "victoria-metrics",
      path: await findVictoriaMetrics(),
      args: [
        `-storageDataPath=${join(folder, "data")}`,
        `-httpListenAddr=127.0.0.1:${port}`,
        "-search.latencyOffset=0s",
        "-search.maxStalenessInterval=5m",
      ],
    }),
    health: "health",
  },
];

/** A receiver that runs. */
export interface RunningReceiver extends AsyncDisposable {
  /** Where it is. */
  readonly url: URL;
}

/** Starts a receiver with nothing in it; says so and returns undefined where there is none on this machine. */
export async function startReceiver({ name, command, health }: Receiver): Promise<RunningReceiver | undefined> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const port = freePort();
  let started: ChildCommand;
  try {
    started = await command({ port, folder });
  } catch (error) {
    const words = `Skipped, as there is no ${name} on this machine: ${messageOf(error)}\n`;
    await Deno.stderr.write(new TextEncoder().encode(words));
    return undefined;
  }
  const receiver = new Child(started);
  stack.defer(async () => void await receiver.stop());
  const url = new URL(`http://127.0.0.1:${port}/`);
  await untilReady(receiver, new URL(health, url), { timeoutMs: 60_000 });
  const owned = stack.move();
  return { url, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Everything that a receiver has of the cluster, one text a series. */
export async function seriesOf(url: URL): Promise<string[]> {
  const elements = await evaluate(url, '{_id="a"}');
  return elements.map(({ labels, value }) => {
    const { __name__: name, ...rest } = labels;
    return `${name} ${JSON.stringify(Object.entries(rest).sort())} ${Number(value)}`;
  }).sort();
}
