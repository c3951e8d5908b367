/** How owner and standby find and mend what they do not both hold. */

import assert from "node:assert/strict";
import type { Effect } from "../../../ring/effect.ts";
import {
  Repair,
  REPAIR_AGAIN_MS,
  REPAIR_EVERY_MS,
  REPAIR_MARGIN_MS,
  REPAIR_SPREAD_MS,
} from "../../../ring/handoff/repair.ts";
import { RingView } from "../../../ring/membership/view.ts";
import { type Message, readMessage } from "../../../ring/message.ts";
import { Holdings } from "../../../ring/pushes/holdings.ts";
import { row } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const TTL_MS = 600_000;
const VIEW = RingView.of(["a", "b"].map((name) => row(name)));
const at = (now: number) => ({ now, wall: now });

/** The repair of one member, what it sends, and what it finds that its standby lacks. */
function open(name: string, { view = VIEW } = {}) {
  const holdings = new Holdings({ ttlMs: TTL_MS, view });
  const sent: Message[] = [];
  const missing: string[] = [];
  let request = 0;
  const repair = new Repair({
    name,
    holdings,
    view: () => view,
    isLinked: () => true,
    nextRequest: () => ++request,
    random: () => 0.5,
    emit: (effect: Effect) => void (effect.do === "send" && sent.push(readMessage(effect.message))),
    onMissing: (_standby, id) => missing.push(id),
  });
  repair.viewChanged(at(0));
  const hold = (id: string, { ms = 1, receivedAtMs = 0 } = {}) =>
    holdings.set({ id, version: { ms, ingress: "a", sequence: 1 }, receivedAtMs, size: 1 }, at(0));
  return { repair, holdings, sent, missing, hold };
}

/** What `a` owns, and `b` stands by for. */
const OWNED = (() => {
  const { hold } = open("a");
  return Array.from({ length: 100 }, (_, i) => `c${i}`).filter((id) => hold(id).owner === "a");
})();

/** Lets `a` ask `b` at a time; returns what `a` takes from the answer. */
function compare(a: ReturnType<typeof open>, b: ReturnType<typeof open>, { now = REPAIR_SPREAD_MS / 2 } = {}) {
  a.sent.length = b.sent.length = a.missing.length = 0;
  a.repair.tick(at(now));
  const [question] = a.sent.splice(0);
  if (question === undefined) return undefined;
  assert.equal(question.type, "BUCKETS");
  b.repair.compared("a", question as Extract<Message, { type: "BUCKETS" }>, at(now));
  const [answer] = b.sent.splice(0);
  if (answer === undefined) return { answer };
  a.repair.listed("b", answer as Extract<Message, { type: "LIST" }>, at(now));
  const wants = a.sent.flatMap((message) => message.type === "WANT" ? message.ids : []);
  return {
    answer: answer as Extract<Message, { type: "LIST" }>,
    missing: a.missing.toSorted(),
    wants: wants.toSorted(),
  };
}

Deno.test("Repair finds nothing to mend where both hold the same, and asks again a minute later", () => {
  const a = open("a"), b = open("b");
  for (const id of OWNED) for (const { hold } of [a, b]) hold(id);
  const start = REPAIR_SPREAD_MS / 2;
  assert.equal(compare(a, b, { now: start - 1 }), undefined);
  assert.deepEqual(compare(a, b, { now: start })?.answer?.buckets, []);
  assert.equal(compare(a, b, { now: start + REPAIR_EVERY_MS - 1 }), undefined);
  assert.deepEqual(compare(a, b, { now: start + REPAIR_EVERY_MS })?.answer?.buckets, []);
});

Deno.test("Repair has the standby get what it lacks or has older, and the owner what the standby has newer", () => {
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
  assert.equal(compare(a, b, { now: REPAIR_SPREAD_MS / 2 + REPAIR_AGAIN_MS - 1 }), undefined);
  assert.ok(compare(a, b, { now: REPAIR_SPREAD_MS / 2 + REPAIR_AGAIN_MS }), "it looks again soon");
});

Deno.test("Repair lists only what is in buckets that differ", () => {
  const a = open("a"), b = open("b");
  for (const id of OWNED.slice(1)) for (const { hold } of [a, b]) hold(id);
  a.hold(OWNED[0]);
  const { answer } = compare(a, b)!;
  assert.equal(answer!.buckets.length, 1);
  assert.ok(answer!.holdings.length < 5);
});

Deno.test("Repair looks only at what the pair has in common, and not at what is about to expire", () => {
  const a = open("a"), b = open("b");
  const owned = new Set(OWNED);
  for (let i = 0; i < 100; i++) if (!owned.has(`c${i}`)) b.hold(`c${i}`);
  a.hold(OWNED[0], { receivedAtMs: -TTL_MS + REPAIR_MARGIN_MS });
  assert.deepEqual(compare(a, b)?.answer?.buckets, []);
});

Deno.test("Repair stays silent to who has another view, and takes no answer of it", () => {
  const a = open("a"), b = open("b", { view: RingView.of(["a", "b", "c"].map((name) => row(name))) });
  for (const id of OWNED) a.hold(id);
  assert.deepEqual(compare(a, b), { answer: undefined });
  a.repair.listed("b", { type: "LIST", request: 1, view: "other", buckets: [0], holdings: [] }, at(2_000));
  assert.deepEqual([a.missing, a.sent], [[], []]);
});

Deno.test("Repair takes no answer that it did not ask for, nor one a second time", () => {
  const a = open("a"), b = open("b");
  for (const id of OWNED) a.hold(id);
  const all = Array.from({ length: 256 }, (_, i) => i);
  const list = { type: "LIST", request: 9, view: VIEW.digest, buckets: all, holdings: [] } as const;
  a.repair.listed("b", list, at(0));
  assert.deepEqual(a.missing, []);
  const { answer } = compare(a, b)!;
  assert.equal(a.missing.length, OWNED.length);
  a.repair.listed("b", answer!, at(2_000));
  assert.equal(a.missing.length, OWNED.length);
});

Deno.test("Repair.dirty() looks at a pair soon, and never later than it would", () => {
  const a = open("a"), b = open("b");
  compare(a, b, { now: 1_000 });
  a.repair.dirty("b", at(2_000));
  a.repair.dirty("nobody", at(2_000));
  assert.equal(compare(a, b, { now: 2_000 + REPAIR_AGAIN_MS - 1 }), undefined);
  assert.ok(compare(a, b, { now: 2_000 + REPAIR_AGAIN_MS }));
});
