import assert from "node:assert/strict";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { federate, type Scrape } from "../../client/federate.ts";
import type { MetricFamily } from "../../common/exposition/metric_family.ts";
import { families, series } from "../support/series.ts";
import { directClients as clients } from "../support/direct_clients.ts";
import { SourcePrometheus } from "../support/source_prometheus.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const UP: MetricFamily = {
  name: "up",
  type: "untyped",
  metrics: [{ labels: [{ name: "job", value: "ä" }], value: 1, timestampMs: 1_700_000_000_000 }],
};

/** Scrapes once. */
function scrape(url: string, changes: Partial<Scrape> = {}): Promise<MetricFamily[]> {
  return federate({
    url: new URL(url),
    matches: ['{__name__="up"}'],
    limitBytes: 204_800,
    clients,
    timeoutMs: 30_000,
    signal: new AbortController().signal,
    ...changes,
  });
}

for (const speaks of ["protobuf", "text"] as const) {
  Deno.test(`federate() reads a Prometheus that speaks ${speaks}`, async () => {
    await using prometheus = new SourcePrometheus().up(UP);
    prometheus.speaks = speaks;
    const statuses: number[] = [];
    const onStatus = (status: number) => void statuses.push(status);
    assert.deepEqual(await scrape(`${prometheus.url}/federate`, { onStatus }), [UP]);
    assert.deepEqual(statuses, [200]);
  });
}

Deno.test("federate() asks for each selector once, beside the URL's own query, however often it is called", async () => {
  await using prometheus = new SourcePrometheus();
  prometheus.series.set("own", families(["own 1"])).set("a", families(["a 1"])).set('b{c="&d"}', families(["b 1"]));
  const url = new URL(`${prometheus.url}/federate?match[]=own`);
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(series(await scrape(url.href, { url, matches: ["a", 'b{c="&d"}'] })), ["own 1", "a 1", "b 1"]);
  }
  assert.deepEqual(prometheus.asked, [["own", "a", 'b{c="&d"}'], ["own", "a", 'b{c="&d"}']]);
});

Deno.test("federate() has a source on the same machine leave its page uncompressed, and no other one", async () => {
  await using source = new SourcePrometheus();
  const asked: (string | null)[] = [];
  source.fault = (request) => {
    asked.push(request.headers.get("accept-encoding"));
    return new Response("up 1\n", { headers: { "content-type": "text/plain" } });
  };
  await scrape(`${source.url}/federate`);
  using client = Deno.createHttpClient({ proxy: { url: source.url }, poolMaxIdlePerHost: 0 });
  const proxied = { open: async (url: URL) => ({ ...await clients.open(url), client, [Symbol.dispose]: () => {} }) };
  await scrape("http://prometheus.example/federate", { clients: proxied });
  assert.deepEqual(asked, ["identity", "gzip,br"]);
});

for (const encoding of ["gzip", "GZIP", "br", "identity"]) {
  for (const isNear of [true, false]) {
    if (isNear && encoding === "br") continue;
    Deno.test(`federate() reads a page in ${encoding} of a source on ${isNear ? "the same" : "another"} machine`, async () => {
      await using source = new SourcePrometheus();
      const page = new TextEncoder().encode("up 1\n");
      const body = encoding === "br" ? brotliCompressSync(page) : encoding === "identity" ? page : gzipSync(page);
      const headers = { "content-type": "text/plain", "content-encoding": encoding };
      source.fault = () => new Response(new Uint8Array(body), { headers });
      using client = Deno.createHttpClient({ proxy: { url: source.url }, poolMaxIdlePerHost: 0 });
      const proxied = {
        open: async (url: URL) => ({ ...await clients.open(url), client, [Symbol.dispose]: () => {} }),
      };
      const families = isNear
        ? await scrape(`${source.url}/federate`)
        : await scrape("http://prometheus.example/federate", { clients: proxied });
      assert.deepEqual(families.map(({ name }) => name), ["up"]);
    });
  }
}

Deno.test("federate() tells of a refusal that is compressed unasked by its status", async () => {
  await using source = new SourcePrometheus();
  const headers = { "content-encoding": "gzip" };
  source.fault = () => new Response(new Uint8Array(gzipSync("no, not you")), { status: 401, headers });
  await assert.rejects(scrape(`${source.url}/federate`), /it answered 401, [^;]*$/);
});

Deno.test("federate() shows its token", async () => {
  await using prometheus = new SourcePrometheus().up(UP);
  prometheus.token = "t0ken";
  assert.deepEqual(await scrape(`${prometheus.url}/federate`, { token: "t0ken" }), [UP]);
  await assert.rejects(scrape(`${prometheus.url}/federate`), {
    name: "RefusedError",
    message: `Cannot scrape ${prometheus.url}/federate: it answered 401, it requires a token: ` +
      "give one in --from-token-file; it says: Unauthorized",
  });
});

