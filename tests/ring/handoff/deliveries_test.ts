/** How copies get to those who should have them. */

import assert from "node:assert/strict";
import type { Effect } from "../../../ring/effect.ts";
import { Deliveries, DELIVERY_MS, MAX_UNDER_WAY, MAX_URGENT, PAUSE_MS } from "../../../ring/handoff/deliveries.ts";
import { OFFER_SIZE } from "../../../ring/handoff/lane.ts";
import { RingView } from "../../../ring/membership/view.ts";
import { type Message, readMessage } from "../../../ring/message.ts";
import { Holdings } from "../../../ring/pushes/holdings.ts";
import { row } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const at = (now: number) => ({ now, wall: now });

/** Deliveries of `a` to `b`; its store answers at once, unless it is told not to. */
function open({ bytesPerSecond = 1_000_000, reads = true } = {}) {
  const holdings = new Holdings({ ttlMs: 600_000, view: RingView.of([row("b")]) });
  const sent: Message[] = [];
  const cleared: string[] = [];
  const dirty: string[] = [];
  const loads: { token: number; id: string }[] = [];
  const state = { isLinked: true, request: 0 };
  const deliveries: Deliveries = new Deliveries({
    holdings,
    bytesPerSecond,
    view: () => RingView.of([row("b")]),
    isLinked: () => state.isLinked,
    nextRequest: () => ++state.request,
    emit: (effect: Effect) => {
      if (effect.do === "send") sent.push(readMessage(effect.message));
      else if (effect.do === "load") loads.push(effect);
    },
    onClear: (name) => cleared.push(name),
    onDirty: (name) => dirty.push(name),
  });
  const hold = (id: string, { ms = 1, size = 10 } = {}) =>
    holdings.set({ id, version: { ms, ingress: "a", sequence: 1 }, receivedAtMs: 0, size }, at(0));
  const read = (now = 0) => {
    for (const { token, id } of loads.splice(0)) {
      const held = holdings.get(id, now);
      deliveries.loaded(token, {
        entry: held && { id, version: held.version, receivedAtMs: 0, bytes: new Uint8Array(held.size) },
        clock: at(now),
      });
    }
  };
  const tick = (now: number) => {
    deliveries.tick(at(now));
    if (reads) read(now);
  };
  const take = <T extends Message["type"]>(type: T) => {
    const taken = sent.filter((message) => message.type === type);
    for (const message of taken) sent.splice(sent.indexOf(message), 1);
    return taken as Extract<Message, { type: T }>[];
  };
  const answer = (message: Parameters<Deliveries["answered"]>[1], now = 0) => {
    deliveries.answered("b", message, at(now));
    if (reads) read(now);
  };
  // The budget of the first quarter of a second.
  deliveries.tick(at(-250));
  return { deliveries, holdings, sent, cleared, dirty, loads, state, hold, read, tick, take, answer };
}

Deno.test("Deliveries offers what it owes, copies what is wanted, and is clear when all of that is confirmed", () => {
  const { deliveries, cleared, hold, tick, take, answer, holdings } = open();
  for (const id of ["c1", "c2"]) {
    hold(id);
    deliveries.owe("b", id);
  }
  deliveries.pulled("b", 77);
  assert.deepEqual([deliveries.isClearFor("b"), deliveries.isClear, deliveries.isClearFor("c")], [false, false, true]);
  tick(0);
  const [offer, ...more] = take("OFFER");
  assert.deepEqual([offer.holdings.map(({ id }) => id), more], [["c1", "c2"], []]);
  answer({ type: "WANT", request: offer.request, ids: ["c2"] });
  assert.deepEqual(deliveries.backlog, { owed: 1, copies: 1 });
  const [copy] = take("COPY");
  assert.deepEqual([copy.id, copy.bytes.length, copy.ageMs], ["c2", 10, 0]);
  assert.deepEqual([cleared, take("PULLED")], [[], []]);
  answer({ type: "COPY_OK", request: copy.request });
  assert.deepEqual([cleared, deliveries.isClear, deliveries.backlog], [["b"], true, { owed: 0, copies: 0 }]);
  assert.deepEqual(take("PULLED"), [{ type: "PULLED", request: 77 }]);
  assert.deepEqual([...holdings].map(({ unconfirmed }) => unconfirmed), [false, false]);
});

Deno.test("Deliveries ignores answers from others, and to what it did not ask", () => {
  const { deliveries, hold, tick, take, answer } = open();
  hold("c1");
  deliveries.owe("b", "c1");
  tick(0);
  const [{ request }] = take("OFFER");
  deliveries.answered("c", { type: "WANT", request, ids: [] }, at(0));
  answer({ type: "COPY_OK", request: 999 });
  answer({ type: "COPY_OK", request });
  assert.equal(deliveries.isClear, false);
});

Deno.test("Deliveries offers again what was refused or not answered, after a while", () => {
  const { deliveries, hold, tick, take, answer } = open();
  hold("c1");
  deliveries.owe("b", "c1");
  tick(0);
  answer({ type: "NACK", request: take("OFFER")[0].request, code: "NOT_OWNER" });
  tick(PAUSE_MS - 1);
  assert.deepEqual(take("OFFER"), []);
  tick(PAUSE_MS);
  assert.equal(take("OFFER").length, 1);
  tick(PAUSE_MS + DELIVERY_MS - 1);
  assert.deepEqual(take("OFFER"), []);
  tick(PAUSE_MS + DELIVERY_MS);
  assert.equal(take("OFFER").length, 1);
});

