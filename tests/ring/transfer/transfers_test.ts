/** How copies get to those who should have them. */

import assert from "node:assert/strict";
import type { Effect } from "../../../ring/protocol/effects.ts";
import { MAX_UNDER_WAY, MAX_URGENT, PAUSE_MS, TRANSFER_MS, Transfers } from "../../../ring/transfer/transfers.ts";
import { OFFER_SIZE, STUCK_AFTER_MS, STUCK_TOLD_MS } from "../../../ring/transfer/peer_transfers.ts";
import { RingView } from "../../../ring/placement/view.ts";
import { type Message, readMessage } from "../../../ring/protocol/messages.ts";
import { EntryTable } from "../../../ring/replication/entry_table.ts";
import { throughFrame } from "../../support/through_frame.ts";
import { ringContext } from "../../support/ring_context.ts";
import { row } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const at = (now: number) => ({ now, wall: now });

/** Transfers of `a` to `b`; its store answers at once, unless it is told not to. */
function open({ bytesPerSecond = 1_000_000, reads = true } = {}) {
  const table = new EntryTable({ ttlMs: 600_000, view: RingView.of([row("b")]) });
  const sent: Message[] = [];
  const cleared: string[] = [];
  const dirty: string[] = [];
  const loads: { token: number; id: string }[] = [];
  const notes: Readonly<Record<string, unknown>>[] = [];
  const state = { isLinked: true };
  const context = ringContext({
    limits: { transferBytesPerSecond: bytesPerSecond },
    view: () => RingView.of([row("b")]),
    isLinked: () => state.isLinked,
    emit: (effect: Effect) => {
      if (effect.do === "send") sent.push(readMessage(throughFrame(effect.message)));
      else if (effect.do === "load") loads.push(effect);
      else if (effect.do === "note") notes.push(effect.fields);
    },
  });
  const transfers = new Transfers(context, {
    table,
    onClear: (name) => cleared.push(name),
    onCopied: () => {},
    onDirty: (name) => dirty.push(name),
  });
  const hold = (id: string, { ms = 1, size = 10 } = {}) =>
    table.set({ id, version: { epoch: 1, ms, ingress: "a", sequence: 1 }, receivedAtMs: 0, size }, at(0));
  const read = (now = 0) => {
    for (const { token, id } of loads.splice(0)) {
      const held = table.get(id, now);
      transfers.loaded(token, {
        entry: held && { id, version: held.version, receivedAtMs: 0, bytes: new Uint8Array(held.size) },
        clock: at(now),
      });
    }
  };
  const tick = (now: number) => {
    transfers.tick(at(now));
    if (reads) read(now);
  };
  const take = <T extends Message["type"]>(type: T) => {
    const taken = sent.filter((message) => message.type === type);
    for (const message of taken) sent.splice(sent.indexOf(message), 1);
    return taken as Extract<Message, { type: T }>[];
  };
  const answer = (message: Parameters<Transfers["answered"]>[1], now = 0) => {
    transfers.answered("b", message, at(now));
    if (reads) read(now);
  };
  // The budget of the first quarter of a second.
  transfers.tick(at(-250));
  return { transfers, table, notes, sent, cleared, dirty, loads, state, hold, read, tick, take, answer };
}

Deno.test("Transfers offers what it owes, copies what is wanted, and is clear when all of that is confirmed", () => {
  const { transfers, cleared, hold, tick, take, answer, table } = open();
  for (const id of ["c1", "c2"]) {
    hold(id);
    transfers.owe("b", id);
  }
  transfers.pulled("b", 77);
  assert.deepEqual([transfers.isClearFor("b"), transfers.isClear, transfers.isClearFor("c")], [false, false, true]);
  tick(0);
  const [offer, ...more] = take("OFFER");
  assert.deepEqual([offer.holdings.map(({ id }) => id), more], [["c1", "c2"], []]);
  answer({ type: "WANT", request: offer.request, ids: ["c2"] });
  assert.deepEqual(transfers.backlog, { owed: 1, copies: 1 });
  const [copy] = take("COPY");
  assert.deepEqual([copy.id, copy.bytes.length, copy.ageMs], ["c2", 10, 0]);
  assert.deepEqual([cleared, take("PULLED")], [[], []]);
  answer({ type: "COPY_OK", request: copy.request });
  assert.deepEqual([cleared, transfers.isClear, transfers.backlog], [["b"], true, { owed: 0, copies: 0 }]);
  assert.deepEqual(take("PULLED"), [{ type: "PULLED", request: 77 }]);
  assert.deepEqual([...table].map(({ unconfirmed }) => unconfirmed), [false, false]);
});

