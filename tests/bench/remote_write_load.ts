/**
 * What remote write costs a server: clusters of 521 series, each with its own token, send them in requests of at most 2,000 samples
 * as a Prometheus does, at a rate or as fast as they are taken, while the page is scraped. Prints one line of JSON.
 *
 * ```text
 * deno run --allow-all --unstable-kv tests/bench/remote_write_load.ts [CLUSTERS [SECONDS [INTERVAL_SECONDS]]]
 * ```
 *
 * An interval of 0 is as fast as they are taken. Beside it the same clusters push the same series by `/upload`, for their memory.
 *
 * @module
 */

import { encodeFamilies } from "../../common/exposition/protobuf.ts";
import { frameSnappy } from "../../common/exposition/snappy.ts";
import { OpenServer } from "../support/open_server.ts";
import { realisticFamilies } from "../support/realistic_push.ts";
import { sendAll, writing } from "./load_clusters.ts";

const [clusters = 1_000, seconds = 60, intervalSeconds = 30] = Deno.args.map(Number);
const SCRAPE_INTERVAL_MS = 30_000;
const FLAGS = ["--ratelimit", "0s"];

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

const senders = Array.from({ length: clusters }, (_, i) => writing(`cluster-${i}`));
const bodies = senders.map(({ id }) => frameSnappy(encodeFamilies(realisticFamilies({ id, nowMs: Date.now() }))));
const pushed = await (async () => {
  await using server = await OpenServer.start(...FLAGS);
  for (const [i, { id }] of senders.entries()) await server.push(id, bodies[i], { "content-encoding": "snappy" });
  await server.page();
  return await usage(server);
})();

await using server = await OpenServer.start(...FLAGS);
for (const { id } of senders) await server.token(id);
await server.page();
const before = await usage(server);
const scrapes: number[] = [];
const scrape = async () => {
  const startMs = performance.now();
  await (await fetch(server.federateUrl)).body?.pipeTo(new WritableStream());
  scrapes.push(Math.round(performance.now() - startMs));
};
const timer = setInterval(() => void scrape(), SCRAPE_INTERVAL_MS);
const tookMs: number[] = [];
await sendAll(server, senders, {
  lastsMs: 1_000 * seconds,
  intervalMs: 1_000 * intervalSeconds,
  onTaken: (taken) => tookMs.push(taken.tookMs),
});
tookMs.sort((a, b) => a - b);
clearInterval(timer);
await scrape();
const after = await usage(server);
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
  residentMb: Math.round(after.residentBytes / 1e6),
  residentMbPushed: Math.round(pushed.residentBytes / 1e6),
  compactions: after.compactions,
  storedPerPushBody: +(after.storedBytes / snapshots).toFixed(2),
  filePerPushFile: +(after.fileBytes / pushed.fileBytes).toFixed(2),
  scrapesMs: scrapes,
};
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(figures) + "\n"));
