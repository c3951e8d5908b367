import assert from "node:assert/strict";
import {
  type AcceptedPush,
  mergeSource,
  newSource,
  noteAccepted,
  noteRefused,
  type Refusal,
  type Sender,
  type Source,
} from "../../../server/directory/source.ts";
import { BAD, STRANGER } from "../../support/refusals.ts";
import { nearLimits, stateOf } from "../../../server/directory/source_state.ts";

const TTL_MS = 600_000;
const START = 1_700_000_000_000;

function push(at: number, more: Partial<AcceptedPush> = {}): AcceptedPush {
  return {
    id: "a",
    receivedAtMs: START + at,
    transport: "protobuf, snappy",
    bytes: 100,
    families: 2,
    series: 5,
    dropped: 0,
    leftOut: new Map(),
    newestMs: START + at - 250,
    ...more,
  };
}

/** A source that has pushed at these times. */
function pushedAt(...times: number[]): Source {
  const source = newSource("a", START);
  for (const at of times) noteAccepted(source, push(at), at);
  return source;
}

function stateAt(source: Source, at: number) {
  return stateOf(source, { tick: at, nowMs: START + at, ttlMs: TTL_MS });
}

Deno.test("noteAccepted() learns what usually lies between two pushes, and nothing from an outage", () => {
  const source = pushedAt(0, 30_000, 60_000, 90_000);
  assert.equal(source.intervalMs, 30_000);
  noteAccepted(source, push(5_000_000), 5_000_000);
  assert.equal(source.intervalMs, 30_000);
  noteAccepted(source, push(5_040_000), 5_040_000);
  assert.equal(source.intervalMs, 32_500);
  assert.equal(source.pushes, 6);
});

Deno.test("noteAccepted() measures by the clock that only goes forward, whatever the wall clock does", () => {
  const source = pushedAt(0, 30_000);
  noteAccepted(source, push(3_660_000), 60_000);
  assert.equal(source.intervalMs, 30_000);
  assert.equal(stateOf(source, { tick: 61_000, nowMs: START, ttlMs: TTL_MS }), "up");
});

Deno.test("noteAccepted() keeps how old the newest sample was, and what was left out", () => {
  const source = newSource("a", START);
  noteAccepted(source, push(0, { newestMs: START - 90_000, leftOut: new Map([["too_new", 3]]), dropped: 7 }), 0);
  assert.deepEqual([source.skewMs, source.leftOut, source.dropped], [90_000, { too_new: 3 }, 7]);
});

Deno.test("stateOf() says silent after three of a source's own intervals, and never within 15 s", () => {
  const usual = pushedAt(0, 30_000, 60_000);
  assert.equal(stateAt(usual, 60_000 + 90_000), "up");
  assert.equal(stateAt(usual, 60_000 + 90_001), "silent");
  const quick = pushedAt(0, 1_000, 2_000);
  assert.equal(stateAt(quick, 17_000), "up");
  assert.equal(stateAt(quick, 17_001), "silent");
});

Deno.test("stateOf() gives a source with a single push until its series are no longer shown", () => {
  const source = pushedAt(0);
  assert.equal(stateAt(source, TTL_MS), "up");
  assert.equal(stateAt(source, TTL_MS + 1), "silent");
});

/** Who brought a push of a source to this server, which sent it on to another member of the ring. */
function senderAt(at: number): Sender {
  return { userAgent: "client", address: "192.0.2.1", keyId: "k", tokenEndsMs: START, atMs: START + at };
}

Deno.test("stateOf() calls no source silent whose last push went through this server to another one", () => {
  const source = newSource("a", START);
  source.sender = senderAt(0);
  assert.equal(stateAt(source, TTL_MS), "up");
  assert.equal(stateAt(source, TTL_MS + 1), "silent");
  const known = pushedAt(0, 30_000);
  known.sender = senderAt(120_000);
  assert.equal(stateAt(known, 120_000 + 90_000), "up");
  assert.equal(stateAt(known, 120_000 + 90_001), "silent");
});

Deno.test("stateOf() goes by the clock that only goes forward where this server took the last push itself", () => {
  const source = pushedAt(0, 30_000);
  source.sender = senderAt(30_000);
  assert.equal(stateOf(source, { tick: 120_001, nowMs: START, ttlMs: TTL_MS }), "silent");
});

