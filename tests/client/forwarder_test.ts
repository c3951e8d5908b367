import assert from "node:assert/strict";
import { Forwarder } from "../../client/forwarder.ts";
import { clientMetrics } from "../../client/metrics.ts";
import { CLIENT_PROGRAM } from "../../client/options.ts";
import { loadSettings } from "../../client/settings.ts";
import { SmallHeap } from "../../client/small_heap.ts";
import { FamilyRegistry } from "../../common/exposition/family_registry.ts";
import type { Label, Metric, MetricFamily } from "../../common/exposition/metric_family.ts";
import { formatText } from "../../common/exposition/text_format.ts";
import { parseOptions } from "../support/parse_options.ts";
import { recordingLog } from "../support/recording_log.ts";
import { Mailbox } from "../support/mailbox.ts";
import { series } from "../support/series.ts";
import { SourcePrometheus } from "../support/source_prometheus.ts";
import { TelemeterServer } from "../support/telemeter_server.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const NOW = 1_700_000_000_000;

const up = (value: number, labels: Record<string, string> = {}): MetricFamily => ({
  name: "up",
  type: "untyped",
  metrics: [{
    labels: Object.entries(labels).map(([name, value]) => ({ name, value })),
    value,
    timestampMs: NOW,
  }],
});

/** A wait of the loop, which lasts until the test ends it. */
interface Wait {
  readonly ms: number;
  end(): void;
}

