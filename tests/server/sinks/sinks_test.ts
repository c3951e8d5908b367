import configuration from "../../../deno.json" with { type: "json" };
import assert from "node:assert/strict";
import { eventually } from "../../../scripts/process/eventually.ts";
import { type SinkAnswer, SinkReceiver, type SinkVisit, takesAll, takesFirst } from "../../support/sink_receiver.ts";
import { Random } from "../../support/random.ts";
import { MetaStore, SinksSite, TTL_MS } from "../../support/sinks_site.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** What came of a series, one text a sample: its metric, its cluster, its value. */
function samplesOf(visits: readonly SinkVisit[]): string[] {
  return visits.flatMap(({ series }) =>
    series.flatMap(({ labels, samples }) => {
      const { __name__: name, _id: id } = Object.fromEntries(labels);
      return samples.map(({ value }) => `${name} of ${id}: ${value}`);
    })
  );
}

const has = (...wanted: string[]) => (visits: readonly SinkVisit[]) =>
  wanted.every((sample) => samplesOf(visits).includes(sample));

Deno.test("Sinks forward what clusters show, with the samples' own times, several clusters in a request", async () => {
  await using receiver = new SinkReceiver();
  await using site = await SinksSite.open([receiver.url]);
  site.sinks.start();
  const receivedAtMs = Date.now();
  site.push("a", ["x{} 1", "y{} 2"], { receivedAtMs });
  site.push("b", ["x{} 3"], { receivedAtMs });
  await receiver.until(has("x of a: 1", "y of a: 2", "x of b: 3"));
  assert.equal(receiver.visits.length, 1);
  const [{ version, series, headers }] = receiver.visits;
  assert.equal(version, "2.0");
  assert.deepEqual([...new Set(series.map(({ samples: [{ timestampMs }] }) => timestampMs))], [receivedAtMs]);
  assert.equal(headers.get("x-prometheus-remote-write-version"), "2.0.0");
  assert.equal(headers.get("content-encoding"), "snappy");
  assert.equal(headers.get("user-agent"), `telemeter-server/${configuration.version}`);
});

for (
  const [what, answer] of [
    ["does not take", () => new Response("unknown proto", { status: 415 })],
    ["takes nothing of", takesFirst],
    ["cannot read", () => new Response("bad", { status: 400 })],
  ] as const
) {
  Deno.test(`Sinks speak version 1.0 with a sink that ${what} 2.0, and send all again`, async () => {
    await using receiver = new SinkReceiver();
    receiver.answer = (visit) => visit.version === "2.0" ? answer(visit) : takesFirst(visit);
    await using site = await SinksSite.open([receiver.url]);
    site.sinks.start();
    site.push("a", ["x{} 1"]);
    await receiver.until((visits) => visits.some(({ version }) => version === "1.0"));
    site.push("a", ["x{} 2"]);
    await receiver.until(has("x of a: 2"));
    assert.deepEqual(receiver.visits.map(({ version }) => version), ["2.0", "1.0", "1.0"]);
    assert.equal(receiver.visits[1].headers.get("content-type"), "application/x-protobuf");
    assert.equal(site.sinks.report()[0].version, "1.0");
  });
}

Deno.test("Sinks end a series that its cluster shows no more, a millisecond behind its last sample", async () => {
  await using receiver = new SinkReceiver();
  await using site = await SinksSite.open([receiver.url]);
  site.sinks.start();
  const receivedAtMs = Date.now() - 60_000;
  site.push("a", ['x{a="1"} 1', 'x{a="2"} 2', "y{} 3"], { receivedAtMs });
  await receiver.until(has("y of a: 3"));
  site.push("a", ['x{a="1"} 4']);
  await receiver.until(has("x of a: 4"));
  const ended = receiver.visits.flatMap(({ series }) => series).filter(({ samples }) => samples[0].value === "stale");
  assert.deepEqual(ended.map(({ labels, samples: [{ timestampMs }] }) => [Object.fromEntries(labels).a, timestampMs]), [
    ["2", receivedAtMs + 1],
    [undefined, receivedAtMs + 1],
  ]);
});

