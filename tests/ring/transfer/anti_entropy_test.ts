/** How owner and standby find and mend what they do not both hold. */

import assert from "node:assert/strict";
import {
  ANTI_ENTROPY_AGAIN_MS,
  ANTI_ENTROPY_EVERY_MS,
  ANTI_ENTROPY_MARGIN_MS,
  ANTI_ENTROPY_SPREAD_MS,
  AntiEntropy,
} from "../../../ring/transfer/anti_entropy.ts";
import { MAX_LISTED_BYTES } from "../../../ring/protocol/encoded_size.ts";
import { Buckets } from "../../../ring/transfer/buckets.ts";
import { RingView } from "../../../ring/placement/view.ts";
import { type Message, readMessage } from "../../../ring/protocol/messages.ts";
import { EntryTable } from "../../../ring/replication/entry_table.ts";
import { throughFrame } from "../../support/through_frame.ts";
import { ringContext } from "../../support/ring_context.ts";
import { row } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const TTL_MS = 600_000;
const VIEW = RingView.of(["a", "b"].map((name) => row(name)));
const at = (now: number) => ({ now, wall: now });

/** The anti-entropy of one member, what it sends, and what it finds that its standby lacks. */
function open(name: string, { view = VIEW, random = (): number => 0.5 } = {}) {
  const table = new EntryTable({ ttlMs: TTL_MS, view });
  const sent: Message[] = [];
  const missing: string[] = [];
  const context = ringContext({
    name,
    view: () => view,
    random,
    // As on a wire, where what is longer than a frame does not get through.
    emit: (effect) => {
      if (effect.do === "send") sent.push(readMessage(throughFrame(effect.message)));
    },
  });
  const antiEntropy = new AntiEntropy(context, { table, onMissing: (_standby, id) => missing.push(id) });
  antiEntropy.viewChanged(at(0));
  const hold = (id: string, { ms = 1, receivedAtMs = 0 } = {}) =>
    table.set({ id, version: { epoch: 1, ms, ingress: "a", sequence: 1 }, receivedAtMs, size: 1 }, at(0));
  return { antiEntropy, table, sent, missing, hold };
}

/** What `a` owns, and `b` stands by for. */
const OWNED = (() => {
  const { hold } = open("a");
  return Array.from({ length: 100 }, (_, i) => `c${i}`).filter((id) => hold(id).owner === "a");
})();

/** Lets `a` ask `b` at a time; returns what `a` takes from the last answer. */
function compare(a: ReturnType<typeof open>, b: ReturnType<typeof open>, { now = ANTI_ENTROPY_SPREAD_MS / 2 } = {}) {
  a.sent.length = b.sent.length = a.missing.length = 0;
  a.antiEntropy.tick(at(now));
  let answer: Message | undefined;
  for (let questions = 0; a.sent[0]?.type === "BUCKETS"; questions++) {
    assert.ok(questions < 8, "no hash can be divided more often");
    b.antiEntropy.compared("a", a.sent.shift() as Extract<Message, { type: "BUCKETS" }>, at(now));
    [answer] = b.sent.splice(0);
    if (answer === undefined) return { answer };
    a.antiEntropy.listed("b", answer as Extract<Message, { type: "LIST" }>, at(now));
  }
  if (answer === undefined) return undefined;
  const wants = a.sent.flatMap((message) => message.type === "WANT" ? message.ids : []);
  return {
    answer: answer as Extract<Message, { type: "LIST" }>,
    missing: a.missing.toSorted(),
    wants: wants.toSorted(),
  };
}

Deno.test("AntiEntropy finds nothing to mend where both hold the same, and asks again a minute later", () => {
  const a = open("a"), b = open("b");
  for (const id of OWNED) for (const { hold } of [a, b]) hold(id);
  const start = ANTI_ENTROPY_SPREAD_MS / 2;
  assert.equal(compare(a, b, { now: start - 1 }), undefined);
  assert.deepEqual(compare(a, b, { now: start })?.answer?.buckets, []);
  assert.equal(compare(a, b, { now: start + ANTI_ENTROPY_EVERY_MS - 1 }), undefined);
  assert.deepEqual(compare(a, b, { now: start + ANTI_ENTROPY_EVERY_MS })?.answer?.buckets, []);
});

Deno.test("AntiEntropy has the standby get what it lacks or has older, and the owner what the standby has newer", () => {
  const a = open("a"), b = open("b");
  const [older, newer, lost, unknown, ...same] = OWNED;
  for (const id of same) for (const { hold } of [a, b]) hold(id);
  a.hold(older, { ms: 2 });
  b.hold(older);
  a.hold(newer);
  b.hold(newer, { ms: 2 });
  a.hold(lost);
  b.hold(unknown);
  const found = compare(a, b)!;
  assert.deepEqual(found.missing, [older, lost].toSorted());
  assert.deepEqual(found.wants, [newer, unknown].toSorted());
  assert.equal(compare(a, b, { now: ANTI_ENTROPY_SPREAD_MS / 2 + ANTI_ENTROPY_AGAIN_MS - 1 }), undefined);
  assert.ok(compare(a, b, { now: ANTI_ENTROPY_SPREAD_MS / 2 + ANTI_ENTROPY_AGAIN_MS }), "it looks again soon");
});

Deno.test("AntiEntropy lists only what is in buckets that differ", () => {
  const a = open("a"), b = open("b");
  for (const id of OWNED.slice(1)) for (const { hold } of [a, b]) hold(id);
  a.hold(OWNED[0]);
  const { answer } = compare(a, b)!;
  assert.equal(answer!.buckets.length, 1);
  assert.ok(answer!.holdings.length < 5);
});

