import assert from "node:assert/strict";
import { OutgoingPushes } from "../../client/outgoing.ts";
import { RemoteWriter } from "../../client/remote_writer.ts";
import { RefusedError } from "../../client/request.ts";
import { Account } from "../../client/transforms/pipeline.ts";
import type { MetricFamily } from "../../common/exposition/metric_family.ts";
import { UNKNOWN_SERVER } from "../../common/ingest/server_abilities.ts";
import { directClients as clients } from "../support/direct_clients.ts";
import { families } from "../support/series.ts";
import { type SinkAnswer, SinkReceiver, type SinkVisit, takesAll, takesFirst } from "../support/sink_receiver.ts";
import { STALE } from "../support/write_request_oracle.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const NOW = 1_700_000_000_000;
const IDENTITY = new Map([["_id", "me"]]);
const SERVER = { ...UNKNOWN_SERVER, takesUtf8Names: true, takesNativeHistograms: true };

/** A receiver, and a writer that sends to it. */
function parties() {
  const receiver = new SinkReceiver();
  const clock = { nowMs: 0 };
  const writer = new RemoteWriter({ now: () => clock.nowMs });
  const outgoing = new OutgoingPushes();
  const statuses: number[] = [];
  return {
    receiver,
    clock,
    statuses,
    /** Sends what was scraped at a time. */
    send(
      scraped: readonly MetricFamily[],
      { atMs = NOW, identity = IDENTITY, user = "" }: {
        atMs?: number;
        identity?: ReadonlyMap<string, string>;
        user?: string;
      } = {},
    ) {
      const timed = scraped.map((family) => {
        return { ...family, metrics: family.metrics.map((metric) => ({ ...metric, timestampMs: atMs })) };
      });
      const destination = { labels: identity, server: SERVER, nowMs: atMs };
      const { lines } = outgoing.prepare(timed, destination, new Account());
      const url = receiver.url;
      url.username = user;
      return writer.send(lines, {
        ...{ url, token: "secret", clients, timeoutMs: 30_000, signal: new AbortController().signal, identity },
        onStatus: (status) => void statuses.push(status),
      });
    },
    [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose](),
  };
}

/** Samples as lines with their times after NOW. */
function linesOf({ series }: Pick<SinkVisit, "series">): string[] {
  return series.flatMap(({ labels, samples }) =>
    samples.map(({ value, timestampMs }) => {
      const { __name__: name, ...rest } = Object.fromEntries(labels);
      return `${name}${JSON.stringify(rest)} ${value} ${timestampMs - NOW}`;
    })
  );
}

/** What a receiver minds that goes by the letter of the specification and by Prometheus's order of samples. */
function strict(faults: string[]): SinkAnswer {
  const newest = new Map<string, readonly [timestampMs: number, value: unknown]>();
  return (visit) => {
    const { version, headers, series } = visit;
    const expected = {
      "content-encoding": "snappy",
      "x-prometheus-remote-write-version": version === "1.0" ? "0.1.0" : "2.0.0",
      "authorization": "Bearer secret",
    };
    for (const [name, value] of Object.entries(expected)) {
      if (headers.get(name) !== value) faults.push(`${name} is ${headers.get(name)}`);
    }
    if (series.length > 5_000) faults.push(`${series.length} series in a request`);
    for (const { labels, samples } of series) {
      const names = labels.map(([name]) => name), key = JSON.stringify(labels);
      if (!names.includes("__name__")) faults.push(`${key} has no name`);
      if (new Set(names).size < names.length || names.join() !== names.toSorted().join()) faults.push(`${key}: labels`);
      for (const { value, timestampMs } of samples) {
        const [before, had] = newest.get(key) ?? [-Infinity, undefined];
        if (timestampMs < before || timestampMs === before && value !== had) faults.push(`${key} goes back in time`);
        newest.set(key, [timestampMs, value]);
      }
    }
    return takesAll(visit);
  };
}