Deno.test("Sinks end no series whose lines only come in another order or type", async () => {
  await using receiver = new SinkReceiver();
  await using site = await SinksSite.open([receiver.url]);
  site.sinks.start();
  site.push("a", ["x{} 1", 'y{a="1"} 2', 'y{a="2"} 3']);
  site.push(
    "a",
    ['y{a="2"} 3', "# TYPE x gauge\nx{} 1", 'y{a="1"} 2'].map((line) => line.replace("# TYPE x gauge\n", "")),
  );
  await receiver.until(has("x of a: 1"));
  assert.ok(!samplesOf(receiver.visits).some((sample) => sample.endsWith("stale")), `${samplesOf(receiver.visits)}`);
});

Deno.test("Sinks end all series of a cluster that expires, and none of one that moves to another member", async () => {
  await using receiver = new SinkReceiver();
  await using site = await SinksSite.open([receiver.url]);
  site.sinks.start();
  site.push("old", ["x{} 1"], { receivedAtMs: Date.now() - TTL_MS + 1_000 });
  site.push("moved", ["x{} 2"]);
  await receiver.until(has("x of old: 1", "x of moved: 2"));
  site.index.hide("moved");
  const nowMs = performance.now();
  assert.deepEqual(site.index.expire({ now: nowMs, wallMs: Date.now() }), []);
  assert.deepEqual(site.index.expire({ now: nowMs + 5_000, wallMs: Date.now() }), ["old"]);
  await receiver.until(has("x of old: stale"));
  assert.ok(!has("x of moved: stale")(receiver.visits));
});

Deno.test("Sinks know the series of clusters for as long as these show something, together, and tell what that takes", async () => {
  await using one = new SinkReceiver();
  await using other = new SinkReceiver();
  await using site = await SinksSite.open([one.url, other.url]);
  site.sinks.start();
  const bytes = async () =>
    Number(/^telemeter_sink_series_cache_bytes (\d+)$/m.exec(await site.registry.metrics())![1]);
  assert.equal(await bytes(), 0);
  for (const value of [1, 2]) {
    site.push("a", [`x{} ${value}`, `y{} ${value}`]);
    for (const receiver of [one, other]) await receiver.until(has(`x of a: ${value}`, `y of a: ${value}`));
  }
  const ofOne = await bytes();
  assert.ok(ofOne > 0);
  site.push("b", ["x{} 3"]);
  for (const receiver of [one, other]) await receiver.until(has("x of b: 3"));
  assert.ok(await bytes() > ofOne);
  site.index.hide("b");
  assert.equal(await bytes(), ofOne);
  site.index.hide("a");
  assert.equal(await bytes(), 0);
});

Deno.test("Sinks end what a revoked cluster shows, and forward nothing more of it", async () => {
  await using receiver = new SinkReceiver();
  let revoked: ReadonlySet<string> = new Set();
  await using site = await SinksSite.open([receiver.url], { hidden: () => Promise.resolve(revoked) });
  site.sinks.start();
  site.push("a", ["x{} 1"]);
  await receiver.until(has("x of a: 1"));
  revoked = new Set(["a"]);
  await site.sinks.look();
  await receiver.until(has("x of a: stale"));
  site.push("a", ["x{} 2"]);
  site.push("b", ["x{} 3"]);
  await receiver.until(has("x of b: 3"));
  assert.ok(!has("x of a: 2")(receiver.visits));
});

