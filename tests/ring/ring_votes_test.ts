/** Who goes on where members are cut from each other: majorities, halves, pairs, witnesses. */

import assert from "node:assert/strict";
import { WELL_AGAIN_MS } from "../../ring/membership/ability.ts";
import { HEARING_MS } from "../../ring/membership/fence.ts";
import { PAIR_TOLD_MS } from "../../ring/membership/pair_watch.ts";
import { CONFIRM_MS } from "../../ring/membership/view_confirmation.ts";
import { TICK_MS } from "../../ring/protocol/effects.ts";
import { type MachineMember, RingMachines } from "../support/ring_machines.ts";
import { assertShown, IDS, pushAll, ringOf } from "../support/ring_of_machines.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("RingMachine: a member whose store fails only votes, and owns nothing until it has been well for a minute", () => {
  const { world, members: [a, b, c] } = ringOf("abc");
  world.failing.add("b");
  const owned = IDS.filter((id) => a.machine.place(id)!.owner === "b");
  const pushes = () => owned.forEach((id) => world.push(a, id, "one"));
  for (let second = 0; second < 8; second++, world.run(1_000)) pushes();
  world.until("others to own what b did", () => a.machine.membership.view.names.join("") === "ac", { withinMs: 5_000 });
  assert.deepEqual(b.machine.membership.agreed!.members.map(({ name }) => name), ["a", "b", "c"]);
  assert.deepEqual(a.machine.membership.view.witnesses, ["b"]);
  pushes();
  world.run(1_000);
  for (const id of owned) assert.equal(world.shownBy(id).length, 1, id);
  world.failing.delete("b");
  world.run(WELL_AGAIN_MS - 5_000);
  assert.equal(c.machine.membership.view.size, 2);
  world.until("b to own clusters again", () => world.isWhole(3), { withinMs: 30_000 });
});

/** Two servers and a witness, which has the lowest name: where votes are even that counts for nothing. */
function withWitness() {
  const world = new RingMachines(["A-witness", "a", "b"]);
  const [witness, a, b] = [world.start("A-witness", { isWitness: true }), world.start("a"), world.start("b")];
  world.until("one view", () => world.isWhole(2));
  return { world, witness, a, b };
}

Deno.test("RingMachine: a witness votes and forwards, owns nothing, and keeps nothing", () => {
  const { world, witness, a, b } = withWitness();
  assert.deepEqual(witness.machine.membership.view.witnesses, ["A-witness"]);
  assert.deepEqual(witness.machine.membership.view.names, ["a", "b"]);
  for (const outcome of pushAll(world, { members: [witness], text: "one" })) {
    assert.deepEqual(outcome, { result: "stored" });
  }
  assertShown(world, { by: a, text: "one" });
  assert.deepEqual([witness.store.size, a.store.size, b.store.size], [0, IDS.length, IDS.length]);
  const token = world.ask(witness);
  world.run(10);
  assert.deepEqual(witness.pages.get(token), new Map(), "its page is open, and empty");
});

Deno.test("RingMachine: with a witness one of two servers goes on when the other is cut off, and never both", () => {
  const { world, witness, a, b } = withWitness();
  pushAll(world, { members: [a, b], text: "one" });
  world.gets = (from, to) => ![from, to].includes("b");
  world.until("a view without b", () => witness.machine.membership.view.size === 1, { withinMs: 5_000 });
  world.run(HEARING_MS);
  for (const id of IDS) assert.deepEqual(world.shownBy(id), ["a one"]);
  assert.equal(b.machine.closed(world.clock.now)?.reason, "fenced");
  world.kill(a);
  world.gets = () => true;
  world.run(10_000);
  for (const id of IDS) assert.deepEqual(world.shownBy(id), [], "a may have more than b, and the witness knows that");
});

Deno.test("RingMachine: two servers that reach each other by the witness alone both stay, as nobody is silent", () => {
  const { world, witness, a, b } = withWitness();
  world.gets = (from, to) => [from, to].includes("A-witness");
  world.run(20_000);
  assert.deepEqual(witness.machine.membership.view.names, ["a", "b"]);
  assert.deepEqual([a, b].map(({ machine }) => machine.closed(world.clock.now)), [undefined, undefined]);
});

