/**
 * What it costs to take remote write, beside a Prometheus 3.5 and a VictoriaMetrics: the three get the same requests of 521 samples by
 * turns, so that whatever else the machine does meanwhile falls on all. Prints one line of JSON.
 *
 * ```text
 * deno run --allow-all tests/bench/receive_cost.ts [TURNS [REQUESTS_A_SECOND [SECONDS]]]
 * ```
 *
 * The server has each request on disk before it answers. The others write theirs to disk later: a Prometheus leaves that to the
 * system, a VictoriaMetrics does it every few seconds.
 *
 * @module
 */

import { findRelease } from "../../scripts/integration/prometheus_runner.ts";
import { findVictoriaMetrics } from "../../scripts/integration/victoria_metrics.ts";
import { Child } from "../../scripts/process/child.ts";
import { eventually } from "../../scripts/process/eventually.ts";
import { freePort } from "../../scripts/process/free_port.ts";
import { OpenServer } from "../support/open_server.ts";
import { processorMs } from "../support/processor_time.ts";
import { WRITE_HEADERS, WriteTemplate } from "../support/write_template.ts";

const [turns = 10, requestsPerSecond = 50, seconds = 5] = Deno.args.map(Number);
const CLUSTERS = 300;
const SAMPLES = 521;
/** Requests under way at a time, at most. */
const SENDERS = 16;

/** By when a program answers, in milliseconds. */
const STARTED_MS = 30_000;

interface Receiver {
  readonly name: string;
  readonly pid: number;
  readonly send: (id: string, body: Uint8Array<ArrayBuffer>) => Promise<{ status: number; text: string }>;
}

/** A program that takes remote write of whoever comes. */
async function receiver(
  name: string,
  { path, args, url }: { path: string; args: readonly string[]; url: string },
): Promise<{ readonly receiver: Receiver; readonly child: Child }> {
  const child = new Child({ name, path, args });
  const send = async (_id: string, body: Uint8Array<ArrayBuffer>) => {
    const response = await fetch(url, { method: "POST", headers: WRITE_HEADERS, body });
    return { status: response.status, text: await response.text() };
  };
  await eventually(`${name} takes a request`, async () => {
    const { status, text } = await send("", templates[0].body(Date.now()));
    if (status !== 204) throw new Error(`it answers ${status}: ${text}`);
    return true;
  }, { timeoutMs: STARTED_MS });
  return { receiver: { name, pid: child.pid, send }, child };
}

/** Sends one cluster after the other at the rate, and returns what a thousand samples took, and how long answers did. */
async function slice({ name, pid, send }: Receiver, { first, requests }: { first: number; requests: number }) {
  const beforeMs = await processorMs(pid), startMs = performance.now(), tookMs: number[] = [];
  let next = 0;
  await Promise.all(Array.from({ length: SENDERS }, async () => {
    while (next < requests) {
      const at = next++, dueMs = startMs + 1_000 * at / requestsPerSecond - performance.now();
      if (dueMs > 0) await new Promise((resolve) => setTimeout(resolve, dueMs));
      const template = templates[(first + at) % CLUSTERS], body = template.body(Date.now()), sentMs = performance.now();
      const { status, text } = await send(template.id, body);
      if (status !== 204) throw new Error(`${name} answers ${status}: ${text}`);
      tookMs.push(performance.now() - sentMs);
    }
  }));
  return { cpuMs: 1_000 * (await processorMs(pid) - beforeMs) / (requests * SAMPLES), tookMs };
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)];
}

const templates = Array.from({ length: CLUSTERS }, (_, i) => new WriteTemplate(`cluster-${i}`));
await using dir = {
  path: await Deno.makeTempDir(),
  async [Symbol.asyncDispose]() {
    await Deno.remove(this.path, { recursive: true });
  },
};
const prometheusFile = `${dir.path}/prometheus.yml`;
await Deno.writeTextFile(prometheusFile, "global: {}\n");
const runner = await findRelease("3.5");
if (!("path" in runner)) throw new Error("Cannot measure a Prometheus in a container: put the program on the PATH");
const prometheusAt = `127.0.0.1:${freePort()}`, victoriaAt = `127.0.0.1:${freePort()}`;
await using stack = new AsyncDisposableStack();
const prometheus = await receiver("prometheus", {
  path: runner.path,
  args: [
    `--config.file=${prometheusFile}`,
    `--storage.tsdb.path=${dir.path}/prometheus`,
    `--web.listen-address=${prometheusAt}`,
    "--web.enable-remote-write-receiver",
  ],
  url: `http://${prometheusAt}/api/v1/write`,
});
stack.use(prometheus.child);
const victoria = await receiver("victoria-metrics", {
  path: await findVictoriaMetrics(),
  args: [`-storageDataPath=${dir.path}/victoria`, `-httpListenAddr=${victoriaAt}`],
  url: `http://${victoriaAt}/api/v1/write`,
});
stack.use(victoria.child);
const server = stack.use(await OpenServer.start("--ratelimit", "0s"));
const telemeter: Receiver = {
  name: "telemeter",
  pid: server.pid,
  send: (id, body) => server.write(id, { headers: WRITE_HEADERS, body }),
};
const receivers = [telemeter, prometheus.receiver, victoria.receiver];
// All series are there, and what is compiled as it runs is compiled.
for (let i = 0; i < 3; i++) for (const one of receivers) await slice(one, { first: 0, requests: CLUSTERS });
const part = Math.round(requestsPerSecond * seconds);
const cpuMs = new Map(receivers.map(({ name }) => [name, [] as number[]]));
const tookMs = new Map(receivers.map(({ name }) => [name, [] as number[]]));
for (let turn = 0; turn < turns; turn++) {
  for (const one of turn % 2 === 0 ? receivers : receivers.toReversed()) {
    const measured = await slice(one, { first: turn * part, requests: part });
    cpuMs.get(one.name)!.push(measured.cpuMs);
    tookMs.get(one.name)!.push(...measured.tookMs);
  }
}
const figures = Object.fromEntries(receivers.map(({ name }) => [name, {
  cpuMsPer1000Samples: +quantile(cpuMs.get(name)!, 0.5).toFixed(2),
  p50Ms: +quantile(tookMs.get(name)!, 0.5).toFixed(1),
  p99Ms: +quantile(tookMs.get(name)!, 0.99).toFixed(1),
}]));
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(figures) + "\n"));