for (const by of ["expires", "is revoked"] as const) {
  Deno.test(`Sinks keep since when a cluster waits that ${by} before its sink has taken anything`, async () => {
    let revoked: ReadonlySet<string> = new Set();
    // Nobody gathers for so long: nothing is sent.
    const options = { gatherMs: 600_000, hidden: () => Promise.resolve(revoked) };
    await using site = await SinksSite.open([new URL("http://127.0.0.1:9/")], options);
    site.sinks.start();
    site.push("a", ["x{} 1"], { receivedAtMs: Date.now() - TTL_MS + 1_000 });
    const pushedBy = performance.now();
    assert.deepEqual(site.index.expire({ now: pushedBy, wallMs: Date.now() }), []);
    await eventually("it to wait", () => performance.now() > pushedBy + 20, { timeoutMs: 5_000 });
    revoked = new Set(by === "is revoked" ? ["a"] : []);
    await site.sinks.look();
    if (by === "expires") {
      assert.deepEqual(site.index.expire({ now: pushedBy + 5_000, wallMs: Date.now() }), ["a"]);
    }
    const [{ lagSeconds, waiting }] = site.sinks.report();
    assert.equal(waiting, 1);
    assert.ok(lagSeconds >= 0.02, `It has waited for ${lagSeconds} s`);
  });
}

for (const status of [500, 503, 429]) {
  Deno.test(`Sinks send again what a sink answers with ${status}, until it takes it`, async () => {
    await using receiver = new SinkReceiver();
    let left = 3;
    receiver.answer = (visit) => left-- > 0 ? new Response("not now", { status }) : takesAll(visit);
    await using site = await SinksSite.open([receiver.url]);
    site.sinks.start();
    site.push("a", ["x{} 1"]);
    await receiver.until((visits) => visits.length === 4);
    assert.deepEqual(samplesOf(receiver.visits), Array(4).fill("x of a: 1"));
    assert.match(site.log.records.map(({ sentence }) => sentence).join("\n"), /Cannot forward to a sink/);
  });
}

Deno.test("Sinks wait for as long as Retry-After says", async () => {
  await using receiver = new SinkReceiver();
  receiver.answer = (visit) =>
    receiver.visits.length === 1
      ? new Response(null, { status: 503, headers: { "retry-after": "1" } })
      : takesAll(visit);
  await using site = await SinksSite.open([receiver.url]);
  site.sinks.start();
  site.push("a", ["x{} 1"]);
  await receiver.until((visits) => visits.length === 2);
  const [first, second] = receiver.visits;
  assert.ok(second.atMs - first.atMs >= 950, `${second.atMs - first.atMs} ms`);
});

Deno.test("Sinks wait before they try again, however quickly a sink answers that it is in trouble", async () => {
  const sentAtMs: number[] = [], { promise: taken, resolve } = Promise.withResolvers<void>();
  const send = () => {
    if (sentAtMs.push(performance.now()) === 2) resolve();
    const response = sentAtMs.length === 1
      ? new Response(null, { status: 503, headers: { "retry-after": "1" } })
      : new Response(null, { status: 204, headers: { "x-prometheus-remote-write-samples-written": "1" } });
    return Promise.resolve({ response, said: "" });
  };
  await using site = await SinksSite.open([], { places: [{ name: "quick", send }] });
  site.sinks.start();
  site.push("a", ["x{} 1"]);
  await taken;
  const waitedMs = sentAtMs[1] - sentAtMs[0];
  assert.ok(waitedMs >= 1_000 && waitedMs < 2_000, `${waitedMs} ms`);
});

Deno.test("Sinks wait for the longest time that a sink asks for, and say so though it takes what was under way", async () => {
  const asked: ((init: ResponseInit) => void)[] = [], waited = new Map<number, () => void>();
  const untilAsked = (count: number) => new Promise<void>((go) => waited.set(count, go));
  const send = () => {
    const answer = new Promise<ResponseInit>((answer) => asked.push(answer));
    waited.get(asked.length)?.();
    return answer.then((init) => ({ response: new Response(null, init), said: "" }));
  };
  await using site = await SinksSite.open([], { places: [{ name: "torn", send, tenantOf: (id) => id }] });
  site.sinks.start();
  for (let i = 0; i < 8; i++) site.push(`c${i}`, ["x{} 1"]);
  await untilAsked(4);
  const askedAtMs = performance.now(), goesOn = untilAsked(5);
  const takes = { status: 204, headers: { "x-prometheus-remote-write-samples-written": "1" } };
  const answers = [{ status: 503, headers: { "retry-after": "1" } }, { status: 503 }, takes, takes];
  for (const [i, init] of answers.entries()) {
    asked[i](init);
    await new Promise((turn) => setTimeout(turn));
  }
  assert.equal(site.sinks.report()[0].state, "failing");
  await goesOn;
  const waitedMs = performance.now() - askedAtMs;
  assert.ok(waitedMs > 950 && waitedMs < 2_000, `${waitedMs} ms`);
  for (const answer of asked.slice(4)) answer(takes);
});

