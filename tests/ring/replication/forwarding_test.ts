/** How pushes find their owner, and that each ends in exactly one outcome. */

import assert from "node:assert/strict";
import type { Clock, Effect, Outcome } from "../../../ring/protocol/effects.ts";
import { RingView } from "../../../ring/placement/view.ts";
import { type Message, readMessage } from "../../../ring/protocol/messages.ts";
import { Forwarding, RETRY_MS } from "../../../ring/replication/forwarding.ts";
import { ANSWER_MS, PutLegs } from "../../../ring/replication/put_legs.ts";
import type { Answer, PutHandler } from "../../../ring/replication/put_handler.ts";
import { keyHash } from "../../../ring/placement/rendezvous.ts";
import { DEFAULT_RING_LIMITS } from "../../../ring/protocol/ring_limits.ts";
import { ringContext } from "../../support/ring_context.ts";
import { row } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const VIEW = RingView.of(["a", "b", "c", "d"].map((name) => row(name)));
const idFor = (wanted: string) => {
  for (let i = 0;; i++) {
    const { owner, standby } = VIEW.place(keyHash(`c${i}`))!;
    if (`${owner}${standby}` === wanted) return `c${i}`;
  }
};
const [OWN, THEIRS] = [idFor("ab"), idFor("bc")];
const REJECTED = (reason: string, retryMs = RETRY_MS) => ({ result: "rejected", reason, retryMs });
const OK = { type: "PUT_OK", result: "stored" } as const;

/** Forwarding of `a`; its own put handler answers as it is told. */
function open(
  { limits = {}, pushBytes = 1_000_000, unlinked = "", fenced = false, view = VIEW, own = OK as Answer } = {},
) {
  const sent: { to: string; put: Extract<Message, { type: "PUT" }> }[] = [];
  const outcomes: (Outcome & { token: number })[] = [];
  const links = new Set([..."bcd"].filter((name) => !unlinked.includes(name)));
  const context = ringContext({
    limits: { ...limits, pushBytes },
    view: () => view,
    isFenced: () => fenced,
    clockOf: (name, now) => name === "b" ? 77 + now : undefined,
    isLinked: (name) => links.has(name),
    wayTo: (name) => links.has(name) ? name : undefined,
    random: () => 0,
    emit: (effect: Effect) => {
      if (effect.do === "settle") outcomes.push({ token: effect.token, ...effect.outcome });
      else if (effect.do === "send") {
        sent.push({ to: effect.to, put: readMessage(effect.message) as typeof sent[0]["put"] });
      }
    },
  });
  const putHandler = { take: (_push, { clock, done }) => done(own, clock) } as Pick<PutHandler, "take"> as PutHandler;
  const legs = new PutLegs(context);
  const forwarding = new Forwarding(context, { putHandler, legs });
  let token = 0;
  const at = (now: number): Clock => ({ now, wall: 1_000_000 + now });
  return {
    forwarding,
    sent,
    links,
    push: (id: string, { bytes = 10, now = 0 } = {}) =>
      forwarding.push({ token: ++token, id, bytes: new Uint8Array(bytes) }, at(now)),
    answer: (from: string, answer: Answer, { request = sent.at(-1)!.put.request, now = 0 } = {}) =>
      legs.answered(from, { ...answer, request }, at(now)),
    tick: (now: number) => legs.tick(at(now)),
    linkDown: (name: string) => legs.linkDown(name, at(0)),
    abandon: () => legs.abandon(at(0)),
    /** The only outcome, with nothing left in flight. */
    outcome: () => {
      assert.equal(outcomes.length, 1, JSON.stringify(outcomes));
      assert.deepEqual(forwarding.inFlight, { bytes: 0, peers: new Map() });
      const { token, ...outcome } = outcomes[0];
      assert.equal(token, 1);
      return outcome;
    },
    outcomes,
    hops: () => sent.map(({ to, put: { hops } }) => `${hops} ${to}`),
  };
}