Deno.test("RemoteWriter.send() ends series that are there no more, a moment after their last samples", async () => {
  await using p = parties();
  const faults: string[] = [];
  p.receiver.answer = strict(faults);
  await p.send(families(['up{pod="a"} 1', 'up{pod="b"} 1', "down 0"]));
  const { remoteWrite, bytes } = await p.send(families(['up{pod="b"} 2']), { atMs: NOW + 30_000 });
  assert.deepEqual(remoteWrite, { version: "2.0", requests: 1, ended: 2 });
  assert.ok(bytes > 50, `${bytes}`);
  await p.send(families(['up{pod="a"} 3', 'up{pod="b"} 2']), { atMs: NOW + 60_000 });
  assert.deepEqual(p.receiver.visits.map(linesOf), [
    ['up{"_id":"me","pod":"a"} 1 0', 'up{"_id":"me","pod":"b"} 1 0', 'down{"_id":"me"} 0 0'],
    ['up{"_id":"me","pod":"a"} stale 1', 'down{"_id":"me"} stale 1', 'up{"_id":"me","pod":"b"} 2 30000'],
    ['up{"_id":"me","pod":"a"} 3 60000', 'up{"_id":"me","pod":"b"} 2 60000'],
  ]);
  assert.deepEqual(faults, []);
  assert.deepEqual(p.statuses, [204, 204, 204]);
});

Deno.test("RemoteWriter.send() sends all again after a failure half way, with the ends of before, and a receiver minds none of it", async () => {
  await using p = parties();
  const faults: string[] = [], good = strict(faults);
  p.receiver.answer = good;
  const many = families(Array.from({ length: 11_500 }, (_, i) => `m${i % 7}{i="${i}"} ${i}`));
  await p.send(families(["gone 1"]));
  p.receiver.answer = (visit) =>
    p.receiver.visits.length % 3 === 0
      ? new Response("busy", { status: 503, headers: { "retry-after": "7" } })
      : good(visit);
  await assert.rejects(p.send(many, { atMs: NOW + 1_000 }), (error) => {
    assert.ok(error instanceof RefusedError);
    assert.match(error.message, /^Cannot write to http:\/\/[^ ]+\/api\/v1\/write: it answered 503, .*it says: busy$/);
    assert.equal(error.retryAfterMs, 7_000);
    return true;
  });
  p.receiver.answer = good;
  p.receiver.visits.length = 0;
  const { remoteWrite } = await p.send(many, { atMs: NOW + 1_000 });
  assert.deepEqual(remoteWrite, { version: "2.0", requests: 3, ended: 1 });
  const lines = p.receiver.visits.flatMap(linesOf);
  assert.equal(new Set(lines).size, 11_501);
  assert.ok(lines.includes('gone{"_id":"me"} stale 1'));
  assert.deepEqual(faults, []);
  // What is taken is not told again.
  assert.equal((await p.send(many, { atMs: NOW + 2_000 })).remoteWrite?.ended, 0);
});

for (
  const [who, answer] of [
    ["answers 415 to 2.0", (visit) => visit.version === "2.0" ? new Response("", { status: 415 }) : takesFirst(visit)],
    ["takes 2.0 without a word on what it has written", takesFirst],
  ] as [string, SinkAnswer][]
) {
  Deno.test(`RemoteWriter.send() speaks 1.0 with a receiver that ${who}, and asks again after an hour`, async () => {
    await using p = parties();
    p.receiver.answer = answer;
    const versions = () => p.receiver.visits.map(({ version }) => version);
    assert.equal((await p.send(families(["up 1"]))).remoteWrite?.version, "1.0");
    await p.send(families(["up 1"]), { atMs: NOW + 1 });
    assert.deepEqual(versions(), ["2.0", "1.0", "1.0"]);
    assert.deepEqual(linesOf(p.receiver.visits[1]), ['up{"_id":"me"} 1 0']);
    p.clock.nowMs = 3_600_000;
    p.receiver.answer = takesAll;
    await p.send(families(["up 1"]), { atMs: NOW + 2 });
    assert.deepEqual(versions().slice(3), ["2.0"]);
  });
}

