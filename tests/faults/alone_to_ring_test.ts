/** A server alone that becomes a member of a ring, and is alone again, with all that was written to it remotely. */

import assert from "node:assert/strict";
import { eventually } from "../../scripts/process/eventually.ts";
import { taskCommand } from "../../scripts/process/tasks.ts";
import { type OracleSeries, STALE } from "../support/write_request_oracle.ts";
import { oneNative, oneSample, writeRequest } from "../support/write_sender.ts";
import { type RingServer, RingServers } from "./ring_servers.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const TIMEOUT = { timeoutMs: 90_000, intervalMs: 100 };
const IDS = Array.from({ length: 60 }, (_, i) => `cluster-${i}`);

const isNotOfRing = (flag: string) => !/^--(name|listen-cluster|join|cluster-\w+)=/.test(flag);

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
    command: (name, flags) => taskCommand("server", name === "a" && isAlone ? flags.filter(isNotOfRing) : flags),
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
  const native = oneNative({ __name__: "h" }, timestamp);
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

Deno.test("what one of a ring took while it ran alone is newer than what the ring had before, for the ring that it is in again", async () => {
  let isAlone = false;
  await using ring = await RingServers.create({
    names: ["a", "b"],
    command: (name, flags) => taskCommand("server", name === "a" && isAlone ? flags.filter(isNotOfRing) : flags),
  });
  const [a, b] = ring.servers;
  const post = async (id: string, path: string, { headers, body }: { headers: HeadersInit; body: BodyInit }) => {
    const authorization = `Bearer ${await ring.token(id)}`;
    const init = { method: "POST", headers: { ...Object.fromEntries(new Headers(headers)), authorization }, body };
    const response = await fetch(new URL(path, a.external), init);
    assert.ok(response.ok, `${id}: ${await response.text()}`);
  };
  const push = (id: string, value: number) =>
    post(id, "upload", {
      headers: { "content-type": "text/plain; version=0.0.4" },
      body: `m{_id="${id}"} ${value} ${Date.now()}\n`,
    });
  // So long that the log of a server alone gives way to what it shows.
  const write = async (id: string, value: number, { times = 1 } = {}) => {
    for (let time = 0; time < times; time++) {
      const series = Array.from(
        { length: 200 },
        (_, i) => oneSample({ __name__: "m", i: String(i) }, { value, timestamp: Date.now() }),
      );
      await post(id, "api/v1/write", writeRequest(series, { metadata: [{ type: 2, metricFamilyName: "m" }] }));
    }
  };
  const pushed = IDS.slice(0, 20), written = IDS.slice(20, 30);
  const sendAll = async (value: number, times: number) => {
    for (const id of pushed) await push(id, value);
    for (const id of written) await write(id, value, { times });
  };
  const values = async (servers: readonly RingServer[]) =>
    new Set(
      (await linesOf(servers)).map((line) =>
        `${/"(cluster-\d+)"/.exec(line)![1]} ${line.split("} ")[1].split(" ")[0]}`
      ),
    );
  const all = (value: number) => new Set([...pushed, ...written].map((id) => `${id} ${value}`));

  await ring.start();
  await sendAll(1, 1);
  await Promise.all([a.kill(), b.kill()]);
  isAlone = true;
  await ring.start([a]);
  await sendAll(2, 25);
  assert.deepEqual(await values([a]), all(2));
  const metrics = await (await fetch(new URL("metrics", a.internal))).text();
  assert.match(metrics, /^telemeter_store_compactions_total \d\d/m);
  await a.kill();
  isAlone = false;
  await ring.start();
  await eventually("all that was sent last", async () => {
    const shown = await values([a, b]);
    assert.ok(shown.isSubsetOf(all(2)), [...shown.difference(all(2))].join());
    return shown.size === pushed.length + written.length;
  }, TIMEOUT);
});
