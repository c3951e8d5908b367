import assert from "node:assert/strict";
import { Registry } from "prom-client";
import type { Handler } from "../../common/http/http.ts";
import type { MetricFamily } from "../../common/exposition/metric_family.ts";
import { decodeFamilies, PROTOBUF_CONTENT_TYPE } from "../../common/exposition/protobuf.ts";
import { labelled, LoadGenerator } from "../../scripts/load_generator.ts";
import { loopback } from "../support/loopback.ts";
import { unframed } from "../support/unframed.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const LIMITS = { maxFamilies: 10, maxSeries: 10, maxLabels: 10 };

const FAMILIES: readonly MetricFamily[] = [
  {
    name: "up",
    type: "gauge",
    metrics: [{ labels: [{ name: "_id", value: "old" }, { name: "job", value: "a" }], value: 1 }],
  },
  { name: "c", type: "counter", metrics: [{ labels: [], value: 2, timestampMs: 1 }, { labels: [], value: 3 }] },
];

Deno.test("labelled() sets a client's labels and the present on every sample", () => {
  const labels = new Map([["_id", "new"], ["kind", "x"]]);
  const added = [{ name: "_id", value: "new" }, { name: "kind", value: "x" }];
  assert.deepEqual([...labelled(FAMILIES, { labels, now: 7 })], [
    {
      name: "up",
      type: "gauge",
      metrics: [{ labels: [{ name: "job", value: "a" }, ...added], value: 1, timestampMs: 7 }],
    },
    {
      name: "c",
      type: "counter",
      metrics: [{ labels: added, value: 2, timestampMs: 7 }, { labels: added, value: 3, timestampMs: 7 }],
    },
  ]);
  assert.equal(FAMILIES[0].metrics[0].timestampMs, undefined, "changed its input");
});

/** A server that hands out tokens `TOKEN-of-ID`, and answers the nth push as told. */
class Target {
  readonly ids: string[] = [];
  readonly pushes: { id: string; families: MetricFamily[]; type: string | null }[] = [];
  readonly statuses: number[];
  readonly #enough = Promise.withResolvers<void>();
  readonly #until: number;

  constructor({ until, statuses = [] }: { until: number; statuses?: number[] }) {
    this.#until = until;
    this.statuses = statuses;
  }

  /** Resolves after so many pushes. */
  get enough(): Promise<void> {
    return this.#enough.promise;
  }

  readonly handler: Handler = async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    const [, bearer] = (request.headers.get("authorization") ?? "").split(" ");
    if (pathname === "/authorize") {
      assert.equal(bearer, "initial");
      const id = searchParams.get("id")!;
      this.ids.push(id);
      return Response.json({ version: 1, token: `token-of-${id}`, expiresInSeconds: 86_400, labels: { _id: id } });
    }
    const body = unframed(await request.bytes(), { limitBytes: 1_000_000 });
    const type = request.headers.get("content-type");
    this.pushes.push({ id: bearer.replace("token-of-", ""), families: decodeFamilies(body, LIMITS), type });
    if (this.pushes.length === this.#until) this.#enough.resolve();
    const status = this.statuses[this.pushes.length - 1] ?? 200;
    return new Response(status === 200 ? null : `No, it is ${status}\n`, { status });
  };
}

async function loaded(target: Target, workers: number): Promise<string> {
  await using server = await loopback(target.handler);
  const generator = new LoadGenerator({
    upload: new URL("upload", server.url),
    authorize: new URL("authorize?kept=1", server.url),
    token: "initial",
    families: FAMILIES,
    intervalMs: 1,
    workers,
    registry: new Registry(),
  });
  const stop = new AbortController();
  const run = generator.run(stop.signal);
  await target.enough;
  stop.abort();
  await run;
  return await generator.summary(2_000);
}

Deno.test("LoadGenerator pushes under one id a client, with the labels of its token and the present time", async () => {
  const target = new Target({ until: 12 });
  const startedMs = Date.now();
  await loaded(target, 4);
  assert.equal(new Set(target.ids).size, 4);
  assert.equal(target.ids.length, 4, "a client got more than one token");
  assert.deepEqual(new Set(target.pushes.map(({ id }) => id)), new Set(target.ids));
  for (const { id, families, type } of target.pushes) {
    assert.equal(type, PROTOBUF_CONTENT_TYPE);
    assert.deepEqual(families.map(({ name, metrics }) => [name, metrics.length]), [["up", 1], ["c", 2]]);
    for (const { labels, timestampMs } of families.flatMap(({ metrics }) => metrics)) {
      assert.deepEqual(labels.filter(({ name }) => name === "_id"), [{ name: "_id", value: id }]);
      assert(timestampMs !== undefined && timestampMs >= startedMs && timestampMs <= Date.now());
    }
  }
});

