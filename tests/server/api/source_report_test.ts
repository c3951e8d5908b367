import assert from "node:assert/strict";
import { reportOf } from "../../../server/api/source_report.ts";
import { Directory } from "../../../server/directory/directory.ts";

const START_MS = 1_700_000_000_000;
const TTL_MS = 600_000;

Deno.test("reportOf() says since when a source is silent, though somebody was refused in its name since", () => {
  const clock = { ms: START_MS };
  const directory = new Directory({
    maxSources: 10,
    retentionMs: 3_600_000,
    ttlMs: TTL_MS,
    now: () => clock.ms,
    elapsed: () => clock.ms - START_MS,
  });
  const report = () => {
    const limits = { series: 100, families: 100, bytes: 100, labels: 10 };
    return reportOf(directory.get("a")!, { nowMs: clock.ms, ttlMs: TTL_MS, limits });
  };
  const counts = { bytes: 10, families: 1, series: 1, dropped: 0, leftOut: new Map() };
  directory.accepted({ id: "a", receivedAtMs: clock.ms, transport: "text", newestMs: clock.ms, ...counts });
  clock.ms += 1_000;
  assert.deepEqual([report().state, report().silentSince], ["up", undefined]);
  clock.ms += TTL_MS;
  const since = new Date(START_MS + TTL_MS).toISOString();
  assert.deepEqual([report().state, report().silentSince], ["silent", since]);
  directory.refused("a", {
    stage: "authorize",
    path: "/authorize",
    status: 401,
    reason: "refused",
    why: "Unknown token",
  });
  assert.deepEqual([report().state, report().silentSince], ["silent", since]);
  const { lastRefusal, refusals, refusedInName } = report();
  assert.deepEqual([lastRefusal, refusals, refusedInName?.status, refusedInName?.times], [undefined, 0, 401, 1]);
  directory.refused("a", { stage: "push", path: "/upload", status: 400, reason: "identity", why: "Two identities" });
  assert.deepEqual([report().state, report().silentSince], ["refused", since]);
});

Deno.test("reportOf() names the rules by which nothing of what a source sends is shown, of pushes and of remote write", () => {
  const clock = { ms: START_MS };
  const times = { now: () => clock.ms, elapsed: () => clock.ms };
  const directory = new Directory({ maxSources: 10, retentionMs: 3_600_000, ttlMs: TTL_MS, ...times });
  const rules = () => {
    const limits = { series: 100, families: 100, bytes: 100, labels: 10 };
    return reportOf(directory.get("a")!, { nowMs: clock.ms, ttlMs: TTL_MS, limits }).nothingShownBy;
  };
  const push = { id: "a", transport: "text", bytes: 10, families: 0, series: 0, dropped: 0, newestMs: NaN };
  const accept = (more: object) => directory.accepted({ ...push, receivedAtMs: clock.ms, leftOut: new Map(), ...more });
  accept({});
  assert.equal(rules(), undefined, "it sends nothing");
  accept({ leftOut: new Map([["label_value", 1], ["too_old", 5]]), dropped: 3 });
  assert.deepEqual(rules(), ["too_old", "allow_list", "label_value"]);
  accept({ leftOut: new Map([["label_value", 1]]), series: 2 });
  assert.equal(rules(), undefined, "something is shown");
  clock.ms += 1_000;
  accept({ leftOut: new Map([["labels", 1]]), write: { samples: 1, droppedMetrics: new Map() } });
  assert.deepEqual(rules(), ["labels"], "what came last counts");
  accept({ leftOut: new Map(), write: { samples: 1, droppedMetrics: new Map() } });
  assert.equal(rules(), undefined, "some samples were taken, which have passed their time since");
});

Deno.test("reportOf() tells how much of each limit a source takes, to four digits behind the point", () => {
  const directory = new Directory({ maxSources: 10, retentionMs: 3_600_000, ttlMs: TTL_MS, now: () => START_MS });
  const counts = { bytes: 365, families: 2, series: 2, dropped: 0, leftOut: new Map() };
  directory.accepted({ id: "a", receivedAtMs: START_MS, transport: "text", newestMs: START_MS, ...counts });
  const limits = { series: 3, families: 5_000, bytes: 512_000 };
  assert.deepEqual(reportOf(directory.get("a")!, { nowMs: START_MS, ttlMs: TTL_MS, limits }).limits, {
    series: { used: 2, limit: 3, ratio: 0.6667 },
    families: { used: 2, limit: 5_000, ratio: 0.0004 },
    bytes: { used: 365, limit: 512_000, ratio: 0.0007 },
  });
});
