/** What a server alone stored, shown by the same server in a ring, and the other way round. */

import assert from "node:assert/strict";
import { RepeatLog } from "../../../common/repeat_log.ts";
import type { MetricFamily } from "../../../common/exposition/metric_family.ts";
import { encodeFamilies } from "../../../common/exposition/protobuf.ts";
import { ExpositionIndex } from "../../../server/exposition/exposition_index.ts";
import { Renderer } from "../../../server/ingest/renderer.ts";
import { Capacity } from "../../../server/limits/capacity.ts";
import { EventLoopShare } from "../../../server/limits/event_loop_share.ts";
import { PushLimiter } from "../../../server/limits/rate_limit.ts";
import { PushAccount } from "../../../server/pushes/push_account.ts";
import { PushCommitter } from "../../../server/pushes/push_committer.ts";
import { restore } from "../../../server/pushes/restore.ts";
import { ClusterLogs } from "../../../server/remote_write/cluster_logs.ts";
import { DeltaRenderer } from "../../../server/remote_write/delta_renderer.ts";
import { StateMerger } from "../../../server/remote_write/state_merger.ts";
import { WriteCommitter } from "../../../server/remote_write/write_committer.ts";
import { type RestoreOptions, restoreStored } from "../../../server/ring/restore_stored.ts";
import { StoreRingHost } from "../../../server/ring/store_ring_host.ts";
import { PushStore, type StoredPush } from "../../../server/store/push_store.ts";
import { NO_DIRECTORY } from "../../support/no_directory.ts";
import { recordingLog } from "../../support/recording_log.ts";
import { RENDER_RULES } from "../../support/render_rules.ts";
import { NOW, scratchDir, TTL_MS } from "../../support/test_store.ts";
import { type OracleSeries, STALE } from "../../support/write_request_oracle.ts";
import { oneNative, oneSample, type SendOptions, writeRequest } from "../../support/write_sender.ts";
import { createRegistry } from "../../../common/metrics.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** A server over a store that is not read yet: `alone` and `inRing` read it, as its start does. */
async function openSite(dir: string, { limitBytes = 1e6 }: { limitBytes?: number } = {}) {
  const { log, records } = recordingLog();
  const registry = createRegistry();
  const now = () => NOW;
  const index = new ExpositionIndex({ ttlMs: TTL_MS });
  const store = await PushStore.open({ place: { dir }, ttlMs: TTL_MS, now, log, registry });
  const capacity = new Capacity({ maxClusters: 0, maxSeries: 0, index, store });
  const losses = new RepeatLog(log, { level: "info" });
  const account = new PushAccount({ ttlMs: TTL_MS, losses, directory: NO_DIRECTORY, registry });
  const common = { store, index, capacity, account, share: new EventLoopShare(), maxSeries: () => 1_000 };
  const logs = new ClusterLogs({ ...common, ttlMs: TTL_MS, now, log });
  const renderer = new Renderer(RENDER_RULES), deltas = new DeltaRenderer(RENDER_RULES);
  const committer = new PushCommitter({ ...common, renderer, logs });
  const writes = new WriteCommitter({ ...common, logs, deltas, renderer: () => renderer });
  const states = new StateMerger({
    ...common,
    deltas: () => deltas,
    renderer: () => renderer,
    limitBytes,
    ttlMs: TTL_MS,
    now,
  });
  const host = new StoreRingHost({
    ...common,
    name: "me",
    partitionLabel: "_id",
    committer,
    states,
    limiter: new PushLimiter({ intervalMs: 0 }),
    registry,
    log,
  });
  const pushed = (id: string, content: Pick<StoredPush, "contentType" | "contentEncoding" | "body">) => ({
    ...content,
    id,
    receivedAtMs: NOW,
    labels: new Map([["_id", id]]),
  });
  return {
    store,
    host,
    index,
    records,
    alone: () => restore(store, { committer, writes, memory: { state: "room" } as never, log }),
    inRing: (more: Pick<RestoreOptions, "versionApart"> = {}) =>
      restoreStored(store, { name: "me", host, committer, states, log, ...more }),
    push: (id: string, families: readonly MetricFamily[]) => {
      const body = encodeFamilies(families);
      return committer.accept({
        ...pushed(id, { contentType: "protobuf", contentEncoding: "identity", body }),
        body: () => Promise.resolve(body),
      } as never);
    },
    write: (id: string, series: readonly OracleSeries[], options: SendOptions = {}) => {
      const { body } = writeRequest(series, options);
      const contentType = `remote write ${options.version ?? "1.0"}` as const;
      return writes.accept({
        ...pushed(id, { contentType, contentEncoding: "snappy", body }),
        body: () => Promise.resolve(body),
      } as never);
    },
    /** Lines with the types of their families, sorted. */
    shown: (id: string) => {
      const entry = index.current(id);
      if (entry === undefined) return undefined;
      const { text, blocks, natives } = entry;
      const lines = new TextDecoder().decode(text).trimEnd().split("\n").sort();
      return { lines, types: new Map(blocks.map(({ name, type }) => [name, type])), hasNatives: natives.length > 0 };
    },
    [Symbol.asyncDispose]: async () => {
      host[Symbol.dispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

type Site = Awaited<ReturnType<typeof openSite>>;

const sample = (name: string, i: number, { value = i, age = 0 }: { value?: number; age?: number } = {}) =>
  oneSample({ __name__: name, _id: "a", i: String(i) }, { value, timestamp: NOW - 1_000 - age });

const NATIVE = oneNative({ __name__: "h", _id: "a" }, NOW - 1_000);

const PUSHED: MetricFamily = {
  name: "p",
  type: "gauge",
  metrics: [1, 2].map((i) => ({
    labels: [{ name: "_id", value: "a" }, { name: "i", value: String(i) }],
    value: i,
    timestampMs: NOW - 5_000,
  })),
};

const PUSHED_BY_C: MetricFamily = {
  ...PUSHED,
  metrics: [{ labels: [{ name: "_id", value: "c" }], value: 3, timestampMs: NOW }],
};

/** A push and a log behind it: new series, newer samples, ends of some of both, types that are told by themselves, a push. */
async function fill(site: Site) {
  await site.push("a", [PUSHED]);
  await site.write("a", [sample("m", 1), sample("m", 2), sample("c_total", 1), NATIVE], {
    metadata: [{ type: 1, metricFamilyName: "c" }],
  });
  await site.write("a", [sample("p", 1, { value: 7 }), sample("m", 2, { value: STALE })]);
  await site.write("a", [sample("p", 2, { value: STALE }), sample("m", 3)], { version: "2.0" });
  await site.push("a", [{ ...PUSHED, name: "q" }]);
  await site.write("b", [oneSample({ __name__: "m", _id: "b" }, { value: 1, timestamp: NOW - 1_000 })]);
  await site.push("c", [PUSHED_BY_C]);
}

async function filled(dir: string) {
  await using site = await openSite(dir);
  await site.alone();
  await fill(site);
  return ["a", "b", "c"].map((id) => site.shown(id)!);
}

/** The same, and what it wrote when it was alone again. */
function and4(shown: NonNullable<ReturnType<Site["shown"]>>) {
  return { ...shown, lines: [...shown.lines, 'm{_id="a",i="4"} 4'].sort() };
}

async function shownInRing(site: Site) {
  for (const { id, version } of await site.inRing()) site.host.show(id, version);
  return ["a", "b", "c"].map((id) => site.shown(id)!);
}

Deno.test("restoreStored has a ring show what a server alone showed, and keeps it in place of push and log", async () => {
  using scratch = scratchDir();
  const before = await filled(scratch.dir);
  assert.deepEqual(before[0].lines.filter((line) => /^[mp]\{/.test(line)), [
    'm{_id="a",i="1"} 1',
    'm{_id="a",i="3"} 3',
    'p{_id="a",i="1"} 7',
  ]);
  assert.deepEqual([before[0].types.get("p"), before[0].types.get("c_total")], ["gauge", "counter"]);
  assert.ok(before[0].hasNatives);
  for (const start of ["first", "second"]) {
    await using site = await openSite(scratch.dir);
    assert.deepEqual(await shownInRing(site), before, start);
    assert.equal(site.store.logOf("a")?.bytes, 0);
    assert.equal((await Array.fromAsync(site.store.deltasOf("a"))).length, 0);
  }
});

Deno.test("restoreStored gives what it merged a version that is newer than what a ring had of it before", async () => {
  using scratch = scratchDir();
  {
    await using site = await openSite(scratch.dir);
    await site.alone();
    await site.write("a", [sample("m", 1)]);
  }
  let first;
  {
    await using site = await openSite(scratch.dir);
    [first] = await site.inRing();
    assert.deepEqual(first.version, { epoch: 0, ms: NOW, ingress: "me", sequence: 0 });
    assert.deepEqual((await site.host.load("a"))?.version, first.version);
    // As a ring has it later.
    const stored = (await site.store.get("a"))!;
    await site.store.put({
      ...stored,
      role: "standby",
      version: { epoch: 7, ms: NOW + 9, ingress: "other", sequence: 3 },
    });
  }
  {
    await using site = await openSite(scratch.dir);
    await site.alone();
    await site.write("a", [sample("m", 2)]);
    assert.deepEqual(site.shown("a")?.lines, ['m{_id="a",i="1"} 1', 'm{_id="a",i="2"} 2']);
  }
  {
    await using site = await openSite(scratch.dir);
    await site.alone();
    assert.deepEqual(site.shown("a")?.lines, ['m{_id="a",i="1"} 1', 'm{_id="a",i="2"} 2'], "alone once more");
  }
  await using site = await openSite(scratch.dir);
  const [{ id, version }] = await site.inRing();
  assert.deepEqual(version, { epoch: 7, ms: NOW + 10, ingress: "me", sequence: 0 });
  site.host.show(id, version);
  assert.deepEqual(site.shown("a")?.lines, ['m{_id="a",i="1"} 1', 'm{_id="a",i="2"} 2']);
});

Deno.test("restoreStored gives what a server wrote apart from its ring a version after all that the ring had", async () => {
  using scratch = scratchDir();
  const versionApart = (ms: number) => ({ epoch: 8, ms, ingress: "disk", sequence: 0 });
  {
    await using site = await openSite(scratch.dir);
    await site.alone();
    await site.write("a", [sample("m", 1)]);
    await site.push("c", [PUSHED_BY_C]);
  }
  for (const start of ["first", "second"]) {
    await using site = await openSite(scratch.dir);
    const versions = new Map((await site.inRing({ versionApart })).map(({ id, version }) => [id, version]));
    assert.deepEqual(versions.get("a"), versionApart(NOW), start);
    assert.equal(versions.get("c")?.epoch, 0, "it may be older than the ring");
  }
});

Deno.test("restoreStored leaves what is too large for a ring in the store, and says so", async () => {
  using scratch = scratchDir();
  const [before] = await filled(scratch.dir);
  {
    await using site = await openSite(scratch.dir, { limitBytes: 10 });
    await site.inRing();
    const { level, fields } = site.records.find(({ sentence }) =>
      sentence.startsWith("Cannot show what a cluster wrote")
    )!;
    assert.deepEqual([level, fields?.cluster], ["error", "a"]);
  }
  await using site = await openSite(scratch.dir);
  assert.deepEqual((await shownInRing(site))[0], before);
});

Deno.test("restoreStored carries over at the next start what the store did not take at this one", async () => {
  using scratch = scratchDir();
  const before = await filled(scratch.dir);
  {
    await using site = await openSite(scratch.dir);
    const compact = site.store.compact.bind(site.store);
    site.store.compact = (push) => push.id === "a" ? compact(push) : Promise.reject(new Error("the disk is full"));
    await assert.rejects(site.inRing(), /the disk is full/);
  }
  await using site = await openSite(scratch.dir);
  assert.deepEqual(await shownInRing(site), before);
});

/** Clusters that wrote to a server alone, and what each shows. */
async function filledWith(dir: string, clusters: number) {
  const ids = Array.from({ length: clusters }, (_, i) => `cluster-${i}`);
  await using site = await openSite(dir);
  await site.alone();
  for (const [i, id] of ids.entries()) {
    await site.write(id, [oneSample({ __name__: "m", _id: id }, { value: i, timestamp: NOW - 1_000 })]);
  }
  return ids.map((id) => ({ id, shown: site.shown(id) }));
}

Deno.test("restoreStored has the store take several states at a time, sixteen at most", async () => {
  using scratch = scratchDir();
  const before = await filledWith(scratch.dir, 40);
  await using site = await openSite(scratch.dir);
  const compact = site.store.compact.bind(site.store);
  const { promise: together, resolve: areTogether } = Promise.withResolvers<void>();
  let underWay = 0, most = 0;
  site.store.compact = async (push) => {
    most = Math.max(most, ++underWay);
    if (underWay === 16) areTogether();
    await together;
    await compact(push);
    underWay--;
  };
  for (const { id, version } of await site.inRing()) site.host.show(id, version);
  assert.equal(most, 16);
  assert.deepEqual(before.map(({ id }) => ({ id, shown: site.shown(id) })), before);
});

Deno.test("restoreStored ends by the first state that the store does not take, once it has done with the others", async () => {
  using scratch = scratchDir();
  const before = await filledWith(scratch.dir, 12);
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  {
    await using site = await openSite(scratch.dir);
    const compact = site.store.compact.bind(site.store);
    const taken: string[] = [];
    let asked = 0;
    site.store.compact = async (push) => {
      if (++asked === 12) fail(new Error("the disk is full"));
      if (push.id === "cluster-3" || push.id === "cluster-5") return await failed;
      // The one that is waited for first is not done when others fail.
      if (push.id === "cluster-0") await failed.catch(() => {});
      await compact(push);
      taken.push(push.id);
    };
    await assert.rejects(site.inRing(), /the disk is full/);
    assert.equal(taken.length, 10);
  }
  await using site = await openSite(scratch.dir);
  for (const { id, version } of await site.inRing()) site.host.show(id, version);
  assert.deepEqual(before.map(({ id }) => ({ id, shown: site.shown(id) })), before);
});

Deno.test("restoreStored merges nothing twice where a crash keeps the log from going, and has it removed", async () => {
  using scratch = scratchDir();
  const before = await filled(scratch.dir);
  const open = () => Deno.openKv(`${scratch.dir}/telemeter.kv`);
  const log: { key: Deno.KvKey; value: unknown }[] = [];
  {
    using kv = await open();
    for await (const { key, value } of kv.list({ prefix: ["telemeter", "delta"] })) log.push({ key, value });
  }
  assert.equal(log.length, 5);
  {
    await using site = await openSite(scratch.dir);
    await site.inRing();
  }
  {
    using kv = await open();
    for (const { key, value } of log) await kv.set(key, value);
  }
  {
    await using site = await openSite(scratch.dir);
    assert.deepEqual(await shownInRing(site), before);
    // A state of the ring takes the place of all: nothing of the log may be left to come behind it.
    await site.store.put({ ...(await site.store.get("a"))!, through: 0 });
  }
  using kv = await open();
  assert.deepEqual(await Array.fromAsync(kv.list({ prefix: ["telemeter", "delta"] })), []);
});

Deno.test("restore shows alone what a server held in a ring, for itself and for others, and takes further requests", async () => {
  using scratch = scratchDir();
  const before = await filled(scratch.dir);
  {
    await using site = await openSite(scratch.dir);
    await site.inRing();
    await site.store.put({ ...(await site.store.get("a"))!, role: "standby" });
  }
  for (const start of ["first", "second"]) {
    await using site = await openSite(scratch.dir);
    await site.alone();
    const [a, b, c] = before;
    assert.deepEqual(["a", "b", "c"].map((id) => site.shown(id)), start === "first" ? before : [and4(a), b, c], start);
    await site.write("a", [sample("m", 4)]);
    assert.deepEqual(site.shown("a"), and4(a));
  }
});