Deno.test("RingMachine: a server goes on alone when its witness is lost, though the witness has the lower name", () => {
  const { world, witness, a, b } = withWitness();
  world.kill(b);
  world.until("a view without b", () => a.machine.membership.agreed!.members.length === 2);
  pushAll(world, { members: [a], text: "one" });
  world.kill(witness);
  world.until("a view of one", () => a.machine.membership.agreed!.members.length === 1);
  assertShown(world, { by: a, text: "one" });
});

Deno.test("RingMachine: two servers without a witness say that each carries on alone, and which of them does", () => {
  const { world, members: [a, b] } = ringOf("ab");
  world.run(PAIR_TOLD_MS);
  const told = (member: MachineMember, what: RegExp) => member.notes.filter((note) => what.test(note)).length;
  assert.deepEqual([a, b].map((member) => told(member, /^Two servers have no majority/)), [1, 1]);
  world.gets = () => false;
  world.until("each to be alone", () => [a, b].every(({ machine }) => machine.membership.isAlone), { withinMs: 5_000 });
  assert.deepEqual([a, b].map((member) => told(member, /^Carries on alone without a majority/)), [1, 1]);
  world.gets = () => true;
  world.until("one ring again", () => world.isWhole(2));
  assert.deepEqual([a, b].map(({ machine }) => machine.membership.isAlone), [false, false]);
  world.handle(b, { type: "leave" });
  world.until("b to leave", () => b.hasLeft);
  world.run(5_000);
  assert.equal(a.machine.membership.isAlone, false, "who has left shows nothing");
  assert.equal(told(a, /^Two servers have no majority/), 1);
});

Deno.test("RingMachine: servers that start a ring of three warn of no pair, though they are two for a moment", () => {
  const world = new RingMachines([..."abc"]);
  const pair = [..."ab"].map((name) => world.start(name));
  world.until("a ring of two", () => world.isWhole(2));
  world.run(5 * TICK_MS);
  const members = [...pair, world.start("c")];
  world.until("a ring of three", () => world.isWhole(3));
  world.run(2 * PAIR_TOLD_MS);
  for (const { notes } of members) assert.deepEqual(notes.filter((note) => /majority/.test(note)), []);
});

Deno.test("RingMachine: a member that reaches one of three others gives way to them, votes on, and comes back", () => {
  const { world, members: [a, b, c, d] } = ringOf("abcd");
  pushAll(world, { members: [a, b, c, d], text: "one" });
  world.gets = (from, to) => ![from, to].includes("d") || [from, to].includes("a");
  world.until("d to give way", () => a.machine.membership.view.witnesses.join("") === "d", { withinMs: 20_000 });
  world.until("the others to show all", () => IDS.every((id) => world.shownBy(id).length === 1), { withinMs: 5_000 });
  assert.equal(a.machine.membership.view.votes, 4);
  assertShown(world, { by: a, text: "one" });
  world.gets = () => true;
  world.until("d to own clusters again", () => world.isWhole(4), { withinMs: WELL_AGAIN_MS + 30_000 });
  assertShown(world, { by: b, text: "one" });
  assert.equal(c.machine.membership.view.has("d"), true);
});

Deno.test("RingMachine: nobody confirms the pages of one that is cut off, and no cluster is shown twice", () => {
  const { world, members } = ringOf("abc"), [a, b, c] = members;
  pushAll(world, { members, text: "one" });
  world.gets = (from, to) => (from === "c") === (to === "c");
  let shownByC = 0;
  world.until("a view without c", () => {
    // One page each, which is answered before the next ones are asked for.
    const asked = members.map((member) => ({ member, token: world.ask(member) }));
    world.run(CONFIRM_MS + 10);
    const shown = asked.map(({ member, token }) => member.pages.get(token))
      .map((page) => page instanceof Map ? [...page.keys()] : []);
    assert.equal(new Set(shown.flat()).size, shown.flat().length);
    shownByC += shown[2].length;
    return a.machine.membership.view.size === 2 && b.machine.membership.isSettled && a.machine.membership.isSettled;
  }, { withinMs: 6_000 });
  assert.equal(shownByC, 0);
  assert.equal(c.machine.membership.view.size, 3, "it decides nothing");
  world.run(HEARING_MS);
  assert.equal(c.machine.closed(world.clock.now)?.reason, "fenced");
  const token = world.push(c, IDS[0], "lost");
  assert.deepEqual({ ...c.outcomes.get(token), retryMs: 0 }, { result: "rejected", reason: "fenced", retryMs: 0 });
  world.gets = () => true;
  world.until("one view again", () => world.isWhole(3), { withinMs: 45_000 });
  world.run(10);
  assertShown(world, { by: a, text: "one" });
});