Deno.test("Transfers ignores answers from others, and to what it did not ask", () => {
  const { transfers, hold, tick, take, answer } = open();
  hold("c1");
  transfers.owe("b", "c1");
  tick(0);
  const [{ request }] = take("OFFER");
  transfers.answered("c", { type: "WANT", request, ids: [] }, at(0));
  answer({ type: "COPY_OK", request: 999 });
  answer({ type: "COPY_OK", request });
  assert.equal(transfers.isClear, false);
});

Deno.test("Transfers offers again what was refused or not answered, after a while", () => {
  const { transfers, hold, tick, take, answer } = open();
  hold("c1");
  transfers.owe("b", "c1");
  tick(0);
  answer({ type: "NACK", request: take("OFFER")[0].request, code: "NOT_OWNER" });
  tick(PAUSE_MS - 1);
  assert.deepEqual(take("OFFER"), []);
  tick(PAUSE_MS);
  assert.equal(take("OFFER").length, 1);
  tick(PAUSE_MS + TRANSFER_MS - 1);
  assert.deepEqual(take("OFFER"), []);
  tick(PAUSE_MS + TRANSFER_MS);
  assert.equal(take("OFFER").length, 1);
});

Deno.test("Transfers waits as long as a member that is busy asks for", () => {
  const { transfers, hold, tick, take, answer } = open();
  hold("c1");
  transfers.owe("b", "c1");
  tick(0);
  answer({ type: "NACK", request: take("OFFER")[0].request, code: "BUSY", retryMs: 3_000 });
  tick(2_999);
  assert.deepEqual(take("OFFER"), []);
  tick(3_000);
  assert.equal(take("OFFER").length, 1);
});

Deno.test("Transfers confirms no more than the version that was brought", () => {
  const { transfers, hold, tick, take, answer } = open();
  hold("c1");
  transfers.owe("b", "c1");
  tick(0);
  const { request } = take("OFFER")[0];
  hold("c1", { ms: 2 });
  answer({ type: "WANT", request, ids: [] });
  assert.equal(transfers.isClear, false);
  assert.equal(take("OFFER")[0].holdings[0].version.ms, 2, "it is offered anew");
});

Deno.test("Transfers sends a copy of what was just stored at once, without an offer, and tells of it that a copy is lost", () => {
  const { transfers, dirty, hold, tick, take, answer } = open();
  const clock = at(0), bytes = new Uint8Array(10);
  transfers.copy("b", { held: hold("c1"), bytes, clock });
  transfers.copy("b", { held: hold("c2"), bytes, clock });
  const [first, second] = take("COPY");
  answer({ type: "COPY_OK", request: first.request });
  assert.deepEqual(dirty, []);
  tick(TRANSFER_MS);
  assert.deepEqual([second.id, dirty], ["c2", ["b"]]);
});

Deno.test("Transfers has bounds: copies under way, and urgent ones that wait", () => {
  const { transfers, dirty, hold, take, loads } = open({ reads: false });
  for (let i = 0; i < MAX_UNDER_WAY + MAX_URGENT + 3; i++) {
    transfers.copy("b", { held: hold(`c${i}`), bytes: new Uint8Array(10), clock: at(0) });
  }
  assert.equal(take("COPY").length, MAX_UNDER_WAY);
  assert.deepEqual([loads, dirty.length], [[], 3]);
  assert.deepEqual(transfers.backlog, { owed: 0, copies: MAX_UNDER_WAY + MAX_URGENT });
});

Deno.test("Transfers offers in parts", () => {
  const { transfers, hold, tick, take, answer } = open();
  for (let i = 0; i < OFFER_SIZE + 1; i++) {
    hold(`c${i}`);
    transfers.owe("b", `c${i}`);
  }
  tick(0);
  const [offer] = take("OFFER");
  assert.equal(offer.holdings.length, OFFER_SIZE);
  answer({ type: "WANT", request: offer.request, ids: [] });
  assert.equal(take("OFFER")[0].holdings.length, 1);
});

Deno.test("Transfers keeps copies at leisure to its rate, but not urgent ones", () => {
  const { transfers, hold, tick, take } = open({ bytesPerSecond: 1_000 });
  for (let i = 0; i < 10; i++) {
    hold(`c${i}`, { size: 200 });
    transfers.want("b", `c${i}`);
  }
  tick(0);
  // A quarter of a second brings 250 bytes: what is begun may go beyond, and is paid back.
  assert.equal(take("COPY").length, 2);
  transfers.copy("b", { held: hold("now"), bytes: new Uint8Array(500), clock: at(0) });
  assert.equal(take("COPY").length, 1);
  for (let now = 250; now <= 2_000; now += 250) tick(now);
  const sent = take("COPY").length;
  assert.ok(sent >= 7 && sent <= 8, String(sent));
});