Deno.test("Forwarding keeps what is its own", () => {
  const { push, outcome, sent } = open();
  push(OWN);
  assert.deepEqual([outcome(), sent], [{ result: "stored" }, []]);
});

for (const result of ["stored", "dup", "stale"] as const) {
  Deno.test(`Forwarding brings a push to its owner: ${result}`, () => {
    const { forwarding, push, answer, outcome, outcomes, sent, hops } = open();
    push(THEIRS);
    assert.deepEqual([outcomes, hops()], [[], ["1 b"]]);
    const { put } = sent[0];
    assert.deepEqual([put.id, put.view, put.bytes.length, put.heardAt, put.origin.ingress], [
      THEIRS,
      VIEW.digest,
      10,
      77,
      "a",
    ]);
    assert.deepEqual(forwarding.inFlight, { bytes: 10, peers: new Map([["b", { requests: 1, bytes: 10 }]]) });
    answer("b", { type: "PUT_OK", result });
    assert.deepEqual(outcome(), { result });
    answer("b", OK);
    assert.equal(outcomes.length, 1, "a second answer is ignored");
  });
}

Deno.test("Forwarding ignores answers from others than it asked", () => {
  const { push, answer, outcomes } = open();
  push(THEIRS);
  answer("c", OK);
  answer("b", OK, { request: 77 });
  assert.deepEqual(outcomes, []);
});

Deno.test("Forwarding gives every push another origin, in order", () => {
  const { push, sent } = open();
  for (let i = 0; i < 5; i++) push(THEIRS);
  const sequences = sent.map(({ put }) => put.origin.sequence);
  assert.deepEqual(sequences, sequences.map((_, i) => sequences[0] + i));
});

for (
  const [what, reason, how] of [
    ["does not answer in time", "unreachable", ({ tick }: ReturnType<typeof open>) => tick(ANSWER_MS)],
    ["loses its link", "unreachable", ({ linkDown }) => linkDown("b")],
    ["is fenced", "unreachable", ({ answer }) => answer("b", { type: "NACK", code: "FENCED" })],
    ["finds it late", "unreachable", ({ answer }) => answer("b", { type: "NACK", code: "LATE" })],
    ["cannot store it", "store", ({ answer }) => answer("b", { type: "NACK", code: "STORE_FAILED" })],
  ] as [string, string, (world: ReturnType<typeof open>) => void][]
) {
  Deno.test(`Forwarding gives a push to nobody else when the owner ${what}: only the owner can tell its place`, () => {
    const world = open();
    world.push(THEIRS);
    how(world);
    assert.deepEqual(world.hops(), ["1 b"]);
    assert.deepEqual(world.outcome(), REJECTED(reason));
  });
}

Deno.test("Forwarding waits for an answer until its time is over, and not longer", () => {
  const { push, tick, hops, outcomes, outcome } = open();
  push(THEIRS, { now: 100 });
  tick(100 + ANSWER_MS - 1);
  assert.deepEqual([hops().length, outcomes], [1, []]);
  tick(100 + ANSWER_MS);
  assert.deepEqual(outcome(), REJECTED("unreachable"));
});

Deno.test("Forwarding follows the owner that the receiver names, once", () => {
  const { push, answer, outcome, hops } = open();
  push(THEIRS);
  answer("b", { type: "NACK", code: "NOT_OWNER", owner: "d" });
  assert.deepEqual(hops(), ["1 b", "2 d"]);
  answer("d", { type: "NACK", code: "NOT_OWNER", owner: "c" });
  assert.deepEqual(outcome(), REJECTED("views-differ"));
});

Deno.test("Forwarding sends no push a third time", () => {
  const { push, answer, tick, outcome, hops } = open();
  push(THEIRS);
  answer("b", { type: "NACK", code: "NOT_OWNER", owner: "d" });
  tick(ANSWER_MS);
  assert.deepEqual(outcome(), REJECTED("unreachable"));
  assert.equal(hops().length, 2);
});

