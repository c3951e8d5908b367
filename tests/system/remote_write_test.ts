/** Remote write to the real program. */

import assert from "node:assert/strict";
import { eventually } from "../../scripts/process/eventually.ts";
import { OpenServer } from "../support/open_server.ts";
import { STALE } from "../support/write_request_oracle.ts";
import { oneSample, writeRequest } from "../support/write_sender.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** The lines of the page, less the labels that a server shows empty where a series lacks them. */
async function shown(server: OpenServer): Promise<string[]> {
  return (await server.lines()).map((line) => line.replaceAll(/,(instance|job)=""/g, ""));
}

const written = ({ headers }: { headers: Headers }) =>
  ["samples", "histograms", "exemplars"].map((what) => headers.get(`x-prometheus-remote-write-${what}-written`));

Deno.test("POST /api/v1/write shows what 1.0 and 2.0 bring, in every compression, under every path", async () => {
  await using server = await OpenServer.start();
  const timestamp = Date.now();
  const up = (instance: string) => oneSample({ __name__: "up", instance }, { value: 1, timestamp });
  const histogram = {
    ...{ countInt: 3, sum: 6, schema: 0, zeroThreshold: 0.001, zeroCountInt: 1, timestamp },
    positiveSpans: [{ offset: 0, length: 1 }],
    positiveDeltas: [2],
  };
  const native = { labels: [{ name: "__name__", value: "took_seconds" }], histograms: [histogram], exemplars: 2 };
  const answers = [
    await server.write("a", writeRequest([up("1")])),
    await server.write("a", writeRequest([up("2")], { encoding: "zstd" }), "api/v1/receive"),
    await server.write("a", writeRequest([up("3")], { encoding: "gzip" }), "metrics/v1/receive"),
    await server.write("a", writeRequest([{ ...up("4"), type: 2 }, native], { version: "2.0" })),
  ];
  assert.deepEqual(answers.map(({ status }) => status), [204, 204, 204, 204], answers.map(({ text }) => text).join());
  assert.deepEqual(written(answers[0]), ["1", "0", "0"]);
  assert.deepEqual(written(answers[3]), ["1", "1", "0"]);
  assert.deepEqual(await shown(server), [
    'took_seconds_bucket{_id="a",le="+Inf"} 3',
    'took_seconds_count{_id="a"} 3',
    'took_seconds_sum{_id="a"} 6',
    ...["1", "2", "3", "4"].map((instance) => `up{_id="a",instance="${instance}"} 1`),
  ]);
  assert.match(await server.page(), /# TYPE up gauge/);
  assert.equal(await server.metric('telemeter_remote_write_requests_total{version="1.0",result="stored"}'), 3);
  assert.equal(await server.metric("telemeter_remote_write_exemplars_total"), 2);
});

Deno.test("POST /api/v1/write takes series one by one: later values stand, ended series go, others stay", async () => {
  await using server = await OpenServer.start();
  const now = Date.now();
  const x = (job: string, value: number, timestamp: number) => oneSample({ __name__: "x", job }, { value, timestamp });
  const send = async (...series: Parameters<typeof writeRequest>[0]) => {
    const { status, text } = await server.write("a", writeRequest(series));
    assert.equal(status, 204, text);
  };
  await send(x("1", 1, now - 20), x("2", 1, now - 20), x("3", 1, now - 20));
  await send(x("1", 2, now - 10), x("2", STALE, now - 10), x("3", 0, now - 30));
  assert.deepEqual(await shown(server), ['x{_id="a",job="1"} 2', 'x{_id="a",job="3"} 1']);
  // What is older than its end does not bring a series back, whenever it comes; what is newer does.
  await send(x("2", 5, now - 15), x("1", STALE, now - 11));
  assert.deepEqual(await shown(server), ['x{_id="a",job="1"} 2', 'x{_id="a",job="3"} 1']);
  await server.crash();
  await send(x("2", 5, now - 15));
  assert.deepEqual(await shown(server), ['x{_id="a",job="1"} 2', 'x{_id="a",job="3"} 1']);
  await send(x("2", 6, now - 5));
  assert.deepEqual(await shown(server), [
    'x{_id="a",job="1"} 2',
    'x{_id="a",job="2"} 6',
    'x{_id="a",job="3"} 1',
  ]);
});

Deno.test("POST /api/v1/write answers as senders need it", async () => {
  await using server = await OpenServer.start("--limit-bytes", "2000", "--limit-labels", "3");
  const timestamp = Date.now();
  const good = oneSample({ __name__: "x" }, { value: 1, timestamp });
  const statusOf = async (request: Parameters<OpenServer["write"]>[1], headers: Record<string, string> = {}) => {
    const answer = await server.write("a", { ...request, headers: { ...request.headers, ...headers } });
    return [answer.status, answer.headers.get("accept-encoding")];
  };
  assert.deepEqual(await statusOf(writeRequest([good]), { "content-type": "application/json" }), [415, null]);
  assert.deepEqual(await statusOf(writeRequest([good]), { "content-type": "application/x-protobuf;proto=x" }), [
    415,
    null,
  ]);
  assert.deepEqual(await statusOf(writeRequest([good]), { "content-encoding": "br" }), [415, "snappy, zstd, gzip"]);
  assert.deepEqual(await statusOf({ headers: {}, body: new Uint8Array([1, 2, 3]) }), [400, null]);
  assert.deepEqual(await statusOf({ headers: {}, body: new Uint8Array(3_000) }), [413, null]);
  assert.deepEqual(await statusOf(writeRequest([])), [204, null]);
  const metadata = [{ type: 2, metricFamilyName: "x" }];
  assert.deepEqual(await statusOf(writeRequest([], { metadata })), [204, null]);
  assert.deepEqual(await shown(server), []);

  // The good ones are kept, and the others said why they are not.
  const other = oneSample({ __name__: "y", _id: "b" }, { value: 1, timestamp });
  const long = oneSample({ __name__: "z", a: "1", b: "2", c: "3" }, { value: 1, timestamp });
  const old = oneSample({ __name__: "old" }, { value: 1, timestamp: 1 });
  const partial = await server.write("a", writeRequest([good, other, long, old], { version: "2.0" }));
  assert.equal(partial.status, 400);
  assert.deepEqual(written(partial), ["1", "0", "0"]);
  assert.match(partial.text, /^Took all but 3 of 4 samples\nLeft out y\{_id="b"\}: a label of the token/);
  assert.deepEqual(await shown(server), ['x{_id="a"} 1']);
  assert.equal(await server.metric('telemeter_remote_write_requests_total{version="2.0",result="partial"}'), 1);

  // What 1.0 says of it later counts for what is shown.
  assert.deepEqual(await statusOf(writeRequest([], { metadata })), [204, null]);
  assert.match(await server.page(), /# TYPE x gauge/);

  const url = `http://127.0.0.1:${server.port}/api/v1/write`;
  const get = await fetch(url), stranger = await fetch(url, { method: "POST", body: "x" });
  await Promise.all([get.body?.cancel(), stranger.body?.cancel()]);
  assert.deepEqual([get.status, stranger.status], [405, 401]);
});

Deno.test("POST /api/v1/write refuses a message of the other version than its Content-Type says, and says so", async () => {
  await using server = await OpenServer.start();
  const series = [oneSample({ __name__: "x" }, { value: 1, timestamp: Date.now() })];
  for (const [version, other] of [["1.0", "2.0"], ["2.0", "1.0"]] as const) {
    const { body } = writeRequest(series, { version });
    const { headers } = writeRequest(series, { version: other });
    const { status, text } = await server.write("a", { headers, body });
    assert.equal(status, 400);
    assert.match(text, new RegExp(`Cannot read as remote write ${other} what is ${version}: name .* in Content-Type`));
  }
  const metadata = writeRequest([], { metadata: [{ type: 2, metricFamilyName: "x" }] });
  const { headers } = writeRequest(series, { version: "2.0" });
  assert.equal((await server.write("a", { headers, body: metadata.body })).status, 400);
  assert.deepEqual(await shown(server), []);
});

Deno.test("POST /api/v1/write counts what the allow-list drops as written", async () => {
  await using server = await OpenServer.start("--whitelist", '{__name__="x"}');
  const timestamp = Date.now();
  const series = ["x", "y"].map((__name__) => oneSample({ __name__ }, { value: 1, timestamp }));
  const answer = await server.write("a", writeRequest(series));
  assert.deepEqual([answer.status, written(answer)], [204, ["2", "0", "0"]]);
  assert.deepEqual(await shown(server), ['x{_id="a"} 1']);
  assert.equal(await server.metric('telemeter_samples_dropped_total{reason="allow_list"}'), 1);
});

Deno.test("POST /api/v1/write and /upload bring series of one cluster, of which the later stands", async () => {
  await using server = await OpenServer.start("--ratelimit", "0s");
  const now = Date.now();
  const push = (value: number, timestampMs: number) =>
    server.push("a", [
      { name: "x", type: "gauge", metrics: [{ labels: [{ name: "_id", value: "a" }], value, timestampMs }] },
      { name: "pushed", type: "counter", metrics: [{ labels: [{ name: "_id", value: "a" }], value, timestampMs }] },
    ]);
  const write = (value: number, timestamp: number) =>
    server.write(
      "a",
      writeRequest([
        oneSample({ __name__: "x" }, { value, timestamp }),
        oneSample({ __name__: "written" }, { value, timestamp }),
      ]),
    );
  assert.equal((await push(1, now - 50)).status, 200);
  assert.equal((await write(2, now - 40)).status, 204);
  const lines = (x: number, pushed: number, writtenValue: number) => [
    `pushed{_id="a"} ${pushed}`,
    `written{_id="a"} ${writtenValue}`,
    `x{_id="a"} ${x}`,
  ];
  assert.deepEqual(await shown(server), lines(2, 1, 2));
  assert.equal((await push(3, now - 30)).status, 200);
  assert.deepEqual(await shown(server), lines(3, 3, 2));
  assert.equal((await push(4, now - 45)).status, 200);
  assert.deepEqual(await shown(server), lines(3, 3, 2));
  await server.crash();
  assert.deepEqual(await shown(server), lines(3, 3, 2));
});

Deno.test("POST /api/v1/write takes no more series of a cluster than --limit-series: new ones beyond it are left out, which is told", async () => {
  await using server = await OpenServer.start("--limit-series", "4");
  const timestamp = Date.now();
  const series = (from: number, to: number, value: number) =>
    Array.from(
      { length: to - from },
      (_, i) => oneSample({ __name__: "x", i: String(from + i) }, { value, timestamp: timestamp + value }),
    );
  const send = (from: number, to: number, value: number) => server.write("a", writeRequest(series(from, to, value)));
  const page = (...values: number[]) => values.map((value, i) => `x{_id="a",i="${i}"} ${value}`);
  assert.equal((await send(0, 3, 1)).status, 204);
  // However often: what it has goes on.
  for (let i = 0; i < 15; i++) {
    const partial = await send(2, 6, 2);
    assert.deepEqual([partial.status, written(partial)], [400, ["2", "0", "0"]]);
    assert.match(
      partial.text,
      /^Took all but 2 of 4 samples\nLeft out x\{_id="a",i="4".*\} \(and 1 more\): .*--limit-series/,
    );
  }
  assert.deepEqual(await shown(server), page(1, 1, 2, 2));
  // What ends makes room, and what was left out is nowhere after a restart either.
  assert.equal((await send(0, 4, 3)).status, 204);
  assert.equal(
    (await server.write(
      "a",
      writeRequest([oneSample({ __name__: "x", i: "3" }, { value: STALE, timestamp: timestamp + 3 })]),
    ))
      .status,
    204,
  );
  assert.equal((await send(3, 9, 4)).status, 400);
  assert.deepEqual(await shown(server), page(3, 3, 3, 4));
  await server.crash();
  assert.deepEqual(await shown(server), page(3, 3, 3, 4));

  assert.equal(await server.metric('telemeter_samples_dropped_total{reason="series_limit"}'), 0);
  const all = await send(20, 22, 5);
  assert.deepEqual([all.status, written(all)], [400, ["0", "0", "0"]]);
  assert.equal(await server.metric('telemeter_samples_dropped_total{reason="series_limit"}'), 2);
  assert.match(server.log.join("\n"), /series_limit/);
  const { data } = await (await fetch(new URL("api/v1/sources/a", server.internal))).json();
  assert.deepEqual(data.remoteWrite.dropped.rules, { series_limit: 2 });

  // A request may have more series than a cluster, of which those are taken that it has.
  const long = await server.write("a", writeRequest([...series(100, 600, 6), ...series(0, 4, 6)], { version: "2.0" }));
  assert.deepEqual([long.status, written(long)], [400, ["4", "0", "0"]]);
  assert.deepEqual(await shown(server), page(6, 6, 6, 6));
});

Deno.test("POST /api/v1/write holds clusters to --limit-samples-per-second, by a status after which they send again", async () => {
  await using server = await OpenServer.start("--limit-samples-per-second", "1");
  const timestamp = Date.now();
  const send = (id: string) =>
    server.write(
      id,
      writeRequest(
        Array.from({ length: 61 }, (_, i) => oneSample({ __name__: "x", i: String(i) }, { value: 1, timestamp })),
      ),
    );
  assert.equal((await send("a")).status, 204);
  const late = await send("a");
  assert.deepEqual([late.status, late.headers.get("retry-after")?.length], [503, 1]);
  assert.equal((await send("b")).status, 204);
});

/** What senders know of a series: what was taken last, which is nothing once its end was, and what may have been taken since. */
interface Known {
  readonly taken: number | undefined;
  readonly sent: number | undefined;
}

Deno.test("A server killed in a storm of remote write shows what it has answered 204 to, and nothing that had ended", async () => {
  await using server = await OpenServer.start("--limit-in-flight", "64");
  const ids = ["a", "b", "c"], shards = [0, 1, 2], ofShard = 100;
  const known = new Map<string, Known>();
  const start = Date.now() - 60_000;
  let round = 0;
  const nameOf = (id: string, i: number) => `m${i % 7}{_id="${id}",i="${i}"}`;
  const storm = async (id: string, shard: number) => {
    for (;;) {
      const time = ++round;
      // Each shard has series of its own, as those of Prometheus have.
      const batch = Array.from({ length: 1 + time % 40 }, (_, k) => shard + 3 * ((time * 13 + k) % ofShard));
      const values = new Map(batch.map((i) => [i, (time + i) % 5 === 0 ? undefined : time]));
      for (const [i, sent] of values) known.set(nameOf(id, i), { taken: known.get(nameOf(id, i))?.taken, sent });
      const series = Array.from(
        values,
        ([i, value]) =>
          oneSample({ __name__: `m${i % 7}`, i: String(i) }, { value: value ?? STALE, timestamp: start + time }),
      );
      const answer = await server.write(id, writeRequest(series)).catch(() => undefined);
      if (answer?.status !== 204) return;
      for (const [i, taken] of values) known.set(nameOf(id, i), { taken, sent: taken });
    }
  };
  for (let life = 0; life < 2; life++) {
    const storms = ids.flatMap((id) => shards.map((shard) => storm(id, shard)));
    await eventually("compactions", async () => (await server.metric("telemeter_store_compactions_total"))! >= 5, {
      timeoutMs: 20_000,
    });
    await server.crash();
    await Promise.all(storms);
    const lines = await shown(server);
    await server.crash();
    assert.deepEqual(await shown(server), lines, "another restart changes nothing");
    const values = new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))]));
    for (const [name, { taken, sent }] of known) {
      const value = values.get(name);
      assert.ok(value === taken || value === sent, `${name} shows ${value}: ${taken} was taken, ${sent} perhaps`);
      known.set(name, { taken: value, sent: value });
    }
  }
});