/** A Prometheus, a server and a forwarder between them that runs; its clock stands still unless the test sets it. */
async function network(args: string[] = []) {
  const prometheus = new SourcePrometheus();
  const server = new TelemeterServer();
  const { log, records } = recordingLog();
  const clock = { nowMs: NOW };
  const now = () => clock.nowMs;
  const loaded = new DisposableStack();
  const load = async (more: string[] = []) => {
    const to = ["--from", prometheus.url, "--to", server.url, "--id", "me", "--to-token", "initial"];
    const parsed = await parseOptions(CLIENT_PROGRAM, [...to, ...args, ...more]);
    assert.ok("values" in parsed);
    return loaded.use(await loadSettings(parsed.values, { log, now }));
  };
  const registry = new FamilyRegistry();
  const waits = new Mailbox<Wait>();
  const delay = (ms: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve());
      if (signal.aborted) resolve();
      else waits.put({ ms, end: resolve });
    });
  const metrics = clientMetrics(registry);
  const forwarder = new Forwarder(await load(), { log, metrics, heap: new SmallHeap(), random: () => 0, now, delay });
  const stop = new AbortController();
  let running: Promise<void> | undefined;
  return {
    prometheus,
    server,
    forwarder,
    waits,
    clock,
    load,
    records,
    start: () => void (running = forwarder.run(stop.signal)),
    /** The value of a metric, by name and labels as the page shows them. */
    metric(name: string): number | undefined {
      const page = new TextDecoder().decode(formatText(registry.families()));
      const line = page.split("\n").find((line) => line.startsWith(`${name} `));
      return line === undefined ? undefined : Number(line.slice(name.length));
    },
    stop,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      loaded.dispose();
      await prometheus[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

Deno.test("Forwarder.run() pushes at once, then after every interval, each time a fresh scrape", async () => {
  await using n = await network(["--interval", "5m", "--label", "zone=a"]);
  n.server.labels = { account: "x" };
  n.prometheus.up(up(1));
  n.start();
  const first = await n.server.pushes.take();
  assert.equal(first.cluster, "me");
  assert.deepEqual(series(first.families), ['up{zone="a",_id="me",account="x"} 1']);
  const wait = await n.waits.take();
  assert.equal(wait.ms, 300_000);
  n.prometheus.up(up(2));
  wait.end();
  assert.deepEqual(series((await n.server.pushes.take()).families), ['up{zone="a",_id="me",account="x"} 2']);
  await n.waits.take();
  assert.deepEqual(n.server.asked, ["/authorize?id=me", "/upload", "/upload"]);
  assert.equal(n.metric("federate_requests_total"), 2);
  assert.equal(n.metric("federate_requests_failed_total"), 0);
  assert.equal(n.metric('metricsclient_request_retrieve{client="federate_from",status_code="200"}'), 2);
  assert.equal(n.metric('metricsclient_request_send{client="federate_to",status_code="200"}'), 2);
});

Deno.test("Forwarder.run() neither exchanges nor pushes when the rules keep nothing", async () => {
  await using n = await network();
  n.prometheus.up({ ...up(1), metrics: [] });
  n.start();
  // A source that starts at the same time has something in a moment.
  for (const ms of [...Array<number>(6).fill(10_000), 270_000, 270_000]) {
    const wait = await n.waits.take();
    assert.equal(wait.ms, ms);
    wait.end();
  }
  assert.deepEqual(n.server.asked, []);
});

Deno.test("Forwarder.run() reads a source that had nothing at first again in 10 s, and no sooner than the interval says", async () => {
  await using n = await network(["--interval", "20s"]);
  n.start();
  const first = await n.waits.take();
  assert.equal(first.ms, 10_000);
  n.prometheus.up(up(1));
  first.end();
  await n.server.pushes.take();
  const second = await n.waits.take();
  assert.equal(second.ms, 20_000);
  n.prometheus.up();
  second.end();
  assert.equal((await n.waits.take()).ms, 20_000);
  await using quick = await network(["--interval", "2s"]);
  quick.start();
  assert.equal((await quick.waits.take()).ms, 2_000);
});

Deno.test("Forwarder.run() says of a 429 after a start what the server says, as it cannot know whether that has a push", async () => {
  await using n = await network();
  n.prometheus.up(up(1));
  const words = "This cluster was refused too often: mend what it was refused for before";
  n.server.fault = (request) => request.url.endsWith("/upload") ? new Response(words, { status: 429 }) : undefined;
  n.start();
  await n.waits.take();
  const { sentence, fields } = n.records.at(-1)!;
  assert.doesNotMatch(sentence, /has the last push/);
  assert.ok(String(fields.answer).endsWith(`it says: ${words}`), String(fields.answer));
});

Deno.test("Forwarder.run() tells a 429 after a start at info, with the time of the next push, and a later one at error", async () => {
  await using n = await network();
  n.prometheus.up(up(1));
  n.server.fault = (request) =>
    request.url.endsWith("/upload")
      ? new Response("too soon", { status: 429, headers: { "retry-after": "200" } })
      : undefined;
  n.start();
  const wait = await n.waits.take();
  assert.equal(wait.ms, 200_000);
  const { level, sentence, fields } = n.records.at(-1)!;
  assert.equal(level, "info");
  assert.equal(sentence, "Has just started, and the server takes no push of this cluster yet: waits until it does");
  const { answer, ...rest } = fields;
  assert.deepEqual(rest, { nextPush: new Date(NOW + 200_000).toISOString() });
  assert.match(String(answer), /it answered 429, .*; it says: too soon$/);
  n.server.fault = undefined;
  wait.end();
  await n.server.pushes.take();
  n.server.fault = (request) => request.url.endsWith("/upload") ? new Response("too soon", { status: 429 }) : undefined;
  (await n.waits.take()).end();
  await n.waits.take();
  assert.equal(n.records.at(-1)!.level, "error");
});

Deno.test("Forwarder.run() counts failures by stage, and when it last read and pushed", async () => {
  await using n = await network();
  n.prometheus.up(up(1));
  const failures = () =>
    ["scrape", "rules", "exchange", "push"].map((stage) =>
      n.metric(`telemeter_client_forwards_failed_total{stage="${stage}"}`)
    );
  const at = (what: string) => n.metric(`telemeter_client_last_${what}_timestamp_seconds`);
  assert.deepEqual([...failures(), at("scrape"), at("push")], [0, 0, 0, 0, 0, 0]);
  n.prometheus.fault = () => new Response(null, { status: 503 });
  n.start();
  let wait = await n.waits.take();
  assert.deepEqual([...failures(), at("scrape"), at("push")], [1, 0, 0, 0, 0, 0]);
  n.prometheus.fault = undefined;
  n.server.fault = () => new Response(null, { status: 503 });
  wait.end();
  wait = await n.waits.take();
  assert.deepEqual([...failures(), at("scrape"), at("push")], [1, 0, 1, 0, NOW / 1_000, 0]);
  n.server.fault = (request) => request.url.endsWith("/upload") ? new Response(null, { status: 503 }) : undefined;
  wait.end();
  wait = await n.waits.take();
  assert.deepEqual([...failures(), at("scrape"), at("push")], [1, 0, 1, 1, NOW / 1_000, 0]);
  n.server.fault = undefined;
  wait.end();
  await n.waits.take();
  assert.deepEqual([...failures(), at("push")], [1, 0, 1, 1, NOW / 1_000]);
  assert.equal(n.metric('telemeter_client_push_answers_total{status_code="200"}'), 1);
  assert.equal(n.metric('telemeter_client_scrape_answers_total{status_code="503"}'), 1);
});

Deno.test("Forwarder.run() does not push what the server would leave out", async () => {
  await using n = await network();
  const old = { ...up(1), metrics: [{ labels: [], value: 1, timestampMs: NOW - 100_000_000 }] };
  n.prometheus.up(old);
  n.start();
  assert.equal((await n.waits.take()).ms, 270_000);
  assert.deepEqual(n.server.asked, ["/authorize?id=me"]);
  assert.equal(n.metric("federate_samples"), 1);
  assert.equal(n.metric("federate_filtered_samples"), 1);
  assert.equal(n.metric("federate_requests_failed_total"), 0);
});

Deno.test("Forwarder.run() says at level info why nothing of a page without timestamps is sent", async () => {
  await using n = await network();
  n.prometheus.up({ name: "up", type: "gauge", metrics: [{ labels: [], value: 1 }] });
  n.start();
  await n.waits.take();
  assert.deepEqual(n.server.asked, ["/authorize?id=me"]);
  const { level, fields } = n.records.find(({ sentence }) => sentence.startsWith("Nothing to send"))!;
  assert.equal(level, "info");
  assert.equal(fields.scraped, 1);
  assert.match(String(fields.why), /timestamp/);
  assert.equal(n.metric("federate_requests_failed_total"), 0);
});

Deno.test("Forwarder.run() says that the source has nothing, and blames no rule, where a page is empty", async () => {
  await using n = await network();
  n.prometheus.fault = () => new Response("", { headers: { "content-type": "text/plain" } });
  n.start();
  await n.waits.take();
  const { sentence, level, fields } = n.records.find(({ sentence }) => sentence.startsWith("Nothing to send"))!;
  assert.equal(sentence, "Nothing to send: the source has nothing that --match selects");
  assert.deepEqual([level, fields], ["info", { scraped: 0 }]);
});

Deno.test("Forwarder.run() says and counts what a page loses before anybody can read it, even if that is all of it", async () => {
  await using n = await network();
  const pages = [`api.rq 1 ${NOW}\n`, `api.rq 1 ${NOW}\nup 1 ${NOW}\n`];
  n.prometheus.fault = () => new Response(pages.shift(), { headers: { "content-type": "text/plain" } });
  n.start();
  const wait = await n.waits.take();
  const [{ level, fields }] = n.records.filter(({ sentence }) => sentence.startsWith("Nothing to send"));
  assert.deepEqual([level, fields.scraped], ["info", 1]);
  assert.match(String(fields.why), /the name api\.rq of a metric must stand in quotes/);
  const told = () => n.records.filter(({ sentence }) => sentence === "Some samples do not arrive").length;
  assert.equal(told(), 1);
  const counts = () => ["federate_samples", "federate_filtered_samples"].map((name) => n.metric(name));
  assert.deepEqual(counts(), [1, 1]);
  assert.equal(n.metric('telemeter_client_samples_dropped_total{reason="family_name"}'), 1);
  wait.end();
  await n.server.pushes.take();
  await n.waits.take();
  assert.deepEqual([counts(), told()], [[2, 1], 1]);
  assert.equal(n.metric('telemeter_client_samples_dropped_total{reason="family_name"}'), 2);
});

Deno.test("Forwarder.run() counts what the rules keep back, twins included", async () => {
  await using n = await network(["--label", "pod=same"]);
  const [a, b] = [up(1, { pod: "a" }), up(2, { pod: "b" })];
  n.prometheus.up({ ...a, metrics: [...a.metrics, ...b.metrics] });
  n.start();
  assert.deepEqual(series((await n.server.pushes.take()).families), ['up{pod="same",_id="me"} 2']);
  await n.waits.take();
  assert.equal(n.metric("federate_samples"), 2);
  assert.equal(n.metric("federate_filtered_samples"), 1);
});

Deno.test("Forwarder.run() backs off while the Prometheus fails, and is back to the interval when it is well", async () => {
  await using n = await network();
  n.prometheus.fault = () => new Response("out of order", { status: 500 });
  n.start();
  for (const ms of [500, 1_000, 2_000]) {
    const wait = await n.waits.take();
    assert.equal(wait.ms, ms);
    if (ms === 2_000) n.prometheus.up(up(1)).fault = undefined;
    assert.match(n.forwarder.state.lastError ?? "", /it answered 500; it says: out of order$/);
    wait.end();
  }
  await n.server.pushes.take();
  assert.equal((await n.waits.take()).ms, 270_000);
  assert.deepEqual(n.forwarder.state, { lastPushMs: NOW, failures: 0, lastError: undefined });
  assert.equal(n.metric("federate_requests_total"), 4);
  assert.equal(n.metric("federate_requests_failed_total"), 3);
  assert.equal(n.metric('metricsclient_request_retrieve{client="federate_from",status_code="500"}'), 3);
});

Deno.test("Forwarder.run() scrapes afresh for each retry of a push, and waits as long as the server asks", async () => {
  await using n = await network();
  n.prometheus.up(up(1));
  n.server.fault = ({ url }) =>
    url.endsWith("/upload") ? new Response("later", { status: 503, headers: { "retry-after": "77" } }) : undefined;
  n.start();
  const wait = await n.waits.take();
  assert.equal(wait.ms, 77_000);
  n.prometheus.up(up(2));
  n.server.fault = undefined;
  wait.end();
  assert.deepEqual(series((await n.server.pushes.take()).families), ['up{_id="me"} 2']);
  assert.equal(n.prometheus.asked.length, 2);
  await n.waits.take();
});

Deno.test("Forwarder.run() waits as long as a refused exchange asks", async () => {
  await using n = await network();
  n.prometheus.up(up(1));
  n.server.fault = () => new Response(null, { status: 429, headers: { "retry-after": "300" } });
  n.start();
  assert.equal((await n.waits.take()).ms, 300_000);
  assert.deepEqual(n.server.asked, ["/authorize?id=me"]);
});

Deno.test("Forwarder.run() drops its token on a 401 and exchanges anew", async () => {
  await using n = await network();
  n.prometheus.up(up(1));
  n.start();
  await n.server.pushes.take();
  n.server.revoke();
  n.server.labels = { account: "new" };
  (await n.waits.take()).end();
  (await n.waits.take()).end();
  assert.deepEqual(series((await n.server.pushes.take()).families), ['up{_id="me",account="new"} 1']);
  assert.deepEqual(n.server.asked, ["/authorize?id=me", "/upload", "/upload", "/authorize?id=me", "/upload"]);
  await n.waits.take();
});

Deno.test("Forwarder.run() takes the labels of a refreshed token over", async () => {
  await using n = await network();
  n.prometheus.up(up(1));
  n.start();
  await n.server.pushes.take();
  n.server.labels = { account: "new" };
  n.clock.nowMs += 86_400_000 - 15_000;
  n.prometheus.up({ ...up(2), metrics: [{ labels: [], value: 2, timestampMs: n.clock.nowMs }] });
  (await n.waits.take()).end();
  assert.deepEqual(series((await n.server.pushes.take()).families), ['up{_id="me",account="new"} 2']);
  await n.waits.take();
});

Deno.test("Forwarder.run() exchanges a token that lived for less than an interval, and counts no failure", async () => {
  await using n = await network();
  n.server.expiresInSeconds = 20;
  n.prometheus.up(up(1));
  n.start();
  await n.server.pushes.take();
  const wait = await n.waits.take();
  n.server.revoke();
  n.clock.nowMs += wait.ms;
  n.prometheus.up({ ...up(2), metrics: [{ labels: [], value: 2, timestampMs: n.clock.nowMs }] });
  wait.end();
  await n.server.pushes.take();
  await n.waits.take();
  assert.deepEqual(n.server.asked, ["/authorize?id=me", "/upload", "/authorize?id=me", "/upload"]);
  assert.equal(n.metric("federate_requests_failed_total"), 0);
});

Deno.test("Forwarder.run() ends at once when its signal is aborted in a wait", async () => {
  await using n = await network();
  n.start();
  await n.waits.take();
  n.stop.abort();
});

Deno.test("Forwarder.run() ends at once when its signal is aborted in a scrape, and calls that no failure", async () => {
  await using n = await network();
  const asked = Promise.withResolvers<void>();
  n.prometheus.fault = async (request) => {
    asked.resolve();
    await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    return new Response();
  };
  n.start();
  await asked.promise;
  n.stop.abort();
  assert.equal(n.forwarder.state.failures, 0);
});

Deno.test("Forwarder.reconfigure() tries again at once after a failure", async () => {
  await using n = await network();
  n.prometheus.up(up(1));
  n.server.tokens.clear();
  n.start();
  await n.waits.take();
  n.server.tokens.add("initial");
  n.forwarder.reconfigure(await n.load(["--label", "zone=b"]));
  assert.deepEqual(series((await n.server.pushes.take()).families), ['up{zone="b",_id="me"} 1']);
  await n.waits.take();
});

Deno.test("Forwarder.reconfigure() leaves the schedule alone after a success", async () => {
  await using n = await network();
  n.prometheus.up(up(1));
  n.start();
  await n.server.pushes.take();
  const wait = await n.waits.take();
  n.forwarder.reconfigure(await n.load(["--label", "zone=b"]));
  assert.equal(n.prometheus.asked.length, 1);
  wait.end();
  assert.deepEqual(series((await n.server.pushes.take()).families), ['up{zone="b",_id="me"} 1']);
  await n.waits.take();
});

Deno.test("Forwarder.lastPush holds what the server took last, also while pushes fail", async () => {
  await using n = await network();
  n.prometheus.up(up(1));
  assert.deepEqual(n.forwarder.lastPush, []);
  n.start();
  await n.server.pushes.take();
  n.server.fault = () => new Response(null, { status: 500 });
  n.prometheus.up(up(2));
  (await n.waits.take()).end();
  await n.waits.take();
  assert.deepEqual(series(n.forwarder.lastPush), ['up{_id="me"} 1']);
});

Deno.test("Forwarder.run() writes no secret into its log, even where the server repeats it", async () => {
  await using n = await network();
  n.prometheus.up(up(1));
  n.server.fault = (request) => new Response(`no ${request.headers.get("authorization")}`, { status: 403 });
  n.start();
  await n.waits.take();
  assert.match(JSON.stringify(n.records), /it says: no Bearer …/);
  assert.doesNotMatch(JSON.stringify(n.records), /Bearer i/);
});

Deno.test("Forwarder.run() counts and tells what a server does not get that does not say that it takes it", async () => {
  await using n = await network();
  const label = (name: string, value: string) => ({ name, value });
  const one = (name: string, value: Metric["value"], ...labels: Label[]): MetricFamily => ({
    name,
    type: typeof value === "number" ? "untyped" : "histogram",
    metrics: [{ labels, value, timestampMs: NOW }],
  });
  const count = { count: 1.5, sum: 1, buckets: [], isFloat: true };
  n.prometheus.up(
    ...[up(1), one("a_b", 1), one("a.b", 2), one("a-b", 3), one("h", count)],
    one("x", 4, label("l.x", "1"), label("l_x", "2")),
  );
  n.start();
  const { families } = await n.server.pushes.take();
  assert.deepEqual(series(families).toSorted(), ['a_b{_id="me"} 1', 'up{_id="me"} 1', 'x{l_x="2",_id="me"} 4']);
  (await n.waits.take()).end();
  await n.server.pushes.take();
  await n.waits.take();
  assert.deepEqual(n.records.filter(({ level }) => level === "warn").map(({ fields }) => fields.why), [
    "Left out h: the server does not say that it takes native histograms, or counts that are no whole numbers: update it",
    "Left out a.b (and 1 more): with underscores it would be a_b, as others are: update the server, or rename one of them",
    "Left out 1 label, as with underscores others of the same sample have the name: update the server, or rename them",
  ]);
  assert.equal(n.metric('telemeter_client_samples_dropped_total{reason="native_histogram"}'), 2);
  assert.equal(n.metric('telemeter_client_samples_dropped_total{reason="utf8_name"}'), 4);
});

Deno.test("Forwarder.run() reckons with the server's clock from the first push on, however slow its own is", async () => {
  await using n = await network();
  const aheadMs = 15 * 60_000;
  n.server.fault = (request) => {
    const headers = { date: new Date(Date.now() + aheadMs).toUTCString() };
    if (request.url.endsWith("/upload")) return new Response(null, { headers });
    return Response.json({ token: "any", labels: { _id: "me" } }, { headers });
  };
  n.prometheus.up({ ...up(1), metrics: [{ labels: [], value: 1, timestampMs: NOW + aheadMs }] });
  n.start();
  await n.waits.take();
  assert.deepEqual(n.server.asked, ["/authorize?id=me", "/upload"]);
  assert.ok(Math.abs(n.metric('telemeter_client_clock_difference_seconds{clock="server"}')! - 900) < 30);
});

Deno.test("Forwarder.run() asks the server for the time again when by what it knew nothing was to be sent", async () => {
  await using n = await network();
  const behindMs = -15 * 60_000;
  let serverMs = behindMs;
  n.server.fault = (request) => {
    const headers = { date: new Date(Date.now() + serverMs).toUTCString() };
    if (request.url.endsWith("/upload")) return new Response(null, { headers });
    return Response.json({ token: "any", labels: { _id: "me" } }, { headers });
  };
  n.prometheus.up({ ...up(1), metrics: [{ labels: [], value: 1, timestampMs: NOW + behindMs }] });
  n.start();
  const first = await n.waits.take();
  // The client's own clock, which was fast, is set.
  n.clock.nowMs += behindMs;
  serverMs = 0;
  first.end();
  (await n.waits.take()).end();
  await n.waits.take();
  assert.deepEqual(n.server.asked, ["/authorize?id=me", "/upload", "/authorize?id=me", "/upload"]);
});

Deno.test("Forwarder.run() takes the clock of whoever gives tokens for the server's only if it is the server", async () => {
  const elsewhere = new TelemeterServer();
  await using _ = elsewhere;
  await using n = await network(["--to-auth", `${elsewhere.url}/authorize?id=me`]);
  elsewhere.fault = () =>
    Response.json({ token: "any" }, { headers: { date: new Date(Date.now() - 86_400_000).toUTCString() } });
  n.server.fault = () => new Response(null, { status: 200 });
  n.prometheus.up(up(1));
  n.start();
  await n.waits.take();
  assert.deepEqual(n.server.asked, ["/upload"]);
});
