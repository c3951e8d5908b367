import assert from "node:assert/strict";
import { clientApp } from "../../client/app.ts";
import type { ForwarderState } from "../../client/forwarder.ts";
import type { ClientView } from "../../client/pages/client_view.ts";
import type { MetricFamily } from "../../common/exposition/metric_family.ts";
import { FamilyRegistry } from "../../common/exposition/family_registry.ts";
import { listen } from "../../common/http/http_server.ts";
import { UsageError } from "../../common/options.ts";
import { recordingLog } from "../support/recording_log.ts";
import { families } from "../support/series.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** The pages of a client, on a socket. */
async function pages(
  reload: () => Promise<void> = () => Promise.resolve(),
  { lastPush = families(['up{a="1"} 2']) }: { lastPush?: MetricFamily[] } = {},
) {
  const registry = new FamilyRegistry();
  registry.counter({ name: "tests_total", help: "Tests" }).add(2);
  const state: ForwarderState = { lastPushMs: 1_700_000_000_000, failures: 2, lastError: "Cannot push" };
  const stop = new AbortController();
  const view: ClientView = {
    ...{ from: "http://source/federate", to: "http://server/upload", lastPushMs: state.lastPushMs, failures: 2 },
    isRemoteWrite: false,
    ...{ nextMs: Date.now() + 41_000, clocks: { source: 45_000, server: 200 }, tokenEndsMs: Date.now() + 3_600_000 },
    forwards: [
      { startedMs: Date.now() - 5_000, outcome: "failed", scraped: 9, why: "Cannot push to <b>" },
      { startedMs: Date.now() - 60_000, outcome: "pushed", scraped: 9, sent: 7, bytes: 1_234 },
    ],
    rules: [{ rule: "--anonymize-labels", effect: "anonymized", count: 3 }],
    losses: [{ rule: "rule x", metric: "<i>", why: "Too new", count: 2 }],
    sizes: [{ metric: "up", series: 7, bytes: 700 }],
    suspects: [{ label: "user", why: "its name is that of a person", samples: 4 }],
    flags: [{ flag: "--to-token", value: "(secret)", from: "command line" }],
  };
  const forwarder = { state, lastPush };
  const { log } = recordingLog();
  const address = { hostname: "127.0.0.1", port: 0 };
  const app = clientApp({
    forwarder,
    registry,
    view: () => Promise.resolve(view),
    reload,
    listen: address,
    signal: stop.signal,
    log,
  });
  const listener = await listen(app.fetch, { address, log });
  const client = Deno.createHttpClient({});
  return {
    stop,
    async fetch(path: string, method = "GET", headers: Record<string, string> = {}) {
      const response = await fetch(new URL(path, listener.url), { method, headers, client });
      return { status: response.status, headers: response.headers, text: await response.text() };
    },
    async [Symbol.asyncDispose]() {
      client.close();
      await listener[Symbol.asyncDispose]();
    },
  };
}

Deno.test("clientApp() lists its pages", async () => {
  await using p = await pages();
  assert.deepEqual(JSON.parse((await p.fetch("/")).text), {
    paths: [
      ...["/federate", "/healthz", "/healthz/ready", "/metrics", "/settings"],
      ...["/assets/page.css", "/assets/page.js", "/assets/icon.svg", "/-/reload"],
    ],
  });
});

Deno.test("clientApp() shows browsers a page of what it does, and no secret", async () => {
  await using p = await pages();
  const html = { accept: "text/html" };
  const { text, headers } = await p.fetch("/", "GET", html);
  const words = text.replace(/<[^>]+>/g, " ").replace(/\s+/g, " ");
  assert.match(headers.get("content-security-policy") ?? "", /^default-src 'none'/);
  assert.match(words, /failing 2 forwards in a row failed\. It tries again in 4[012] s\./);
  assert.match(words, /Cannot push to &lt;b&gt; Last push that was taken/);
  assert.match(words, /Samples and bytes of it 7, 1\.2 kB/);
  assert.match(
    words,
    /Clock of the source 45 s ahead of ours Set the clocks by NTP.*Clock of the server agrees with ours/,
  );
  assert.match(words, /Token of the server ends in (?:60 min|1 h) and is exchanged before/);
  assert.match(words, /failed 5 s ago 9 – – Cannot push to &lt;b&gt; pushed 60 s ago 9 7 1\.2 kB/);
  assert.match(words, /user : its name is that of a person \(4 samples\).*7 series of 1 metric.*up 7 700 B/);
  assert.match(words, /--anonymize-labels anonymized 3 values .*&lt;i&gt; 2 Too new/);
  assert.match((await p.fetch("/settings", "GET", html)).text, /--to-token<\/th><td class="id">\(secret\)/);
  assert.match((await p.fetch("/assets/page.css")).headers.get("content-type") ?? "", /^text\/css/);
});