Deno.test("POST /upload takes no push by which its cluster, which remote-writes too, has more series than --limit-series", async () => {
  await using server = await OpenServer.start("--limit-series", "4", "--ratelimit", "0s");
  const timestamp = Date.now();
  const write = (...names: string[]) =>
    server.write("a", writeRequest(names.map((name) => oneSample({ __name__: name }, { value: 1, timestamp }))));
  const push = (...names: string[]) =>
    server.push(
      "a",
      names.map((name) => ({
        name,
        type: "untyped",
        metrics: [{ labels: [{ name: "_id", value: "a" }], value: 2, timestampMs: timestamp + 1 }],
      })),
    );
  const page = (values: Record<string, number>) =>
    Object.entries(values).map(([name, value]) => `${name}{_id="a"} ${value}`);
  assert.equal((await write("a", "b")).status, 204);
  assert.equal((await push("b", "c", "d")).status, 200);
  assert.deepEqual(await shown(server), page({ a: 1, b: 2, c: 2, d: 2 }));
  for (const names of [["e"], ["a", "b", "e", "f"]]) {
    const refused = await push(...names);
    assert.equal(refused.status, 413, refused.text);
    assert.match(refused.text, /Cannot take a push by which the cluster has more than 4 series: there are [56]/);
  }
  assert.deepEqual(await shown(server), page({ a: 1, b: 2, c: 2, d: 2 }));
  const { data } = await (await fetch(new URL("api/v1/sources/a", server.internal))).json();
  assert.deepEqual(data.lastRefusal.raise, "--limit-series");
  // What it shows goes on, though it is as much as it may be, and so it does after a restart.
  assert.equal((await push("a", "b", "c", "d")).status, 200);
  await server.crash();
  assert.deepEqual(await shown(server), page({ a: 2, b: 2, c: 2, d: 2 }));
});