Deno.test("RemoteWriter.send() carries native histograms by 2.0, and their ends", async () => {
  await using p = parties();
  const native = {
    schema: 0,
    zeroThreshold: 0.001,
    zeroCount: 1,
    positive: { spans: [{ offset: 0, length: 2 }], counts: [2, 3] },
    negative: { spans: [], counts: [] },
  };
  const spread: MetricFamily = {
    name: "spread",
    type: "histogram",
    metrics: [{ labels: [], value: { count: 6, sum: 12, buckets: [], native } }],
  };
  await p.send([spread]);
  await p.send(families(["up 1"]), { atMs: NOW + 1_000 });
  const histograms = p.receiver.visits.flatMap(({ series }) => series.flatMap(({ histograms }) => histograms));
  assert.deepEqual(
    histograms.map(({ sum, timestamp }) => [sum, Number(timestamp) - NOW]),
    [[12, 0], [STALE, 1]],
  );
  assert.deepEqual(histograms[0].positiveDeltas, ["2", "1"]);
  assert.deepEqual(p.receiver.visits[0].series.map(({ type }) => type), [3]);
});

Deno.test("RemoteWriter.send() returns what a receiver says of samples that it has left out", async () => {
  await using p = parties();
  p.receiver.answer = () =>
    new Response("out of order\nup", { status: 400, headers: { "x-prometheus-remote-write-samples-written": "1" } });
  const { remark } = await p.send(families(["up 1", "down 1"]));
  assert.equal(remark, "it took 1 of 2 samples of a request: out of order; up");
});

Deno.test("RemoteWriter.send() has the other requests taken when one is refused for its samples, and fails then", async () => {
  await using p = parties();
  p.receiver.answer = ({ version }) =>
    version === "2.0"
      ? new Response(null, { status: 415 })
      : p.receiver.visits.length === 2
      ? new Response("bad samples", { status: 400 })
      : new Response(null, { status: 204 });
  const many = families(Array.from({ length: 11_500 }, (_, i) => `m{i="${i}"} ${i}`));
  await assert.rejects(p.send(many), /: it answered 400, it refuses samples; it says: bad samples$/);
  assert.deepEqual(p.statuses, [415, 400, 204, 204]);
});

Deno.test("RemoteWriter.send() follows no redirect, tells no secret, and stops at who refuses the token", async () => {
  await using p = parties();
  p.receiver.answer = () => new Response(null, { status: 302, headers: { location: "http://elsewhere/" } });
  await assert.rejects(
    p.send(families(["up 1"])),
    /: it redirects to http:\/\/elsewhere\/, which a push does not follow/,
  );
  p.receiver.answer = () => new Response("no secret, please", { status: 401 });
  const many = families(Array.from({ length: 5_500 }, (_, i) => `m{i="${i}"} ${i}`));
  await assert.rejects(p.send(many), /: it answered 401, it refuses the token; it says: no …, please$/);
  assert.deepEqual(p.statuses, [302, 401]);
});

Deno.test("RemoteWriter.send() shows no login that a receiver repeats", async () => {
  await using p = parties();
  const sent = btoa("someone:secret");
  p.receiver.answer = () => new Response(`Authorization: Basic ${sent} is wrong`, { status: 401 });
  const error = await p.send(families(["up 1"]), { user: "someone" }).catch((error: Error) => error);
  assert.ok(error instanceof Error);
  assert.match(error.message, /Authorization: Basic … is wrong/);
});

Deno.test("RemoteWriter.send() logs in with the user of its URL and the token for a password", async () => {
  await using p = parties();
  await p.send(families(["up 1"]), { user: "some one" });
  assert.equal(p.receiver.visits[0].headers.get("authorization"), `Basic ${btoa("some one:secret")}`);
});

Deno.test("RemoteWriter.send() ends nothing of what it sent as somebody else", async () => {
  await using p = parties();
  await p.send(families(["gone 1"]));
  await p.send(families(["up 1"]), { atMs: NOW + 1, identity: new Map([["_id", "other"]]) });
  assert.deepEqual(linesOf(p.receiver.visits[1]), ['up{"_id":"other"} 1 1']);
});