Deno.test("Transfers sends nothing to who is not linked, and goes on when it is", () => {
  const { transfers, state, hold, sent, tick, take } = open();
  state.isLinked = false;
  transfers.copy("b", { held: hold("c1"), bytes: new Uint8Array(10), clock: at(0) });
  hold("c2");
  transfers.owe("b", "c2");
  tick(0);
  assert.deepEqual(sent, []);
  state.isLinked = true;
  tick(250);
  assert.deepEqual([take("COPY").map(({ id }) => id), take("OFFER").length], [["c1"], 1]);
});

Deno.test("Transfers owes nothing that is not held any more, and nothing once it is forgiven or the view is another", () => {
  const { transfers, cleared, hold, table, tick, take } = open();
  for (const id of ["c1", "c2"]) {
    hold(id);
    transfers.owe("b", id);
  }
  tick(0);
  take("OFFER");
  table.expire(600_000);
  transfers.dropped(["c1", "c2"], at(1));
  assert.deepEqual([cleared, transfers.isClear], [["b"], true]);
  transfers.owe("b", "c3");
  transfers.forgive("b");
  assert.equal(transfers.isClear, true);
  transfers.owe("b", "c3");
  transfers.viewChanged();
  assert.equal(transfers.isClear, true);
});

Deno.test("Transfers copies what it is asked for, if it holds that", () => {
  const { transfers, hold, read, take } = open();
  hold("c1");
  transfers.tick(at(0));
  transfers.asked("b", ["c1", "unknown"], at(0));
  read();
  assert.deepEqual(take("COPY").map(({ id }) => id), ["c1"]);
  assert.deepEqual(transfers.backlog, { owed: 0, copies: 1 });
});

Deno.test("Transfers says which cluster a member refuses for long, how often and why, once a minute and to the end of it", () => {
  const { transfers, notes, hold, tick, take, answer } = open();
  hold("c1");
  transfers.owe("b", "c1");
  const told: unknown[] = [];
  const refuseUntil = (endMs: number, begin: number) => {
    for (let now = begin; now <= endMs; now += PAUSE_MS) {
      tick(now);
      for (const { request } of take("OFFER")) answer({ type: "WANT", request, ids: ["c1"] }, now);
      for (const { request } of take("COPY")) answer({ type: "NACK", request, code: "TOO_BIG" }, now);
      for (const fields of notes.splice(0)) told.push([now, fields]);
    }
  };
  refuseUntil(STUCK_AFTER_MS + STUCK_TOLD_MS, 0);
  const fields = { member: "b", cluster: "c1", why: "refused: TOO_BIG" };
  assert.deepEqual(told, [
    [STUCK_AFTER_MS, { ...fields, count: 21, forMs: STUCK_AFTER_MS }],
    [STUCK_AFTER_MS + STUCK_TOLD_MS, { ...fields, count: 120, forMs: STUCK_AFTER_MS + STUCK_TOLD_MS }],
  ]);
  assert.deepEqual([...transfers.owedTo], [["b", 1]]);
  const later = STUCK_AFTER_MS + STUCK_TOLD_MS + PAUSE_MS;
  tick(later);
  const [{ request }] = take("OFFER");
  answer({ type: "WANT", request, ids: [] }, later);
  assert.deepEqual([...transfers.owedTo], []);
  transfers.owe("b", "c1");
  told.length = 0;
  refuseUntil(later + STUCK_AFTER_MS, later + PAUSE_MS);
  assert.deepEqual(told, [], "another trouble has only begun");
});

Deno.test("Transfers begins again with what the store could not read", () => {
  const { transfers, loads, hold, tick, take, answer } = open({ reads: false });
  hold("c1");
  transfers.owe("b", "c1");
  tick(0);
  answer({ type: "WANT", request: take("OFFER")[0].request, ids: ["c1"] });
  transfers.loaded(loads.shift()!.token, { clock: at(0) });
  assert.equal(transfers.isClear, false);
  tick(PAUSE_MS);
  assert.equal(take("OFFER").length, 1);
});

Deno.test("Transfers offers no more at a time than a frame has room for, whatever the ids are", () => {
  const { transfers, hold, tick, take, answer, cleared } = open();
  // A control character takes six bytes in a frame.
  const ids = Array.from({ length: 1_200 }, (_, i) => String(i).padEnd(255, "\u0001"));
  for (const id of ids) {
    hold(id);
    transfers.owe("b", id);
  }
  tick(0);
  const offered: string[] = [];
  for (let [offer] = take("OFFER"); offer !== undefined; [offer] = take("OFFER")) {
    offered.push(...offer.holdings.map(({ id }) => id));
    answer({ type: "WANT", request: offer.request, ids: [] });
  }
  assert.deepEqual(offered, ids);
  assert.deepEqual(cleared, ["b"]);
});