Deno.test("POST /api/v1/write has the room of classic buckets that a native histogram takes the place of", async () => {
  await using server = await OpenServer.start("--limit-series", "5");
  const timestamp = Date.now();
  const span = { spans: [{ offset: 0, length: 1 }], counts: [4] };
  const pushed = {
    ...{ count: 4, sum: 6, buckets: [{ upperBound: 1, count: 1 }] },
    native: { schema: 0, zeroThreshold: 0.001, zeroCount: 0, positive: span, negative: { spans: [], counts: [] } },
  };
  const metrics = [{ labels: [{ name: "_id", value: "a" }], value: pushed, timestampMs: timestamp - 10 }];
  assert.equal((await server.push("a", [{ name: "n", type: "histogram", metrics }])).status, 200);
  const written = {
    ...{ countInt: 5, sum: 7, schema: 0, zeroThreshold: 0.001, zeroCountInt: 0, timestamp },
    positiveSpans: [{ offset: 0, length: 1 }],
    positiveDeltas: [5],
  };
  const native = { labels: [{ name: "__name__", value: "n" }], histograms: [written] };
  const send = (...series: Parameters<typeof writeRequest>[0]) =>
    server.write("a", writeRequest(series, { version: "2.0" }));
  assert.equal((await send(native)).status, 204);
  const plain = (name: string) => oneSample({ __name__: name }, { value: 1, timestamp });
  const { status, text } = await send(plain("x"), plain("y"));
  assert.equal(status, 204, text);
  assert.deepEqual(await shown(server), [
    'n_bucket{_id="a",le="+Inf"} 5',
    'n_count{_id="a"} 5',
    'n_sum{_id="a"} 7',
    'x{_id="a"} 1',
    'y{_id="a"} 1',
  ]);
});
