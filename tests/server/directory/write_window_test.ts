import assert from "node:assert/strict";
import { detailsOf, type SourceDetails } from "../../../server/api/source_report.ts";
import { Directory } from "../../../server/directory/directory.ts";
import type { Source } from "../../../server/directory/source.ts";
import { readRecord, writeRecord } from "../../../server/directory/source_record.ts";

const START_MS = 1_700_000_000_000;
const TTL_MS = 600_000;
const LIMITS = { series: 100, families: 100, bytes: 1_000 };

function setUp() {
  const clock = { ms: START_MS };
  const directory = new Directory({
    maxSources: 10,
    retentionMs: 3_600_000,
    ttlMs: TTL_MS,
    now: () => clock.ms,
    elapsed: () => clock.ms - START_MS,
  });
  const shown = { families: 1, series: 1 };
  const push = (leftOut = new Map<string, number>()) =>
    directory.accepted({
      ...{ id: "a", receivedAtMs: clock.ms, transport: "protobuf, snappy", newestMs: clock.ms },
      ...{ ...shown, bytes: 900, dropped: 0, leftOut },
    });
  const write = (metrics: Record<string, number> = {}, { lost = 0, bytes = 10 } = {}) => {
    const droppedMetrics = new Map(Object.entries(metrics));
    directory.accepted({
      ...{ id: "a", receivedAtMs: clock.ms, transport: "remote write 2.0, snappy", newestMs: clock.ms },
      ...{ ...shown, bytes, dropped: droppedMetrics.values().reduce((a, b) => a + b, 0) },
      leftOut: new Map(lost > 0 ? [["labels", lost]] : []),
      write: { samples: 5, droppedMetrics },
    });
  };
  /** Requests of a burst, ten a second. */
  const burst = (seconds: number, send: () => void = write) => {
    for (let i = 0; i < 10 * seconds; i++) {
      send();
      clock.ms += 100;
    }
  };
  const details = (of = directory): SourceDetails => {
    const timeline = of.pushesOf("a");
    return detailsOf(of.get("a")!, { nowMs: clock.ms, ttlMs: TTL_MS, limits: LIMITS, timeline, largest: [] });
  };
  return { clock, directory, push, write, burst, details };
}

Deno.test("Directory takes requests of remote write that come many a second for what came within 15 s", () => {
  const { burst, details } = setUp();
  burst(45);
  const { remoteWrite, expectedIntervalSeconds, pushes, ways, transport, timeline } = details();
  assert.deepEqual(
    [remoteWrite?.seconds, remoteWrite?.requests, remoteWrite?.samples, remoteWrite?.bytes],
    [15, 150, 750, 1_500],
  );
  assert.deepEqual([expectedIntervalSeconds, pushes, transport], [15, 0, "remote write 2.0, snappy"]);
  assert.deepEqual(ways.map(({ way, accepted }) => [way, accepted]), [["remote write", 450]]);
  assert.deepEqual(timeline.map(({ bytes, seconds }) => [bytes, seconds]), Array(3).fill([1_500, 15]));
});

Deno.test("Directory calls no source silent that sends a burst of requests each minute", () => {
  const { clock, burst, details, directory } = setUp();
  for (let minute = 0; minute < 5; minute++) {
    burst(2);
    clock.ms += 57_000;
    assert.equal(directory.get("a")!.state, "up");
    clock.ms += 1_000;
  }
  assert.equal(details().expectedIntervalSeconds, 60);
  clock.ms += 150_000;
  assert.equal(directory.get("a")!.state, "silent");
});

Deno.test("Directory keeps what was left out of remote write, though the next request loses nothing", () => {
  const { clock, write, burst, details } = setUp();
  burst(15, () => write({ dropped_metric: 2, other_metric: 1 }, { lost: 3 }));
  write();
  clock.ms += 100;
  assert.deepEqual(details().remoteWrite?.dropped, {
    allowList: 450,
    metrics: [{ name: "dropped_metric", samples: 300 }, { name: "other_metric", samples: 150 }],
    rules: { labels: 450 },
  });
});