Deno.test("stateOf() says refused once what a source sent last was refused, and up at the next push that is not", () => {
  const source = pushedAt(0, 30_000);
  noteRefused(source, BAD, START + 60_000);
  assert.equal(stateAt(source, 60_001), "refused");
  noteAccepted(source, push(90_000), 90_000);
  assert.equal(stateAt(source, 90_001), "up");
});

Deno.test("stateOf() depends on nothing that was refused to whoever has but the id of a source", () => {
  const source = pushedAt(0, 30_000);
  noteRefused(source, STRANGER, START + 30_001);
  assert.equal(stateAt(source, 30_002), "up");
  noteRefused(source, STRANGER, START + 150_000);
  assert.equal(stateAt(source, 150_001), "silent");
  noteRefused(source, BAD, START + 160_000);
  noteRefused(source, STRANGER, START + 170_000);
  assert.equal(stateAt(source, 170_001), "refused");
});

Deno.test("noteRefused() keeps what was refused in the name of a source apart from what was refused to itself", () => {
  const source = pushedAt(0, 30_000);
  noteRefused(source, BAD, START + 40_000);
  for (const at of [50_000, 60_000]) noteRefused(source, STRANGER, START + at);
  assert.deepEqual([source.refusal, source.refusedAtMs, source.refusals], [BAD, START + 40_000, 1]);
  const { refusal, atMs, times } = source.inName!;
  assert.deepEqual({ refusal, atMs, times }, { refusal: STRANGER, atMs: START + 60_000, times: 2 });
});

Deno.test("noteRefused() counts what was refused in the name of a source since that was last accepted", () => {
  const source = pushedAt(0);
  const since = () => [source.inName!.times, source.inName!.sinceMs - START, source.inName!.timesSince];
  for (const at of [10_000, 20_000]) noteRefused(source, STRANGER, START + at);
  assert.deepEqual(since(), [2, 10_000, 2]);
  noteAccepted(source, push(30_000), 30_000);
  assert.deepEqual(since(), [2, 10_000, 2]);
  noteRefused(source, STRANGER, START + 40_000);
  assert.deepEqual(since(), [3, 40_000, 1]);
  // Its push was brought here and accepted elsewhere.
  source.sender = { userAgent: "", address: "", keyId: "", tokenEndsMs: 0, atMs: START + 50_000 };
  noteRefused(source, STRANGER, START + 60_000);
  assert.deepEqual(since(), [4, 60_000, 1]);
});

Deno.test("noteRefused() lets a source that came too soon hide no refusal that says why", () => {
  const source = pushedAt(0, 30_000);
  const early: Refusal = { stage: "push", path: "/upload", status: 429, reason: "rate", why: "Too soon" };
  noteRefused(source, early, START + 31_000);
  assert.equal(stateAt(source, 31_001), "up");
  noteRefused(source, BAD, START + 60_000);
  noteRefused(source, early, START + 61_000);
  assert.deepEqual([source.refusal, stateAt(source, 61_001), source.refusals], [BAD, "refused", 3]);
});

Deno.test("mergeSource() takes of each fact the newer one, in either order", () => {
  const here = pushedAt(0, 30_000);
  const there = pushedAt(0, 30_000, 60_000);
  noteRefused(here, BAD, START + 70_000);
  noteRefused(there, STRANGER, START + 80_000);
  const forth = structuredClone(here), back = structuredClone(there);
  assert.equal(mergeSource(forth, there, 60_000), true);
  assert.equal(mergeSource(back, here, 30_000), false);
  assert.deepEqual({ ...forth, untold: 0 }, { ...back, untold: 0 });
  assert.deepEqual([forth.pushedAtMs, forth.refusedAtMs, forth.inName?.times], [START + 60_000, START + 70_000, 1]);
});

Deno.test("nearLimits() names the limits of which a push takes four fifths", () => {
  const source = newSource("a", START);
  noteAccepted(source, push(0, { series: 800, families: 79, bytes: 1_000 }), 0);
  assert.deepEqual(nearLimits(source, { series: 1_000, families: 100, bytes: 1_000 }), ["series", "bytes"]);
});
