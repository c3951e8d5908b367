// The stages of a push behind a real listener, with a real store.

import { NO_DIRECTORY } from "../../support/no_directory.ts";
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { frameSnappy } from "../../../common/exposition/snappy.ts";
import type { MetricFamily } from "../../../common/exposition/metric_family.ts";
import { encodeFamilies, PROTOBUF_CONTENT_TYPE } from "../../../common/exposition/protobuf.ts";
import { parseSelector } from "../../../common/exposition/selector.ts";
import { formatText } from "../../../common/exposition/text_format.ts";
import { HttpError } from "../../../common/http/http.ts";
import { listen } from "../../../common/http/http_server.ts";
import { eventually } from "../../../scripts/process/eventually.ts";
import { ExpositionIndex } from "../../../server/exposition/exposition_index.ts";
import { AllowList } from "../../../common/ingest/allow_list.ts";
import { Renderer, type RenderRules } from "../../../server/ingest/renderer.ts";
import { Capacity } from "../../../server/limits/capacity.ts";
import { PushAccount } from "../../../server/pushes/push_account.ts";
import { PushCommitter } from "../../../server/pushes/push_committer.ts";
import type { PushStage } from "../../../server/pushes/push.ts";
import { PushLimiter } from "../../../server/limits/rate_limit.ts";
import { RateLimited } from "../../../server/pushes/rate_limited.ts";
import type { HeldRefusals } from "../../../server/limits/held_refusals.ts";
import { UploadSlots } from "../../../server/limits/upload_slots.ts";
import { upload } from "../../../server/pushes/upload.ts";
import { StoreUnavailableError } from "../../../server/store/push_store.ts";
import { RENDER_RULES } from "../../support/render_rules.ts";
import { RepeatLog } from "../../../common/repeat_log.ts";
import { RawClient } from "../../support/raw_client.ts";
import { Mailbox } from "../../support/mailbox.ts";
import { recordingLog } from "../../support/recording_log.ts";
import { openTestStore } from "../../support/test_store.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const NOW = 1_700_000_000_000;

interface SiteOptions {
  readonly intervalMs?: number;
  readonly rules?: Partial<RenderRules>;
  readonly maxInFlight?: number;
  /** Off unless a test is about it. */
  readonly refusedIntervalMs?: number;
  /** Stands in front of the committer. */
  readonly before?: (next: PushStage) => PushStage;
  /** Holds refusals back. @default nothing does */
  readonly held?: Pick<HeldRefusals, "back">;
}