Deno.test("LoadGenerator gets a new token when the server refuses one", async () => {
  const target = new Target({ until: 3, statuses: [200, 401, 200] });
  await loaded(target, 1);
  assert.equal(target.ids.length, 2);
  assert.equal(target.ids[0], target.ids[1]);
});

Deno.test("LoadGenerator.summary() tells how the requests were answered", async () => {
  const text = await loaded(new Target({ until: 4, statuses: [200, 429, 503, 200] }), 1);
  assert.match(text, /^1 clients with 3 series each, for 2s\n/);
  assert.match(text, /\nauthorize: 1 requests, 0\.5\/s, 200: 1; p50 .* ms, .*max .* ms\n/);
  assert.match(text, /\nupload: \d requests, .*429: 1.*p99.*\n {2}the last that failed: 503 No, it is 503\npushed/);
});

Deno.test("LoadGenerator counts requests that nobody answers, and goes on", async () => {
  const registry = new Registry();
  const enough = Promise.withResolvers<void>();
  let failed = 0;
  const fetch = () => {
    if (++failed === 6) enough.resolve();
    return Promise.reject(new TypeError("nobody there"));
  };
  const nowhere = new URL("http://127.0.0.1:1/");
  const plan = { upload: nowhere, authorize: nowhere, token: "t", families: FAMILIES, intervalMs: 1, workers: 2 };
  const stop = new AbortController();
  const generator = new LoadGenerator({ ...plan, registry, fetch });
  const run = generator.run(stop.signal);
  await enough.promise;
  stop.abort();
  await run;
  const { values } = await registry.getSingleMetric("load_requests_total")!.get();
  assert.deepEqual(values.map(({ labels }) => labels), [{ purpose: "authorize", code: "error" }]);
  assert(values[0].value >= 5);
  assert.match(await generator.summary(2_000), /\n {2}the last that failed: nobody there\n/);
});

/** Runs the program to its end. */
async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const script = new URL("../../scripts/load.ts", import.meta.url).pathname;
  const flags = ["run", "--no-prompt", "--allow-net", "--allow-read", script, "--listen=127.0.0.1:0"];
  const output = await new Deno.Command(Deno.execPath(), { args: [...flags, ...args] }).output();
  const [stdout, stderr] = [output.stdout, output.stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code: output.code, stdout, stderr };
}

async function withMetrics(test: (path: string) => Promise<void>) {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, '# TYPE up gauge\nup{job="a"} 1\n');
    await test(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("load works for as long as --duration says and prints its summary", async () => {
  await withMetrics(async (path) => {
    const target = new Target({ until: Infinity });
    await using server = await loopback(target.handler);
    const args = [`--to=${server.url}`, `--metrics-file=${path}`, "--workers=3", "--interval=20ms", "--duration=300ms"];
    const { code, stdout, stderr } = await run(...args, "--to-token=initial");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^3 clients with 1 series each/);
    assert.match(stdout, /\nupload: \d+ requests, .*200: \d+/);
    assert.equal(target.ids.length, 3);
    assert(target.pushes.length >= 3);
  });
});

Deno.test("load ends bad usage with one sentence and exit code 2", async () => {
  await withMetrics(async (path) => {
    const uses: [args: string[], sentence: RegExp][] = [
      [[], /--metrics-file/],
      [["--metrics-file=/nowhere/metrics"], /nowhere/],
      [[`--metrics-file=${path}`, "--workers=0"], /--workers/],
      [[`--metrics-file=${path}`, "--to=server"], /--to/],
      [[`--metrics-file=${path}`, "--interval=soon"], /--interval/],
    ];
    await Promise.all(uses.map(async ([args, sentence]) => {
      const { code, stderr } = await run(...args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /^load: [^\n]+\n$/);
      assert.match(stderr, sentence);
    }));
  });
});