Deno.test("AntiEntropy looks only at what the pair has in common, and not at what is about to expire", () => {
  const a = open("a"), b = open("b");
  const owned = new Set(OWNED);
  for (let i = 0; i < 100; i++) if (!owned.has(`c${i}`)) b.hold(`c${i}`);
  a.hold(OWNED[0], { receivedAtMs: -TTL_MS + ANTI_ENTROPY_MARGIN_MS });
  assert.deepEqual(compare(a, b)?.answer?.buckets, []);
});

Deno.test("AntiEntropy stays silent to who has another view, and takes no answer of it", () => {
  const a = open("a"), b = open("b", { view: RingView.of(["a", "b", "c"].map((name) => row(name))) });
  for (const id of OWNED) a.hold(id);
  assert.deepEqual(compare(a, b), { answer: undefined });
  a.antiEntropy.listed("b", { type: "LIST", request: 1, view: "other", buckets: [0], holdings: [] }, at(2_000));
  assert.deepEqual([a.missing, a.sent], [[], []]);
});

Deno.test("AntiEntropy takes no answer that it did not ask for, nor one a second time", () => {
  const a = open("a"), b = open("b");
  for (const id of OWNED) a.hold(id);
  const all = Array.from({ length: 256 }, (_, i) => i);
  const list = { type: "LIST", request: 9, view: VIEW.digest, buckets: all, holdings: [] } as const;
  a.antiEntropy.listed("b", list, at(0));
  assert.deepEqual(a.missing, []);
  const { answer } = compare(a, b)!;
  assert.equal(a.missing.length, OWNED.length);
  a.antiEntropy.listed("b", answer!, at(2_000));
  assert.equal(a.missing.length, OWNED.length);
});

Deno.test("AntiEntropy.dirty() looks at a pair soon, and never later than it would", () => {
  const a = open("a"), b = open("b");
  compare(a, b, { now: 1_000 });
  a.antiEntropy.dirty("b", at(2_000));
  a.antiEntropy.dirty("nobody", at(2_000));
  assert.equal(compare(a, b, { now: 2_000 + ANTI_ENTROPY_AGAIN_MS - 1 }), undefined);
  assert.ok(compare(a, b, { now: 2_000 + ANTI_ENTROPY_AGAIN_MS }));
});

/** Compares, and copies what is found missing, until nothing is. Returns how often that took. */
function mend(a: ReturnType<typeof open>, b: ReturnType<typeof open>): number {
  for (let times = 1;; times++) {
    const { missing, wants, answer } = compare(a, b, { now: ANTI_ENTROPY_EVERY_MS + times * ANTI_ENTROPY_AGAIN_MS })!;
    if (answer!.divide === undefined && answer!.buckets.length === 0) return times;
    assert.ok(missing!.length + wants!.length > 0, "each time something gets better");
    for (const id of missing!) b.hold(id);
    for (const id of wants!) a.hold(id);
  }
}

/** Ids of which `a` is the owner. */
function* owned(make: (i: number) => string): Generator<string> {
  const { table, hold } = open("a");
  for (let i = 0;; i++) {
    const id = make(i);
    if (hold(id).owner === "a") yield id;
    table.expire(Infinity);
  }
}

Deno.test("AntiEntropy mends any number of ids of which each takes six times its length in a frame", () => {
  const a = open("a"), b = open("b");
  const ids = owned((i) => `${i}`.padEnd(255, "\u0001")).take(5_000).toArray();
  for (const id of ids.slice(0, 2_000)) a.hold(id);
  for (const id of ids.slice(2_000, 4_000)) b.hold(id);
  for (const id of ids.slice(4_000)) for (const { hold } of [a, b]) hold(id);
  assert.ok(mend(a, b) < 20);
  assert.deepEqual([a.table.size, b.table.size], [5_000, 5_000]);
});

Deno.test("AntiEntropy divides a bucket that holds more than can be listed, until that is found which differs", () => {
  const a = open("a"), b = open("b");
  a.antiEntropy.tick(at(ANTI_ENTROPY_SPREAD_MS / 2));
  const [question] = a.sent.splice(0);
  const buckets = new Buckets(question.type === "BUCKETS" ? question.key : assert.fail());
  // By one who knows the key: without it nobody can choose such ids.
  const inOne = owned((i) => `${i}`.padEnd(255, "\u0001"))
    .filter((id) => buckets.bucketOf({ id, version: { epoch: 1, ms: 1, ingress: "a", sequence: 1 } }, "") === 7);
  const crowd = inOne.take(Math.ceil(MAX_LISTED_BYTES / 1_300)).toArray();
  const [lost, late, ...same] = crowd;
  for (const id of same) for (const { hold } of [a, b]) hold(id);
  a.hold(lost);
  b.hold(late);
  const { answer, missing, wants } = compare(a, b, { now: ANTI_ENTROPY_EVERY_MS })!;
  assert.ok(answer!.holdings.length < 100, `${answer!.holdings.length} are listed`);
  assert.ok([...missing!, ...wants!].every((id) => id === lost || id === late));
  assert.ok(mend(a, b) <= 3);
  assert.deepEqual([a.table.size, b.table.size], [crowd.length, crowd.length]);
});

Deno.test("AntiEntropy draws another key in each process", () => {
  const keys = [0.25, 0.75].map((number) => {
    const { antiEntropy, sent } = open("a", { random: () => number });
    antiEntropy.tick(at(ANTI_ENTROPY_SPREAD_MS));
    return sent[0].type === "BUCKETS" && sent[0].key;
  });
  assert.deepEqual(keys, ["40".repeat(16), "c0".repeat(16)]);
});