Deno.test("Sinks drop what a sink refuses, count it by status, and lose nothing of other clusters by that", async () => {
  await using receiver = new SinkReceiver();
  receiver.answer = (visit) => {
    if (visit.version === "2.0") return new Response(null, { status: 415 });
    const isBad = visit.series.some(({ labels }) => Object.fromEntries(labels)._id === "bad");
    return isBad ? new Response("out of order\nsample", { status: 400 }) : takesFirst(visit);
  };
  await using site = await SinksSite.open([receiver.url]);
  site.sinks.start();
  for (const id of ["good", "bad", "better"]) site.push(id, ["x{} 1"]);
  const alone = (id: string) => ({ series }: SinkVisit) =>
    series.length === 1 && Object.fromEntries(series[0].labels)._id === id;
  await receiver.until((visits) => ["good", "bad", "better"].every((id) => visits.some(alone(id))));
  await eventually("all answers to be read", () => site.sinks.report()[0].waiting === 0, { timeoutMs: 10_000 });
  site.push("good", ["x{} 2"]);
  await receiver.until(has("x of good: 2"));
  const [{ sent, dropped, waiting }] = site.sinks.report();
  assert.deepEqual({ sent, dropped, waiting }, { sent: 2, dropped: 1, waiting: 1 });
  assert.match(await site.registry.metrics(), /telemeter_sink_samples_dropped_total\{sink="[^"]*",status="400"\} 1/);
  const fields = site.log.records.find(({ sentence }) => sentence.startsWith("Dropped"))?.fields;
  assert.deepEqual([fields?.cluster, fields?.status, fields?.why], ["bad", "400", "out of order sample"]);
});

/** Answers a request of 1.0, once 2.0 is found not to be spoken. */
function refusesWith(status: number): SinkAnswer {
  return ({ version }) => new Response("no", { status: version === "2.0" ? 415 : status });
}

Deno.test("Sink.report() says that a sink refuses of which nothing is taken, until it takes something", async () => {
  for (
    const [status, advice] of [[401, /--forward-token-file/], [404, /path of --forward-url/], [400, undefined]] as const
  ) {
    await using receiver = new SinkReceiver();
    receiver.answer = refusesWith(status);
    await using site = await SinksSite.open([receiver.url]);
    site.sinks.start();
    for (const id of ["a", "b"]) site.push(id, ["x{} 1"]);
    const [refusing] = await eventually(
      "all to be refused",
      () => site.sinks.report().every(({ dropped, waiting }) => dropped === 2 && waiting === 0) && site.sinks.report(),
      { timeoutMs: 10_000 },
    );
    assert.equal(refusing.state, "refuses", String(status));
    assert.equal(refusing.lastSuccess, undefined);
    if (advice === undefined) assert.equal(refusing.lastFailure?.advice, undefined);
    else assert.match(refusing.lastFailure?.advice ?? "", advice);
    assert.match(await site.registry.metrics(), /telemeter_sink_refuses\{sink="[^"]*"\} 1/);
    receiver.answer = takesFirst;
    site.push("a", ["x{} 2"]);
    await eventually("it to take something", () => site.sinks.report()[0].sent > 0, { timeoutMs: 10_000 });
    assert.notEqual(site.sinks.report()[0].state, "refuses");
    assert.match(await site.registry.metrics(), /telemeter_sink_refuses\{sink="[^"]*"\} 0/);
  }
});

Deno.test("Sink.report() does not say that a sink refuses which refuses what one cluster of several sends", async () => {
  await using receiver = new SinkReceiver();
  receiver.answer = (visit) => {
    if (visit.version === "2.0") return new Response(null, { status: 415 });
    const isBad = visit.series.some(({ labels }) => Object.fromEntries(labels)._id === "bad");
    return isBad ? new Response("old", { status: 400 }) : takesFirst(visit);
  };
  await using site = await SinksSite.open([receiver.url]);
  site.sinks.start();
  site.push("good", ["x{} 1"]);
  const settled = (dropped: number) =>
    eventually("it to be settled", () => {
      const [report] = site.sinks.report();
      return report.waiting === 0 && report.dropped === dropped && report;
    }, { timeoutMs: 10_000 });
  await settled(0);
  for (let round = 1; round <= 2; round++) {
    site.push("bad", [`x{} ${round}`]);
    assert.equal((await settled(round)).state, "idle", `bad ${round}`);
  }
  site.push("bad", ["x{} 3"]);
  assert.equal((await settled(3)).state, "refuses", "nothing was taken in three requests");
});

Deno.test("Sinks count what a sink of 2.0 says that it has written of a request that it refuses in part", async () => {
  await using receiver = new SinkReceiver();
  receiver.answer = () =>
    new Response("too old", { status: 400, headers: { "x-prometheus-remote-write-samples-written": "1" } });
  await using site = await SinksSite.open([receiver.url]);
  site.sinks.start();
  site.push("a", ["x{} 1", "y{} 2", "z{} 3"]);
  await receiver.until((visits) => visits.length === 1);
  receiver.answer = takesAll;
  site.push("b", ["x{} 4"]);
  await receiver.until(has("x of b: 4"));
  const [{ sent, dropped }] = site.sinks.report();
  assert.equal(dropped, 2);
  assert.ok(sent >= 1);
  assert.equal(receiver.visits.length, 2);
});

Deno.test("Sinks send of each cluster the newest alone when a sink is back, in order, and count what it replaced", async () => {
  await using receiver = new SinkReceiver();
  let isDown = true;
  receiver.answer = (visit) => isDown ? new Response(null, { status: 500 }) : takesAll(visit);
  await using site = await SinksSite.open([receiver.url]);
  site.sinks.start();
  for (let round = 1; round <= 20; round++) {
    for (let i = 0; i < 50; i++) site.push(`c${i}`, [`x{} ${round}`]);
    if (round === 1) await receiver.until(({ length }) => length > 0);
  }
  isDown = false;
  const failed = receiver.visits.length;
  await receiver.until((visits) => Array.from({ length: 50 }, (_, i) => `x of c${i}: 20`).every((s) => has(s)(visits)));
  const taken = samplesOf(receiver.visits.slice(failed));
  assert.deepEqual([...new Set(taken.map((sample) => sample.split(": ")[1]))], ["20"]);
  assert.equal(site.sinks.report()[0].conflated, 950);
});

Deno.test("Sinks keep the samples of a cluster in order, whatever is under way", async () => {
  await using receiver = new SinkReceiver();
  // Answers wait for the next push, or for some more.
  const random = new Random(1);
  let pushed = Promise.withResolvers<void>();
  receiver.answer = async (visit) => {
    await pushed.promise;
    return takesAll(visit);
  };
  await using site = await SinksSite.open([receiver.url], { gatherMs: 0 });
  site.sinks.start();
  for (let i = 1; i <= 100; i++) {
    site.push("a", Array.from({ length: 700 }, (_, j) => `x{j="${j}"} ${i}`));
    site.push("b", Array.from({ length: 1_400 }, (_, j) => `x{j="${j}"} ${i}`));
    const seen = receiver.visits.length;
    if (random.chance(0.3)) continue;
    pushed.resolve();
    pushed = Promise.withResolvers();
    await receiver.until(({ length }) => length > seen);
  }
  pushed.resolve();
  receiver.answer = takesAll;
  await receiver.until(has("x of a: 100", "x of b: 100"));
  for (const id of ["a", "b"]) {
    const values = samplesOf(receiver.visits).filter((sample) => sample.startsWith(`x of ${id}:`))
      .map((sample) => Number(sample.split(": ")[1]));
    assert.deepEqual(values, values.toSorted((one, other) => one - other));
  }
});

Deno.test("Sinks send after a restart what was not confirmed, and nothing that was", async () => {
  await using receiver = new SinkReceiver();
  const store = new MetaStore();
  const before = Date.now() - 60_000;
  {
    await using site = await SinksSite.open([receiver.url], { store });
    site.sinks.start();
    site.push("a", ["x{} 1"], { receivedAtMs: before });
    await receiver.until(has("x of a: 1"));
    const isConfirmed = () => Promise.resolve(site.sinks.report()[0].waiting === 0 || undefined);
    await eventually("it to be confirmed", isConfirmed, { timeoutMs: 10_000 });
    receiver.answer = () => new Response(null, { status: 500 });
    site.push("b", ["x{} 2"], { receivedAtMs: before + 30_000 });
    await receiver.until(has("x of b: 2"));
  }
  receiver.visits.length = 0;
  receiver.answer = takesAll;
  await using site = await SinksSite.open([receiver.url], { store });
  site.push("a", ["x{} 1"], { receivedAtMs: before });
  site.push("b", ["x{} 2"], { receivedAtMs: before + 30_000 });
  site.sinks.start();
  await receiver.until(has("x of b: 2"));
  assert.deepEqual(samplesOf(receiver.visits), ["x of b: 2"]);
});

Deno.test("Sinks with a tenant for each cluster send each in requests of its own", async () => {
  await using receiver = new SinkReceiver();
  await using site = await SinksSite.open([receiver.url], { tenant: "t-{id}" });
  site.sinks.start();
  for (const id of ["a", "b"]) site.push(id, ["x{} 1"]);
  await receiver.until(has("x of a: 1", "x of b: 1"));
  const tenants = receiver.visits.map(({ headers, series: [{ labels }] }) => [
    headers.get("x-scope-orgid"),
    Object.fromEntries(labels)._id,
  ]);
  assert.deepEqual(tenants.sort(), [["t-a", "a"], ["t-b", "b"]]);
});

Deno.test("Sinks wait for no sink: one that hangs delays neither pushes nor another sink", async () => {
  await using hanging = new SinkReceiver();
  await using receiver = new SinkReceiver();
  const { promise, resolve } = Promise.withResolvers<Response>();
  hanging.answer = () => promise;
  await using site = await SinksSite.open([hanging.url, receiver.url]);
  site.sinks.start();
  for (let i = 1; i <= 3; i++) {
    site.push("a", [`x{} ${i}`]);
    await receiver.until(has(`x of a: ${i}`));
  }
  assert.equal(hanging.visits.length, 1);
  resolve(new Response(null, { status: 500 }));
});

Deno.test("Sinks give up a request that gets no answer, and send the newest of all clusters once the sink answers again", async () => {
  await using receiver = new SinkReceiver();
  const { promise, resolve } = Promise.withResolvers<Response>();
  receiver.answer = () => promise;
  await using site = await SinksSite.open([receiver.url], { timeoutMs: 50, maxBackoffMs: 50 });
  site.sinks.start();
  for (const id of ["a", "b"]) site.push(id, ["x{} 1"]);
  await receiver.until(({ length }) => length > 1);
  for (const id of ["a", "b"]) site.push(id, ["x{} 2"]);
  receiver.answer = takesAll;
  await receiver.until(has("x of a: 2", "x of b: 2"));
  assert.match(site.sinks.report()[0].lastFailure!.why, /^it does not answer within 50ms/);
  resolve(new Response(null, { status: 500 }));
});

Deno.test("Sinks with a tenant for each cluster drop what is of an id that cannot be one", async () => {
  await using receiver = new SinkReceiver();
  await using site = await SinksSite.open([receiver.url], { tenant: "{id}" });
  site.sinks.start();
  site.push("a b", ["x{} 1"]);
  site.push("b", ["x{} 2"]);
  await receiver.until(has("x of b: 2"));
  assert.equal(receiver.visits.length, 1);
  assert.match(await site.registry.metrics(), /telemeter_sink_samples_dropped_total\{sink="[^"]*",status="tenant"\} 1/);
});

Deno.test("Sinks follow no redirect", async () => {
  await using receiver = new SinkReceiver();
  await using elsewhere = new SinkReceiver();
  receiver.answer = () => new Response(null, { status: 307, headers: { location: elsewhere.url.href } });
  await using site = await SinksSite.open([receiver.url]);
  site.sinks.start();
  site.push("a", ["x{} 1"]);
  await receiver.until(({ length }) => length === 1);
  receiver.answer = takesAll;
  site.push("b", ["x{} 2"]);
  await receiver.until(has("x of b: 2"));
  assert.equal(elsewhere.visits.length, 0);
  assert.equal(site.sinks.report()[0].dropped, 1);
});

Deno.test("Sinks read no more of an answer than its start", async () => {
  await using receiver = new SinkReceiver();
  let isEndless = true, chunks = 0;
  receiver.answer = (visit) => {
    if (!isEndless) return takesAll(visit);
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
      chunks++;
      controller.enqueue(new Uint8Array(65_536).fill(0x61));
    };
    return new Response(new ReadableStream({ pull }), { status: 400 });
  };
  await using site = await SinksSite.open([receiver.url]);
  site.sinks.start();
  site.push("a", ["x{} 1"]);
  await receiver.until(({ length }) => length >= 2);
  isEndless = false;
  site.push("b", ["x{} 2"]);
  await receiver.until(has("x of b: 2"));
  assert.ok(chunks < 1_000, `${chunks} chunks`);
});

Deno.test("Sinks leave out ends of series for which there is no room, and count them", async () => {
  await using receiver = new SinkReceiver();
  receiver.answer = () => new Response(null, { status: 500 });
  await using site = await SinksSite.open([receiver.url]);
  site.sinks.start();
  const lines = Array.from({ length: 50_000 }, (_, i) => `x{i="${String(i).padStart(200, "0")}"} 1`);
  for (const [id, count] of [["a", 50_000], ["b", 50_000]] as const) {
    site.push(id, lines.slice(0, count));
    site.push(id, ["y{} 1"]);
  }
  const metrics = await site.registry.metrics();
  assert.match(metrics, /telemeter_sink_ends_dropped_total\{sink="[^"]*"\} 50000\n/);
  const [, bytes] = /telemeter_sink_queue_bytes\{sink="[^"]*"\} (\d+)/.exec(metrics)!;
  assert.ok(Number(bytes) <= 16 * 1_048_576, bytes);
});

Deno.test("Sinks have what waits to be merged into what a cluster shows merged when they send it, and count none of it as conflated", async () => {
  await using receiver = new SinkReceiver();
  await using site = await SinksSite.open([receiver.url]);
  site.sinks.start();
  site.push("a", ["x{} 1", "y{} 1"]);
  await receiver.until(has("x of a: 1"));
  let merged = 0;
  const settle = () => {
    merged++;
    site.push("a", ["x{} 2"]);
  };
  for (let i = 0; i < 3; i++) site.index.postpone("a", { bytes: 10, settle });
  await receiver.until(has("x of a: 2"));
  assert.equal(merged, 1);
  assert.ok(has("y of a: stale")(receiver.visits));
  site.push("b", ["x{} 3"]);
  await receiver.until(has("x of b: 3"));
  assert.equal(samplesOf(receiver.visits).filter((sample) => sample === "x of a: 2").length, 1);
  assert.equal(site.sinks.report()[0].conflated, 0);
});