/** A listener, a limiter, a committer and a store; the token is the cluster id, and `bad` is none. */
async function startSite(options: SiteOptions = {}) {
  const { intervalMs = 0, refusedIntervalMs = 0, rules = {}, maxInFlight = 10, before = (next) => next } = options;
  await using starting = new AsyncDisposableStack();
  const dir = await Deno.makeTempDir();
  starting.defer(() => Deno.remove(dir, { recursive: true }));
  const { store, registry, metric } = starting.use(await openTestStore({ dir }));
  const index = new ExpositionIndex({ ttlMs: 600_000 });
  const renderer = new Renderer({ ...RENDER_RULES, ttlMs: 600_000, ...rules });
  const { log, records } = recordingLog();
  const clock = { now: NOW };
  const repeats = new RepeatLog(log, { level: "info", now: () => clock.now });
  const capacity = new Capacity({ maxClusters: 0, maxSeries: 0, index, store });
  const committer = new PushCommitter({
    renderer,
    capacity,
    store,
    index,
    account: new PushAccount({ ttlMs: 600_000, losses: repeats, directory: NO_DIRECTORY, registry }),
  });
  const listener = starting.use(
    await listen(
      upload({
        authenticate: (request) => {
          const id = request.headers.get("authorization")!.replace("Bearer ", "");
          if (id === "bad") return Promise.reject(new HttpError(401, "No", { reason: "token" }));
          return Promise.resolve({ id, labels: new Map([["_id", id]]), keyId: "k", tokenEndsMs: NOW });
        },
        stage: new RateLimited(before(committer), {
          limiter: new PushLimiter({ intervalMs, refusedIntervalMs }),
          elapsed: () => clock.now,
        }),
        limitBytes: 5_000,
        slots: new UploadSlots({ most: maxInFlight, now: () => performance.now() }),
        held: options.held ?? { back: () => Promise.resolve() },
        now: () => clock.now,
        log,
        refusals: repeats,
        directory: NO_DIRECTORY,
        registry,
      }),
      { address: { hostname: "127.0.0.1", port: 0 }, hostile: { lingerMs: 20 }, log },
    ),
  );
  const stack = starting.move();
  return {
    clock,
    port: listener.port,
    store,
    metric,
    records,
    shown: (id = "a") => new TextDecoder().decode(index.get(id)?.text ?? new Uint8Array()),
    async push(
      body: Uint8Array,
      { id = "a", type = PROTOBUF_CONTENT_TYPE, encoding }: { id?: string; type?: string; encoding?: string } = {},
    ) {
      const headers = new Headers({ authorization: `Bearer ${id}`, "content-type": type });
      if (encoding !== undefined) headers.set("content-encoding", encoding);
      const response = await fetch(listener.url, { method: "POST", headers, body: body as Uint8Array<ArrayBuffer> });
      return { status: response.status, text: await response.text(), headers: response.headers };
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const family = (value: number, { id = "a", name = "x", ageMs = 0 } = {}): MetricFamily => ({
  name,
  type: "untyped",
  metrics: [{ labels: [{ name: "_id", value: id }], value, timestampMs: NOW - ageMs }],
});
const encoded = (value: number, options?: Parameters<typeof family>[1]) => encodeFamilies([family(value, options)]);

Deno.test("upload() reads OpenMetrics as such: times in seconds, a counter by its _total, and an end", async () => {
  await using site = await startSite();
  const type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
  const page = (end: string) =>
    new TextEncoder().encode(
      `# TYPE jobs counter\njobs_total{_id="a"} 7 ${NOW / 1_000}\njobs_created{_id="a"} 1 ${NOW / 1_000}\n${end}`,
    );
  assert.deepEqual([(await site.push(page("# EOF\n"), { type })).status, site.shown()], [
    200,
    'jobs_total{_id="a"} 7\n',
  ]);
  for (const encoding of ["gzip", "snappy"]) {
    const body = encoding === "gzip" ? new Uint8Array(gzipSync(page("# EOF\n"))) : frameSnappy(page("# EOF\n"));
    assert.equal((await site.push(body, { type, encoding })).status, 200, encoding);
  }
  const cut = await site.push(page(""), { type });
  assert.deepEqual([cut.status, /# EOF/.test(cut.text)], [400, true], cut.text);
});

Deno.test("upload() takes protobuf and text, framed, gzipped and plain", async () => {
  await using site = await startSite();
  const text = formatText([family(4)]);
  const table: [Uint8Array, { type?: string; encoding?: string }, number][] = [
    [encoded(1), {}, 1],
    [frameSnappy(encoded(2)), { encoding: "snappy" }, 2],
    [gzipSync(encoded(3)), { encoding: "GZIP" }, 3],
    [text, { type: "text/plain" }, 4],
    [frameSnappy(formatText([family(5)])), { type: "application/json", encoding: "snappy" }, 5],
    [encoded(6), {
      type: 'application/vnd.google.protobuf;encoding="delimited";proto=io.prometheus.client.MetricFamily',
    }, 6],
  ];
  for (const [body, options, value] of table) {
    assert.deepEqual((await site.push(body, options)).status, 200, JSON.stringify(options));
    assert.equal(site.shown(), `x{_id="a"} ${value}\n`);
  }
  assert.equal(await site.metric("telemeter_pushes_total", { result: "stored" }), table.length);
});

Deno.test("upload() refuses with the right status, counts the reason, and leaves what the cluster had", async () => {
  await using site = await startSite();
  await site.push(encoded(1));
  const framed = frameSnappy(encoded(2));
  const damaged = framed.slice();
  damaged[damaged.length - 1] ^= 1;
  const bomb = frameSnappy(new Uint8Array(20_001));
  const table: [
    what: string,
    body: Uint8Array,
    options: Parameters<typeof site.push>[1],
    status: number,
    reason: string,
  ][] = [
    ["no token", encoded(2), { id: "bad" }, 401, "token"],
    ["an unknown encoding", encoded(2), { encoding: "br" }, 415, "encoding"],
    ["a body too long", new Uint8Array(5_001), {}, 413, "body_size"],
    ["a bomb of snappy", bomb, { encoding: "snappy" }, 413, "limit"],
    ["a bomb of gzip", gzipSync(new Uint8Array(20_001)), { encoding: "gzip" }, 413, "limit"],
    ["a wrong checksum", damaged, { encoding: "snappy" }, 400, "malformed"],
    ["no snappy", encoded(2), { encoding: "snappy" }, 400, "malformed"],
    ["no gzip", encoded(2), { encoding: "gzip" }, 400, "malformed"],
    ["cut gzip", gzipSync(encoded(2)).subarray(0, -5), { encoding: "gzip" }, 400, "malformed"],
    ["nothing", new Uint8Array(), {}, 400, "empty"],
    ["bytes", crypto.getRandomValues(new Uint8Array(100)).fill(0xff, 0, 1), {}, 400, "malformed"],
    ["text that is none", new TextEncoder().encode("x{"), { type: "text/plain" }, 400, "malformed"],
    ["another cluster's series", encoded(2, { id: "b" }), {}, 400, "identity"],
  ];
  for (const [what, body, options, status, reason] of table) {
    const refused = await site.push(body, options);
    assert.equal(refused.status, status, `${what}: ${refused.text}`);
    assert.equal(await site.metric("telemeter_push_rejections_total", { reason }) >= 1, true, what);
    assert.equal(site.shown(), 'x{_id="a"} 1\n', what);
  }
  assert.equal(await site.metric("telemeter_pushes_total", { result: "rejected" }), table.length);
  assert.equal(await site.metric("telemeter_pushes_total"), table.length + 1);
});

Deno.test("upload() takes a push for its usable samples, and says, counts and logs what it left out", async () => {
  await using site = await startSite();
  const push = encodeFamilies([
    family(1),
    family(2, { name: "old", ageMs: 86_400_001 }),
    family(3, { name: "late", ageMs: 600_001 }),
  ]);
  const { status, text } = await site.push(push);
  assert.equal(status, 200);
  assert.match(text, /^Left out old\{_id="a"\}: the sample is more than 24h old; set the clock of the source/);
  assert.match(text, /\nDoes not show 1 sample that is older than --ttl \(10m\): set the clock of the source/);
  assert.match(site.shown(), /^x\{_id="a"\} 1\n/);
  for (const reason of ["too_old", "older_than_ttl"]) {
    assert.equal(await site.metric("telemeter_samples_dropped_total", { reason }), 1, reason);
  }
  assert.equal(await site.metric("telemeter_push_rejections_total"), 0);
  await site.push(push);
  const told = site.records.filter(({ sentence }) => sentence === "Left out samples of a push");
  assert.deepEqual(told.map(({ level, fields }) => `${level} ${fields.cluster} ${fields.reason}`), [
    "info a too_old",
    "info a older_than_ttl",
  ]);
});

Deno.test("upload() answers a cluster that comes too soon with 429 before it reads the body", async () => {
  await using site = await startSite({ intervalMs: 60_000 });
  assert.equal((await site.push(encoded(1, { id: "b" }))).status, 400);
  assert.equal((await site.push(encoded(1))).status, 200, "what is refused does not use up the rate");
  const early = await site.push(new Uint8Array(5_001));
  assert.deepEqual([early.status, early.headers.get("retry-after")], [429, "60"]);
  assert.equal((await site.push(encoded(1, { id: "b" }), { id: "b" })).status, 200, "the rate is a cluster's own");
  site.clock.now += 60_000;
  assert.equal((await site.push(encoded(2))).status, 200);
});

Deno.test("upload() tells a cluster that was refused too often just that, whatever its rate, and what to do", async () => {
  await using site = await startSite({ intervalMs: 0, refusedIntervalMs: 20_000 });
  for (let n = 0; n < 10; n++) assert.equal((await site.push(encoded(1, { id: "b" }))).status, 400);
  const { status, text, headers } = await site.push(encoded(1, { id: "b" }));
  assert.deepEqual([status, headers.get("retry-after")], [429, "20"]);
  assert.match(text, /too many .* were refused: mend what sends them/);
  assert.equal(await site.metric("telemeter_push_rejections_total", { reason: "refused_often" }), 1);
  assert.equal(await site.metric("telemeter_push_rejections_total", { reason: "rate" }), 0);
});

Deno.test("upload() takes the push of a client on a bad line, after more broken off than it may have refused", async () => {
  await using site = await startSite({ intervalMs: 60_000, refusedIntervalMs: 20_000 });
  const gone = async () => await site.metric("telemeter_push_rejections_total", { reason: "client_gone" });
  for (let n = 1; n <= 15; n++) {
    {
      using client = await RawClient.connect(site.port);
      await client.send("POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nContent-Length: 4000\r\n\r\nup");
    }
    await eventually("the push to be given up", async () => await gone() === n, { timeoutMs: 5_000, intervalMs: 5 });
  }
  assert.equal((await site.push(encoded(1))).status, 200);
});

Deno.test("upload() lets in so many pushes at a time, and asks the rest to wait", async () => {
  const held = Promise.withResolvers<void>(), arrived = Promise.withResolvers<void>();
  let waiting = 0;
  const before = (next: PushStage): PushStage => ({
    accept: async (push) => {
      if (++waiting === 2) arrived.resolve();
      await held.promise;
      return await next.accept(push);
    },
  });
  await using site = await startSite({ maxInFlight: 2, before });
  const pushes = ["a", "b"].map((id) => site.push(encoded(1, { id }), { id }));
  await arrived.promise;
  const refused = await site.push(encoded(1, { id: "c" }), { id: "c" });
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "1"]);
  held.resolve();
  assert.deepEqual((await Promise.all(pushes)).map(({ status }) => status), [200, 200]);
});

Deno.test("upload() holds a refusal back once it is counted and its place is another's, and none of a bad token", async () => {
  const ids = new Mailbox<string>(), over = Promise.withResolvers<void>();
  const held = {
    back: async (id: string) => {
      ids.put(id);
      await over.promise;
    },
  };
  await using site = await startSite({ maxInFlight: 1, held });
  assert.equal((await site.push(encoded(1), { id: "bad" })).status, 401);
  const refused = site.push(new Uint8Array([255]), { id: "a" });
  assert.equal(await ids.take(), "a");
  assert.equal(await site.metric("telemeter_push_rejections_total", { reason: "malformed" }), 1);
  assert.equal((await site.push(encoded(1, { id: "b" }), { id: "b" })).status, 200);
  over.resolve();
  assert.equal((await refused).status, 400);
});

Deno.test("upload() answers 503 while the store cannot take a push, which is not the cluster's fault", async () => {
  let broken = true;
  const before = (next: PushStage): PushStage => ({
    accept: async (push) => {
      if (broken) throw new StoreUnavailableError("full", { location: "data/", retryAfterMs: 1_500 });
      return await next.accept(push);
    },
  });
  await using site = await startSite({ intervalMs: 60_000, before });
  const refused = await site.push(encoded(1));
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "2"]);
  broken = false;
  assert.equal((await site.push(encoded(1))).status, 200);
});

Deno.test("upload() takes a push of which the allow-list keeps nothing, and shows nothing", async () => {
  await using site = await startSite({ rules: { allow: new AllowList([parseSelector("kept")]) } });
  await site.push(encoded(1, { name: "kept" }));
  assert.equal(site.shown(), 'kept{_id="a"} 1\n');
  assert.equal((await site.push(encoded(1))).status, 200);
  assert.equal(site.shown(), "");
  assert.equal(await site.metric("telemeter_samples_dropped_total", { reason: "allow_list" }), 1);
});

Deno.test("upload() writes what it refused into the log once, without the token", async () => {
  await using site = await startSite();
  await site.push(encoded(1, { id: "b" }), { id: "secret-token" });
  assert.deepEqual(site.records.map(({ sentence }) => sentence), ["Refused a push"]);
  assert.match(String(site.records[0].fields.why), /a label of the token has another value/);
});
