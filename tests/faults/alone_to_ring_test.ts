/** A server alone that becomes a member of a ring, and is alone again, with all that was written to it remotely. */

import assert from "node:assert/strict";
import { eventually } from "../../scripts/process/eventually.ts";
import { taskCommand } from "../../scripts/process/tasks.ts";
import { type OracleSeries, STALE } from "../support/write_request_oracle.ts";
import { oneSample, writeRequest } from "../support/write_sender.ts";
import { type RingServer, RingServers } from "./ring_servers.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const TIMEOUT = { timeoutMs: 90_000, intervalMs: 100 };
const IDS = Array.from({ length: 60 }, (_, i) => `cluster-${i}`);

/** Lines of all pages: those that two have are there twice. */
async function linesOf(servers: readonly RingServer[]): Promise<string[]> {
  const pages = await Promise.all(
    servers.map(async ({ internal }) => await (await fetch(new URL("federate", internal))).text()),
  );
  const lines = pages.flatMap((page) => page.split("\n")).filter((line) => line !== "" && !line.startsWith("#"));
  return lines.map((line) => line.replaceAll(/,(instance|job)=""/g, "")).sort();
}

/** Starts a server, and ends it as a crash does once its store was written to so many times, or it has read that. */
async function killAtWrite(server: RingServer, writes: number) {
  using watcher = Deno.watchFs(server.storageDir);
  server.launch();
  void server.child.line(/Joins a ring/).then(() => watcher[Symbol.dispose](), () => {});
  let seen = 0;
  for await (const { kind } of watcher) if (kind === "modify" && ++seen === writes) break;
  await server.kill();
}

Deno.test("a server alone that becomes one of a ring, and is killed meanwhile, has all that was written to it on one page", async () => {
  let isAlone = true;
  await using ring = await RingServers.create({
    names: ["a", "b"],
    command: (name, flags) => {
      const ofRing = /^--(name|listen-cluster|join|cluster-\w+)=/;
      return taskCommand("server", name === "a" && isAlone ? flags.filter((flag) => !ofRing.test(flag)) : flags);
    },
  });
  const [a, b] = ring.servers;
  const timestamp = Date.now();
  const send = async (id: string, series: readonly OracleSeries[]) => {
    const { headers, body } = writeRequest(series, { metadata: [{ type: 1, metricFamilyName: "m" }] });
    const authorization = `Bearer ${await ring.token(id)}`;
    const url = new URL("api/v1/write", a.external);
    const response = await fetch(url, { method: "POST", headers: { ...headers, authorization }, body });
    assert.equal(response.status, 204, await response.text());
  };
  const sample = (i: number, value: number, later = 0) =>
    oneSample({ __name__: "m", i: String(i) }, { value, timestamp: timestamp + later });
  const native: OracleSeries = {
    labels: [{ name: "__name__", value: "h" }],
    histograms: [{
      countInt: 7,
      sum: 18.4,
      schema: 1,
      zeroThreshold: 0.001,
      zeroCountInt: 2,
      positiveSpans: [{ offset: 0, length: 2 }, { offset: 1, length: 2 }],
      positiveDeltas: [1, 1, -1, 0],
      timestamp,
    }],
  };
  await ring.start([a]);
  for (const id of IDS) {
    await send(id, [sample(1, 1), sample(2, 2), native]);
    await send(id, [sample(1, STALE, 1), sample(3, 3)]);
  }
  const alone = await linesOf([a]);
  assert.deepEqual(
    alone.filter((line) => line.includes('"cluster-7"')).map((line) => line.replace(/ \d{13}$/, "")),
    [
      'h_bucket{_id="cluster-7",le="+Inf"} 7',
      'h_count{_id="cluster-7"} 7',
      'h_sum{_id="cluster-7"} 18.4',
      'm{_id="cluster-7",i="2"} 2',
      'm{_id="cluster-7",i="3"} 3',
    ],
  );
  await a.kill();
  isAlone = false;
  for (const writes of [5, 40, 80]) await killAtWrite(a, writes);
  await ring.start([b, a]);
  await eventually("all on one page each", async () => {
    const [ofA, ofB] = await Promise.all([linesOf([a]), linesOf([b])]);
    assert.deepEqual([...ofA, ...ofB].sort(), alone);
    return ofA.length > 0 && ofB.length > 0;
  }, TIMEOUT);
  await Promise.all([a.kill(), b.kill()]);
  isAlone = true;
  await ring.start([a]);
  // Its copies among it, as nobody else is there.
  assert.deepEqual(await linesOf([a]), alone);
  await send(IDS[0], [sample(4, 4)]);
  await a.kill();
  await ring.start([a]);
  assert.equal((await linesOf([a])).length, alone.length + 1);
});