for (
  const [what, answer, outcome] of [
    ["nobody in particular as owner", { code: "NOT_OWNER" }, REJECTED("views-differ")],
    ["us as owner", { code: "NOT_OWNER", owner: "a" }, REJECTED("views-differ")],
    ["that it is busy", { code: "BUSY", retryMs: 77 }, REJECTED("owner-busy", 77)],
    ["that it is busy for who knows how long", { code: "BUSY" }, REJECTED("owner-busy")],
    ["that nobody keeps a copy", { code: "NO_COPY", retryMs: 77 }, REJECTED("no-copy", 77)],
    ["that nobody keeps a copy, for who knows how long", { code: "NO_COPY" }, REJECTED("no-copy")],
    ["that it is too big", { code: "TOO_BIG" }, REJECTED("too-big")],
    ["why nobody would take it", { code: "REFUSED", reason: "r", detail: "d" }, {
      ...REJECTED("refused"),
      refused: { reason: "r", detail: "d" },
    }],
  ] as [string, Omit<Extract<Answer, { type: "NACK" }>, "type">, object][]
) {
  Deno.test(`Forwarding rejects a push when the owner tells ${what}`, () => {
    const world = open();
    world.push(THEIRS);
    world.answer("b", { type: "NACK", ...answer });
    assert.deepEqual(world.outcome(), outcome);
  });
}

for (
  const [what, options, id, reason] of [
    ["behind the fence", { fenced: true }, OWN, "fenced"],
    ["without a ring", { view: new RingView([]) }, OWN, "fenced"],
    ["that does not reach its owner", { unlinked: "b" }, THEIRS, "unreachable"],
    ["of its own that cannot be stored", { own: { type: "NACK", code: "STORE_FAILED" } }, OWN, "store"],
    ["of its own that nobody else keeps", { own: { type: "NACK", code: "NO_COPY" } }, OWN, "no-copy"],
    ["that is too big for anybody", { pushBytes: 9 }, THEIRS, "too-big"],
  ] as [string, Parameters<typeof open>[0], string, string][]
) {
  Deno.test(`Forwarding rejects a push ${what}`, () => {
    const { push, outcome, sent } = open(options);
    push(id);
    assert.deepEqual([outcome(), sent], [REJECTED(reason), []]);
  });
}

Deno.test("Forwarding has bounds: 64 requests to a peer", () => {
  const { push, outcomes, answer, sent } = open();
  for (let i = 0; i < 65; i++) push(THEIRS);
  assert.deepEqual([sent.length, outcomes], [64, [{ token: 65, ...REJECTED("busy") }]]);
  answer("b", OK, { request: sent[0].put.request });
  push(THEIRS);
  assert.deepEqual([sent.length, outcomes.length], [65, 2]);
});

Deno.test("Forwarding has bounds: 8 MiB to a peer, but one push of any size", () => {
  const mib = 1_024 * 1_024;
  const { push, outcomes, sent } = open({ pushBytes: 16 * mib });
  push(THEIRS, { bytes: 8 * mib });
  push(THEIRS, { bytes: 1 });
  assert.deepEqual([sent.length, outcomes], [1, [{ token: 2, ...REJECTED("busy") }]]);
  push(idFor("cb"), { bytes: 9 * mib });
  assert.equal(sent.length, 2);
});

Deno.test("Forwarding has bounds: bytes in all", () => {
  assert.equal(DEFAULT_RING_LIMITS.totalBytes, 64 * 1_024 * 1_024);
  const { forwarding, push, outcomes, sent } = open({ limits: { totalBytes: 100 } });
  push(THEIRS, { bytes: 60 });
  push(idFor("cb"), { bytes: 41 });
  assert.deepEqual(outcomes, [{ token: 2, ...REJECTED("busy") }]);
  push(idFor("cb"), { bytes: 40 });
  assert.deepEqual([sent.length, forwarding.inFlight.bytes], [2, 100]);
});

Deno.test("PutLegs.abandon() settles what is under way", () => {
  const { abandon, push, outcome } = open();
  push(THEIRS);
  abandon();
  assert.deepEqual(outcome(), REJECTED("unreachable"));
});