Deno.test("clientApp() shows the last push as text", async () => {
  await using p = await pages();
  const response = await p.fetch("/federate?match[]=any");
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assert.equal(response.text, '# TYPE up untyped\nup{a="1"} 2\n');
});

Deno.test("clientApp() shows names of any UTF-8 in quotes to who asks, and with underscores to who does not", async () => {
  const sample = (label: string, value: number) => ({ labels: [{ name: label, value: "v" }], value });
  const lastPush: MetricFamily[] = [
    { name: "my.metric", type: "gauge", metrics: [sample("label.x", 1), sample("label_x", 2)] },
    { name: "my_metric", type: "gauge", metrics: [sample("label_x", 3)] },
  ];
  await using p = await pages(undefined, { lastPush });
  const TEXT = "text/plain; version=0.0.4; charset=utf-8";
  for (const accept of ["*/*", "text/plain;version=0.0.4", "text/plain;version=0.0.4;escaping=underscores"]) {
    const { headers, text } = await p.fetch("/federate", "GET", { accept });
    assert.equal(headers.get("content-type"), TEXT);
    assert.equal(text, '# TYPE my_metric gauge\nmy_metric{label_x="v"} 3\n', accept);
  }
  const accept = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5," +
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2";
  const { headers, text } = await p.fetch("/federate", "GET", { accept });
  assert.equal(headers.get("content-type"), `${TEXT}; escaping=allow-utf-8`);
  assert.equal(
    text,
    '# TYPE "my.metric" gauge\n{"my.metric","label.x"="v"} 1\n{"my.metric",label_x="v"} 2\n' +
      '# TYPE my_metric gauge\nmy_metric{label_x="v"} 3\n',
  );
});

Deno.test("clientApp() shows the metrics", async () => {
  await using p = await pages();
  const response = await p.fetch("/metrics");
  assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  assert.match(response.text, /^tests_total 2$/m);
});

Deno.test("clientApp() is healthy, and ready until the client stops", async () => {
  await using p = await pages();
  assert.equal((await p.fetch("/healthz")).text, "ok\n");
  const ready = await p.fetch("/healthz/ready");
  assert.equal(ready.status, 200);
  assert.deepEqual(JSON.parse(ready.text), {
    ready: true,
    reason: "the configuration is loaded and the client is forwarding",
    lastPush: "2023-11-14T22:13:20.000Z",
    failures: 2,
    lastError: "Cannot push",
  });
  p.stop.abort();
  const stopping = await p.fetch("/healthz/ready");
  assert.equal(stopping.status, 503);
  assert.equal(JSON.parse(stopping.text).reason, "the client is stopping");
});

Deno.test("clientApp() reloads on POST", async () => {
  let reloads = 0;
  await using p = await pages(() => Promise.resolve(void reloads++));
  const response = await p.fetch("/-/reload", "POST");
  assert.equal(response.status, 200);
  assert.equal(reloads, 1);
});

Deno.test("clientApp() answers a bad reload with the sentence", async () => {
  await using p = await pages(() => Promise.reject(new UsageError("Bad --match-file: line 1")));
  const response = await p.fetch("/-/reload", "POST");
  assert.equal(response.status, 500);
  assert.equal(response.text, "Cannot reload; the running configuration stays: Bad --match-file: line 1\n");
});

const refusals: [method: string, path: string, status: number, allow: string | null][] = [
  ["GET", "/-/reload", 405, "POST, OPTIONS"],
  ["HEAD", "/-/reload", 405, "POST, OPTIONS"],
  ["POST", "/federate", 405, "GET, HEAD, OPTIONS"],
  ["DELETE", "/metrics", 405, "GET, HEAD, OPTIONS"],
  ["GET", "/none", 404, null],
  ["GET", "/toString", 404, null],
  ["GET", "/__proto__", 404, null],
];

for (const [method, path, status, allow] of refusals) {
  Deno.test(`clientApp() answers ${method} ${path} with ${status}`, async () => {
    await using p = await pages();
    const response = await p.fetch(path, method);
    assert.equal(response.status, status);
    assert.equal(response.headers.get("allow"), allow);
  });
}