Deno.test("RingMachine: an owner that is cut off with its standby answers no push, as most of the ring may have another", () => {
  const { world, members } = ringOf("abcde"), [a] = members;
  const id = IDS.find((id) => {
    const { owner, standby } = a.machine.place(id)!;
    return `${owner}${standby}` === "de" || `${owner}${standby}` === "ed";
  })!;
  world.gets = (from, to) => "de".includes(from) === "de".includes(to);
  const owner = world.members.get(a.machine.place(id)!.owner)!;
  const token = world.push(owner, id, "one");
  world.run(2_000);
  assert.equal(owner.outcomes.get(token)?.result, "rejected");
  world.until("others to own it", () => "abc".includes(a.machine.place(id)!.owner), { withinMs: 6_000 });
  world.run(1_000);
  const again = world.push(a, id, "two");
  world.run(100);
  assert.deepEqual(a.outcomes.get(again), { result: "stored" });
  world.gets = () => true;
  world.until("one view again", () => world.isWhole(5), { withinMs: 60_000 });
  world.run(100);
  assert.deepEqual(world.shownBy(id).map((shown) => shown.split(" ")[1]), ["two"]);
});

Deno.test("RingMachine: at exactly half the half with the lowest name goes on", () => {
  const { world, members: [a, b, c, d] } = ringOf("abcd");
  const isHere = (name: string) => name === "a" || name === "d";
  world.gets = (from, to) => isHere(from) === isHere(to);
  world.run(40_000);
  const state = [a, b, c, d].map(({ machine }) =>
    `${machine.membership.view.size} ${machine.closed(world.clock.now)?.reason}`
  );
  assert.deepEqual(state, ["2 undefined", "4 fenced", "4 fenced", "2 undefined"]);
});

Deno.test("RingMachine: of two each goes on alone, and both are one again when they hear of each other", () => {
  const { world, members: [a, b] } = ringOf("ab");
  pushAll(world, { members: [a, b], text: "one" });
  world.run(1_000);
  world.gets = () => false;
  world.until("both to be alone", () => a.machine.membership.view.size === 1 && b.machine.membership.view.size === 1);
  world.run(1_000);
  assert.deepEqual([a.shown.size, b.shown.size], [IDS.length, IDS.length]);
  world.gets = () => true;
  world.until("one view again", () => world.isWhole(2), { withinMs: 45_000 });
  world.run(10);
  assertShown(world, { by: a, text: "one" });
});

Deno.test("RingMachine: after an own stall it accuses nobody, and shows what the others confirm", () => {
  const { world, members: [a, b] } = ringOf("abc");
  pushAll(world, { members: [a, b], text: "one" });
  const start = world.clock;
  // Time goes on for a alone: what it hears meanwhile waits, like at a process that is stopped.
  const later = { now: start.now + 6_000, wall: start.wall + 6_000 };
  const asked = a.machine.handle({ type: "page", token: 1_000 }, later);
  assert.deepEqual(asked.filter((effect) => effect.do === "page"), [], "nothing before they have answered");
  assert.deepEqual(asked.map((effect) => effect.do === "send" && effect.message.type), ["CONFIRM", "CONFIRM"]);
  const effects = a.machine.handle({ type: "tick" }, later);
  assert.ok(effects.some((effect) => effect.do === "note" && effect.sentence === "This process was stalled"));
  assert.ok(!effects.some((effect) => effect.do === "note" && effect.sentence.includes("a silent member")));
  assert.ok(a.machine.membership.rows.every(({ status }) => status === "ALIVE"));
  assert.equal(b.machine.closed(world.clock.now), undefined);
});

Deno.test("RingMachine: in a ring of one nobody else is asked", () => {
  const { world, members: [a] } = ringOf("a");
  const token = world.ask(a);
  assert.ok(a.pages.get(token) instanceof Map);
});