Deno.test("federate() logs in with the user name and password of its URL, and shows neither", async () => {
  await using prometheus = new SourcePrometheus();
  const seen: (string | null)[] = [];
  prometheus.fault = (request) => {
    seen.push(request.headers.get("authorization"));
    return new Response("no", { status: 403 });
  };
  const error: Error = await scrape(prometheus.url.replace("//", "//user:pa55@") + "/federate").then(
    () => new Error(),
    (e) => e,
  );
  assert.deepEqual(seen, [`Basic ${btoa("user:pa55")}`]);
  assert.match(error.message, /it answered 403/);
  assert.doesNotMatch(error.message, /user|pa55/);
});

Deno.test("federate() takes a page of exactly its limit and names limit and flag for a longer one", async () => {
  await using prometheus = new SourcePrometheus();
  const page = "# HELP up ☃\nup 1 1700000000000\n";
  const bytes = new TextEncoder().encode(page).length;
  prometheus.fault = () => new Response(page, { headers: { "content-type": "text/plain; version=0.0.4" } });
  assert.equal((await scrape(`${prometheus.url}/federate`, { limitBytes: bytes })).length, 1);
  await assert.rejects(scrape(`${prometheus.url}/federate`, { limitBytes: bytes - 1 }), {
    message: `Cannot scrape ${prometheus.url}/federate: the answer is longer than ${bytes - 1} bytes: ` +
      "raise --limit-bytes, or select less with --match",
  });
});

Deno.test("federate() counts bytes as they are uncompressed, and stops at the limit", async () => {
  await using prometheus = new SourcePrometheus();
  prometheus.fault = () => {
    // Two gigabytes of zeros, did anyone read them to the end.
    let left = 2_000;
    const zeros = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: (body) => left-- > 0 ? body.enqueue(new Uint8Array(1_000_000)) : body.close(),
    });
    return new Response(zeros.pipeThrough(new CompressionStream("gzip")), {
      headers: { "content-type": "text/plain", "content-encoding": "gzip" },
    });
  };
  await assert.rejects(scrape(`${prometheus.url}/federate`), /longer than 204800 bytes/);
});

Deno.test("federate() follows a redirect within the origin, token in hand", async () => {
  await using prometheus = new SourcePrometheus().up(UP);
  prometheus.token = "t0ken";
  prometheus.fault = ({ url }) => {
    prometheus.fault = undefined;
    return new Response(null, { status: 307, headers: { location: `/federate${new URL(url).search}` } });
  };
  assert.deepEqual(await scrape(`${prometheus.url}/old`, { token: "t0ken" }), [UP]);
});

Deno.test("federate() follows no redirect to another origin", async () => {
  await using prometheus = new SourcePrometheus();
  await using other = new SourcePrometheus().up(UP);
  prometheus.fault = () => new Response(null, { status: 302, headers: { location: `${other.url}/federate` } });
  await assert.rejects(scrape(`${prometheus.url}/federate`, { token: "t0ken" }), {
    message:
      `Cannot scrape ${prometheus.url}/federate: it redirects to ${other.url}, which must not get the token: point --from there`,
  });
  assert.deepEqual(other.asked, []);
});

Deno.test("federate() gives up on redirects without end", async () => {
  await using prometheus = new SourcePrometheus();
  prometheus.fault = () => new Response(null, { status: 302, headers: { location: "/federate" } });
  await assert.rejects(scrape(`${prometheus.url}/federate`), /it redirects more than 5 times$/);
});

const types: [contentType: string | null, body: string, outcome: RegExp | "text"][] = [
  [null, "up 1\n", "text"],
  ["text/plain", "up 1\n", "text"],
  ["text/plain; charset=utf-8; version=0.0.4", "up 1\n", "text"],
  ["text/plain; version=9", "up 1\n", /'text\/plain; version=9', which is not a page of metrics/],
  ["text/html", "<html>", /'text\/html', which is not a page of metrics: check --from$/],
  ["application/openmetrics-text", "up 1\n# EOF\n", "text"],
  ["application/openmetrics-text", "up 1\n", /ends without # EOF: it is cut short/],
  ["application/vnd.google.protobuf; encoding=text", "", /not a page of metrics/],
  [
    'application/vnd.google.protobuf; encoding="delimited"',
    "\x05garbage",
    /: Cannot read the protobuf: .+ at offset \d+$/,
  ],
  ["application/vnd.google.protobuf", "", "text"],
];

for (const [contentType, body, outcome] of types) {
  Deno.test(`federate() answered with ${contentType} and ${JSON.stringify(body)}`, async () => {
    await using prometheus = new SourcePrometheus();
    // A body of bytes gets no Content-Type by itself.
    const headers = contentType === null ? undefined : { "content-type": contentType };
    prometheus.fault = () => new Response(new TextEncoder().encode(body), { headers });
    const page = scrape(`${prometheus.url}/federate`);
    if (outcome === "text") assert.deepEqual((await page).map(({ name }) => name), body === "" ? [] : ["up"]);
    else await assert.rejects(page, (error) => error instanceof Error && outcome.test(error.message));
  });
}
