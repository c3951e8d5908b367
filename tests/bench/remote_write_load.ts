/**
 * What remote write costs a server: clusters of 521 series, each with its own token, send them in requests of at most 2,000 samples
 * as a Prometheus does, at a rate or as fast as they are taken, while the page is scraped. Prints one line of JSON.
 *
 * ```text
 * deno run --allow-all --unstable-kv tests/bench/remote_write_load.ts [CLUSTERS [SECONDS [INTERVAL_SECONDS]]]
 * ```
 *
 * An interval of 0 is as fast as they are taken. Before it the same clusters push the same series by `/upload`, as often and for as
 * long, for what these take of memory and disk. Memory is what is alive once garbage is collected. Of the disk it is the most that was seen: logs grow until what
 * clusters show takes the place of them.
 *
 * @module
 */

import { encodeFamilies } from "../../common/exposition/protobuf.ts";
import { frameSnappy } from "../../common/exposition/snappy.ts";
import { Inspectors } from "../support/inspector.ts";
import { OpenServer } from "../support/open_server.ts";
import { realisticFamilies } from "../support/realistic_push.ts";
import { pushing, sendAll, writing } from "./load_clusters.ts";

const [clusters = 1_000, seconds = 60, intervalSeconds = 30] = Deno.args.map(Number);
const SCRAPE_INTERVAL_MS = 30_000;
/** How often the disk is looked at, in milliseconds. */
const LOOK_INTERVAL_MS = 2_000;
const FLAGS = ["--ratelimit", "0s"];

const inspectors = new Inspectors();

/** A server whose memory can be told by its name. */
async function start(
  name: string,
): Promise<{ readonly server: OpenServer; readonly liveBytes: () => Promise<number> }> {
  const server = await OpenServer.startIn({ command: (command) => inspectors.inspected(name, command) }, ...FLAGS);
  const liveBytes = async () => {
    const { heapBytes, externalBytes } = await inspectors.liveMemory(name);
    return heapBytes + externalBytes;
  };
  return { server, liveBytes };
}

/** What a server has used so far. */
async function usage(server: OpenServer) {
  const metric = async (name: string) => await server.metric(name) ?? 0;
  return {
    cpuSeconds: await metric("process_cpu_seconds_total"),
    samples: await metric("telemeter_remote_write_samples_total"),
    series: await metric("telemeter_series"),
    indexBytes: await metric("telemeter_index_bytes"),
    residentBytes: await metric("process_resident_memory_bytes"),
    storedBytes: await metric("telemeter_store_bytes"),
    fileBytes: await metric("telemeter_store_file_bytes"),
    compactions: await metric("telemeter_store_compactions_total"),
  };
}

const pace = { lastsMs: 1_000 * seconds, intervalMs: 1_000 * intervalSeconds };
const senders = Array.from({ length: clusters }, (_, i) => writing(`cluster-${i}`));
const bodies = senders.map(({ id }) => frameSnappy(encodeFamilies(realisticFamilies({ id, nowMs: Date.now() }))));
const pushed = await (async () => {
  const { server, liveBytes } = await start("pushed");
  await using _ = server;
  for (const { id } of senders) await server.token(id);
  await server.page();
  const emptyBytes = await liveBytes();
  await sendAll(server, senders.map(({ id }) => pushing(id)), { ...pace, onTaken: () => {} });
  await server.page();
  return { ...await usage(server), liveBytes: await liveBytes() - emptyBytes };
})();

const { server, liveBytes } = await start("written");
await using _ = server;
for (const { id } of senders) await server.token(id);
await server.page();
const emptyBytes = await liveBytes();
const before = await usage(server);
const scrapes: number[] = [];
const scrape = async () => {
  const startMs = performance.now();
  await (await fetch(server.federateUrl)).body?.pipeTo(new WritableStream());
  scrapes.push(Math.round(performance.now() - startMs));
};
let mostStoredBytes = 0, mostFileBytes = 0;
const look = async () => {
  const { storedBytes, fileBytes } = await usage(server);
  mostStoredBytes = Math.max(mostStoredBytes, storedBytes);
  mostFileBytes = Math.max(mostFileBytes, fileBytes);
};
const timers = [
  setInterval(() => void scrape(), SCRAPE_INTERVAL_MS),
  setInterval(() => void look(), LOOK_INTERVAL_MS),
];
const tookMs: number[] = [];
await sendAll(server, senders, { ...pace, onTaken: (taken) => tookMs.push(taken.tookMs) });
tookMs.sort((a, b) => a - b);
timers.forEach(clearInterval);
await scrape();
await look();
const after = await usage(server);
const writtenLiveBytes = await liveBytes() - emptyBytes;
const samples = after.samples - before.samples;
const snapshots = bodies.reduce((sum, { length }) => sum + length, 0);
const figures = {
  clusters,
  samplesPerSecond: Math.round(samples / seconds),
  requests: tookMs.length,
  p50Ms: +tookMs[Math.floor(tookMs.length * 0.5)].toFixed(1),
  p99Ms: +tookMs[Math.floor(tookMs.length * 0.99)].toFixed(1),
  maxMs: +tookMs.at(-1)!.toFixed(1),
  cpuMsPer1000Samples: +(1e6 * (after.cpuSeconds - before.cpuSeconds) / samples).toFixed(2),
  indexBytesPerSeries: Math.round(after.indexBytes / after.series),
  indexBytesPerSeriesPushed: Math.round(pushed.indexBytes / pushed.series),
  liveBytesPerSeries: Math.round(writtenLiveBytes / after.series),
  liveBytesPerSeriesPushed: Math.round(pushed.liveBytes / pushed.series),
  residentMb: Math.round(after.residentBytes / 1e6),
  residentMbPushed: Math.round(pushed.residentBytes / 1e6),
  compactions: after.compactions,
  mostStoredPerPushBody: +(mostStoredBytes / snapshots).toFixed(2),
  mostFilePerPushFile: +(mostFileBytes / pushed.fileBytes).toFixed(2),
  scrapesMs: scrapes,
};
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(figures) + "\n"));