Deno.test("Deliveries waits as long as a member that is busy asks for", () => {
  const { deliveries, hold, tick, take, answer } = open();
  hold("c1");
  deliveries.owe("b", "c1");
  tick(0);
  answer({ type: "NACK", request: take("OFFER")[0].request, code: "BUSY", retryMs: 3_000 });
  tick(2_999);
  assert.deepEqual(take("OFFER"), []);
  tick(3_000);
  assert.equal(take("OFFER").length, 1);
});

Deno.test("Deliveries confirms no more than the version that was brought", () => {
  const { deliveries, hold, tick, take, answer } = open();
  hold("c1");
  deliveries.owe("b", "c1");
  tick(0);
  const { request } = take("OFFER")[0];
  hold("c1", { ms: 2 });
  answer({ type: "WANT", request, ids: [] });
  assert.equal(deliveries.isClear, false);
  assert.equal(take("OFFER")[0].holdings[0].version.ms, 2, "it is offered anew");
});

Deno.test("Deliveries sends a copy of what was just stored at once, without an offer, and tells of it that a copy is lost", () => {
  const { deliveries, dirty, hold, tick, take, answer } = open();
  const clock = at(0), bytes = new Uint8Array(10);
  deliveries.copy("b", { held: hold("c1"), bytes, clock });
  deliveries.copy("b", { held: hold("c2"), bytes, clock });
  const [first, second] = take("COPY");
  answer({ type: "COPY_OK", request: first.request });
  assert.deepEqual(dirty, []);
  tick(DELIVERY_MS);
  assert.deepEqual([second.id, dirty], ["c2", ["b"]]);
});

Deno.test("Deliveries has bounds: copies under way, and urgent ones that wait", () => {
  const { deliveries, dirty, hold, take, loads } = open({ reads: false });
  for (let i = 0; i < MAX_UNDER_WAY + MAX_URGENT + 3; i++) {
    deliveries.copy("b", { held: hold(`c${i}`), bytes: new Uint8Array(10), clock: at(0) });
  }
  assert.equal(take("COPY").length, MAX_UNDER_WAY);
  assert.deepEqual([loads, dirty.length], [[], 3]);
  assert.deepEqual(deliveries.backlog, { owed: 0, copies: MAX_UNDER_WAY + MAX_URGENT });
});

Deno.test("Deliveries offers in parts", () => {
  const { deliveries, hold, tick, take, answer } = open();
  for (let i = 0; i < OFFER_SIZE + 1; i++) {
    hold(`c${i}`);
    deliveries.owe("b", `c${i}`);
  }
  tick(0);
  const [offer] = take("OFFER");
  assert.equal(offer.holdings.length, OFFER_SIZE);
  answer({ type: "WANT", request: offer.request, ids: [] });
  assert.equal(take("OFFER")[0].holdings.length, 1);
});

Deno.test("Deliveries keeps copies at leisure to its rate, but not urgent ones", () => {
  const { deliveries, hold, tick, take } = open({ bytesPerSecond: 1_000 });
  for (let i = 0; i < 10; i++) {
    hold(`c${i}`, { size: 200 });
    deliveries.want("b", `c${i}`);
  }
  tick(0);
  // A quarter of a second brings 250 bytes: what is begun may go beyond, and is paid back.
  assert.equal(take("COPY").length, 2);
  deliveries.copy("b", { held: hold("now"), bytes: new Uint8Array(500), clock: at(0) });
  assert.equal(take("COPY").length, 1);
  for (let now = 250; now <= 2_000; now += 250) tick(now);
  const sent = take("COPY").length;
  assert.ok(sent >= 7 && sent <= 8, String(sent));
});

Deno.test("Deliveries sends nothing to who is not linked, and goes on when it is", () => {
  const { deliveries, state, hold, sent, tick, take } = open();
  state.isLinked = false;
  deliveries.copy("b", { held: hold("c1"), bytes: new Uint8Array(10), clock: at(0) });
  hold("c2");
  deliveries.owe("b", "c2");
  tick(0);
  assert.deepEqual(sent, []);
  state.isLinked = true;
  tick(250);
  assert.deepEqual([take("COPY").map(({ id }) => id), take("OFFER").length], [["c1"], 1]);
});

Deno.test("Deliveries owes nothing that is not held any more, and nothing once it is forgiven or the view is another", () => {
  const { deliveries, cleared, hold, holdings, tick, take } = open();
  for (const id of ["c1", "c2"]) {
    hold(id);
    deliveries.owe("b", id);
  }
  tick(0);
  take("OFFER");
  holdings.expire(600_000);
  deliveries.dropped(["c1", "c2"], at(1));
  assert.deepEqual([cleared, deliveries.isClear], [["b"], true]);
  deliveries.owe("b", "c3");
  deliveries.forgive("b");
  assert.equal(deliveries.isClear, true);
  deliveries.owe("b", "c3");
  deliveries.viewChanged();
  assert.equal(deliveries.isClear, true);
});

Deno.test("Deliveries copies what it is asked for, if it holds that", () => {
  const { deliveries, hold, read, take } = open();
  hold("c1");
  deliveries.tick(at(0));
  deliveries.asked("b", ["c1", "unknown"], at(0));
  read();
  assert.deepEqual(take("COPY").map(({ id }) => id), ["c1"]);
  assert.deepEqual(deliveries.backlog, { owed: 0, copies: 1 });
});

Deno.test("Deliveries begins again with what the store could not read", () => {
  const { deliveries, loads, hold, tick, take, answer } = open({ reads: false });
  hold("c1");
  deliveries.owe("b", "c1");
  tick(0);
  answer({ type: "WANT", request: take("OFFER")[0].request, ids: ["c1"] });
  deliveries.loaded(loads.shift()!.token, { clock: at(0) });
  assert.equal(deliveries.isClear, false);
  tick(PAUSE_MS);
  assert.equal(take("OFFER").length, 1);
});