Deno.test("Directory counts what is dropped of metrics and rules whose names are those of what objects inherit", () => {
  const { clock, directory, write, details } = setUp();
  const dropped = new Map([["__proto__", 3], ["constructor", 2]]);
  const odd = () => write(Object.fromEntries(dropped));
  odd();
  odd();
  const metrics = [{ name: "__proto__", samples: 6 }, { name: "constructor", samples: 4 }];
  assert.deepEqual(details().remoteWrite!.dropped.metrics, metrics);
  const restored = new Directory({ maxSources: 10, retentionMs: 3_600_000, ttlMs: TTL_MS, now: () => clock.ms });
  const row = JSON.parse(JSON.stringify(writeRecord(directory.recordOf(directory.get("a")!.source as Source))));
  restored.take(readRecord(row)!);
  assert.deepEqual(details(restored).remoteWrite!.dropped.metrics, metrics);
});

Deno.test("Directory keeps few names of metrics, whatever is sent", () => {
  const { clock, write, directory, details } = setUp();
  for (let i = 0; i < 10; i++) {
    write(Object.fromEntries(Array.from({ length: 1_000 }, (_, name) => [`m${i}_${name}`, 1])));
  }
  assert.equal(directory.get("a")!.source.writes!.current.metrics.size, 100);
  clock.ms += 15_000;
  write();
  assert.equal(directory.get("a")!.source.writes!.last!.metrics.size, 10);
  assert.equal(details().remoteWrite!.dropped.metrics!.length, 10);
});

Deno.test("Directory tells both of a source that pushes and sends by remote write, and which of them is silent", () => {
  const { clock, push, burst, details, directory } = setUp();
  for (let i = 0; i < 4; i++) {
    push(new Map([["too_new", 7]]));
    burst(30);
  }
  const both = details();
  assert.deepEqual(
    both.ways.map(({ way, accepted, expectedIntervalSeconds }) => [way, accepted, expectedIntervalSeconds]),
    [
      ["push", 4, 30],
      ["remote write", 1_200, 15],
    ],
  );
  assert.deepEqual([both.dropped.rules, both.remoteWrite!.dropped.rules], [{ too_new: 7 }, {}]);
  assert.equal(both.limits.bytes.used, 900);
  assert.deepEqual(both.timeline.filter(({ seconds }) => seconds === undefined).map(({ bytes }) => bytes), [
    900,
    900,
    900,
    900,
  ]);
  for (let i = 0; i < 4; i++) {
    push();
    clock.ms += 30_000;
  }
  const { state, ways } = details();
  assert.deepEqual([state, ways.map(({ silentSince }) => silentSince !== undefined)], ["up", [false, true]]);
  clock.ms += 70_000;
  assert.equal(directory.get("a")!.state, "silent");
});

Deno.test("Directory shows refused requests of remote write that come many a second as one each 15 s", () => {
  const { clock, write, burst, details, directory } = setUp();
  const refuse = () =>
    directory.refused("a", { stage: "push", path: "/api/v1/write", status: 413, reason: "limit", why: "Too much" });
  write();
  clock.ms += 15_000;
  write();
  burst(14, refuse);
  assert.deepEqual(details().timeline.map(({ bytes }) => bytes), [10, 10, 0]);
  assert.deepEqual([details().refusals, details().lastRefusal?.path], [140, "/api/v1/write"]);
});

Deno.test("Directory takes over what came by remote write from disk and from other members", () => {
  const { clock, push, burst, details, directory } = setUp();
  push();
  burst(45);
  const other = new Directory({
    ...{ maxSources: 10, retentionMs: 3_600_000, ttlMs: TTL_MS },
    ...{ now: () => clock.ms, elapsed: () => clock.ms - START_MS },
  });
  const record = readRecord(JSON.parse(JSON.stringify(writeRecord(directory.recordOf(directory.get("a")!.source)))));
  other.take(record!);
  assert.deepEqual(details(other), details());
  assert.equal(other.get("a")!.source.writes!.startTick, directory.get("a")!.source.writes!.startTick);
});
