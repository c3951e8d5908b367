/** A few members as machines, in a world without faults but for those that a test makes. The simulator makes all others. */

import assert from "node:assert/strict";
import { WELL_AGAIN_MS } from "../../ring/membership/ability.ts";
import { HEARING_MS } from "../../ring/membership/fence.ts";
import { CONFIRM_MS } from "../../ring/membership/view_confirmation.ts";
import { TICK_MS } from "../../ring/protocol/effects.ts";
import { MAX_WORDS_BYTES } from "../../ring/protocol/message_fields.ts";
import { UNREAD_TOLD_MS } from "../../ring/ring_machine.ts";
import { type MachineMember, RingMachines } from "../support/ring_machines.ts";
import { row } from "../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const IDS = Array.from({ length: 30 }, (_, i) => `cluster-${i}`);

/** Members that have come to one view. */
function ring(names: string, options?: ConstructorParameters<typeof RingMachines>[1]) {
  const world = new RingMachines([...names], options);
  const members = [...names].map((name) => world.start(name));
  world.until("one view", () => world.isWhole(names.length));
  return { world, members };
}

/** Pushes every cluster through members in turn. */
function pushAll(world: RingMachines, { members, text }: { members: readonly MachineMember[]; text: string }) {
  const pushes = IDS.map((id, i) => {
    const ingress = members[i % members.length];
    return { ingress, token: world.push(ingress, id, text) };
  });
  world.run(50);
  return pushes.map(({ ingress, token }) => ingress.outcomes.get(token));
}

/** Of each cluster who shows it: exactly the owner. */
function assertShown(world: RingMachines, { by, text }: { by: MachineMember; text: string }) {
  for (const id of IDS) assert.deepEqual(world.shownBy(id), [`${by.machine.place(id)!.owner} ${text}`], id);
}

Deno.test("RingMachine: three come to one view, forward to the owner, show at exactly one, and hand over on leave", () => {
  const { world, members: [a, b, c] } = ring("abc");
  const answers: string[] = [];
  world.onSend = (from, to, { type }) => void (/^PUT|COPY/.test(type) && answers.push(`${from} ${to} ${type}`));
  const id = IDS.find((id) => a.machine.place(id)!.owner === "b" && a.machine.place(id)!.standby === "c")!;
  const token = world.push(a, id, "one");
  world.run(20);
  assert.deepEqual(a.outcomes.get(token), { result: "stored" });
  // The standby's copy waits for no client: it goes together with the answer.
  assert.deepEqual(answers.toSorted(), ["a b PUT", "b a PUT_OK", "b c COPY", "c b COPY_OK"]);
  assert.deepEqual(world.shownBy(id), ["b one"]);
  assert.deepEqual([a.store.has(id), c.store.has(id)], [false, true]);

  for (const outcome of pushAll(world, { members: [a, b, c], text: "two" })) {
    assert.deepEqual(outcome, { result: "stored" });
  }
  assertShown(world, { by: a, text: "two" });
  world.run(5_000);

  world.handle(b, { type: "leave" });
  world.until("b to leave", () => b.hasLeft, { withinMs: 5_000 });
  world.run(1_000);
  assert.ok(world.isWhole(2));
  assertShown(world, { by: a, text: "two" });
  assert.deepEqual(a.machine.membership.rows.map(({ name, status }) => `${name} ${status}`).toSorted(), [
    "a ALIVE",
    "b LEFT",
    "c ALIVE",
  ]);
});

Deno.test("RingMachine: heirs show a crashed member's clusters within 25 s, from the standby's copies", () => {
  const { world, members: [a, b, c] } = ring("abc");
  pushAll(world, { members: [a, b, c], text: "one" });
  world.run(1_000);
  world.kill(b);
  world.until("a view without b", () => world.isWhole(2), { withinMs: 25_000 });
  assertShown(world, { by: a, text: "one" });
});

Deno.test("RingMachine: a push whose owner is gone is told so, and taken once there is another owner", () => {
  const { world, members: [a, b] } = ring("abc");
  const id = IDS.find((id) => a.machine.place(id)!.owner === "b" && a.machine.place(id)!.standby === "c")!;
  world.kill(b);
  const token = world.push(a, id, "one");
  world.run(5_000);
  const outcome = a.outcomes.get(token);
  assert.deepEqual([outcome?.result, outcome?.result === "rejected" && outcome.reason], ["rejected", "unreachable"]);
  world.until("a view without b", () => world.isWhole(2), { withinMs: 20_000 });
  const again = world.push(a, id, "one");
  world.run(100);
  assert.deepEqual(a.outcomes.get(again), { result: "stored" });
  assert.deepEqual(world.shownBy(id), ["c one"]);
});

Deno.test("RingMachine: what was acknowledged is on two members, and shown by one, at that moment", () => {
  const { world, members } = ring("abc");
  for (const [index, id] of IDS.entries()) {
    const through = members[index % 3], token = world.push(through, id, "one");
    world.until("an answer", () => through.outcomes.has(token), { withinMs: 1_000 });
    assert.deepEqual(through.outcomes.get(token), { result: "stored" });
    assert.ok(members.filter(({ store }) => store.has(id)).length >= 2, id);
    assert.equal(world.shownBy(id).length, 1);
  }
});

Deno.test("RingMachine: where the standby cannot keep a push, the next member does", () => {
  const { world, members: [a, b, c] } = ring("abc");
  const id = IDS.find((id) => a.machine.place(id)!.owner === "a" && a.machine.place(id)!.standby === "b")!;
  world.gets = (from, to) => !(from === "a" && to === "b");
  const token = world.push(a, id, "one");
  world.run(1_000);
  assert.deepEqual(a.outcomes.get(token), { result: "stored" });
  assert.deepEqual([b.store.has(id), c.store.has(id)], [false, true]);
});

Deno.test("RingMachine: a member whose store fails only votes, and owns nothing until it has been well for a minute", () => {
  const { world, members: [a, b, c] } = ring("abc");
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
  const { world, members: [a, b] } = ring("ab");
  world.run(TICK_MS);
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

Deno.test("RingMachine: a member that reaches one of three others gives way to them, votes on, and comes back", () => {
  const { world, members: [a, b, c, d] } = ring("abcd");
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

/** The link between two of three is cut; returns an id of which one of them is the owner, and the other its ingress. */
function withCutLink({ cut = ["a", "b"] }: { cut?: readonly string[] } = {}) {
  const { world, members: [a, b, c] } = ring("abc");
  const id = IDS.find((id) => a.machine.place(id)!.owner === "b")!;
  const puts: string[] = [];
  world.onSend = (from, to, { type, header }) =>
    void (/^PUT$|^PUT_OK$|^NACK$/.test(type) && puts.push([from, to, type, header.to ?? header.code ?? ""].join(" ")));
  world.gets = (from, to) => !(cut[0] === from && cut[1] === to) && !(cut[0] === to && cut[1] === from);
  world.run(5_000);
  return { world, a, b, c, id, puts };
}

Deno.test("RingMachine: a push gets past one link that is cut, through whoever has vouched for the owner, in one outcome", () => {
  const { world, a, b, id, puts } = withCutLink();
  const token = world.push(a, id, "one");
  world.run(50);
  assert.deepEqual(a.outcomes.get(token), { result: "stored" });
  assert.deepEqual(puts, ["a c PUT b", "c b PUT ", "b c PUT_OK ", "c a PUT_OK "]);
  assert.deepEqual(world.shownBy(id), ["b one"]);
  assert.equal(b.machine.membership.view.size, 3, "nobody is suspected");
});

Deno.test("RingMachine: a push that nobody can bring to its owner is passed on at most once, and its client told", () => {
  const { world, a, id, puts } = withCutLink();
  // By now the owner is out of reach for the other one as well, which does not know yet.
  world.gets = (from, to) => ![from, to].includes("b");
  const token = world.push(a, id, "one");
  world.run(10_000);
  assert.equal(a.outcomes.get(token)?.result, "rejected");
  assert.deepEqual(puts.filter((put) => / PUT /.test(put)), ["a c PUT b", "c b PUT "]);
});

Deno.test("RingMachine: a push is passed on to no member that has no link either, and never to oneself or a stranger", () => {
  const { world, a, c, puts } = withCutLink({ cut: ["a", "c"] });
  const header = { id: IDS[0], origin: ["c", 1], view: c.machine.membership.view.digest, hops: 1 };
  const pass = (to: string) => {
    const link = a.links.get("b")!;
    world.handle(a, {
      type: "message",
      link,
      message: { type: "PUT", request: 9, header: { ...header, to }, body: new Uint8Array() },
    });
    world.run(5);
  };
  for (const to of ["c", "d"]) pass(to);
  assert.deepEqual(puts, ["a b NACK NO_WAY", "a b NACK NO_WAY"]);
});

Deno.test("RingMachine: heirs make ready what they would own, before the view without a silent member is decided", () => {
  const { world, members } = ring("abc"), [a, b, c] = members;
  pushAll(world, { members, text: "one" });
  const owned = IDS.filter((id) => a.machine.place(id)!.owner === "c");
  world.gets = (from, to) => ![from, to].includes("c");
  const heirs = new Map<string, ReadonlySet<string>>();
  world.until("a view without c", () => {
    const isDecided = a.machine.membership.view.size === 2;
    if (!isDecided) { for (const heir of [a, b]) heirs.set(heir.name, new Set(heir.prepared)); }
    return isDecided;
  }, { withinMs: 5_000 });
  for (const id of owned) {
    const { owner } = a.machine.place(id)!;
    assert.ok(heirs.get(owner)!.has(id), `${owner} prepares ${id}`);
  }
  assert.equal(heirs.get("a")!.size + heirs.get("b")!.size, owned.length, "and nothing else");
  assert.deepEqual([...c.prepared], [], "who hears nobody expects to inherit nothing");
  const isInherited = (id: string) => world.shownBy(id).includes(`${a.machine.place(id)!.owner} one`);
  world.until("the heirs to show it", () => owned.every(isInherited), { withinMs: 1_000 });
  assert.deepEqual([a.prepared.size, b.prepared.size], [0, 0], "nothing is kept ready after that");
});

Deno.test("RingMachine: what was made ready is given up when the member is heard again", () => {
  const { world, members } = ring("abc"), [a, b, c] = members;
  pushAll(world, { members, text: "one" });
  world.unlink("a", "c");
  world.unlink("b", "c");
  assert.ok(a.prepared.size > 0 && b.prepared.size > 0, "its links have ended");
  world.until("c to be linked again", () => a.links.has("c") && b.links.has("c"), { withinMs: 1_000 });
  world.run(TICK_MS);
  assert.deepEqual([a.prepared.size, b.prepared.size, c.prepared.size], [0, 0, 0]);
  assert.equal(a.machine.membership.view.size, 3);
});

Deno.test("RingMachine: heirs of one that leaves make ready what they will own while it still shows it", () => {
  const { world, members } = ring("abc"), [a, b, c] = members;
  pushAll(world, { members, text: "one" });
  const owned = IDS.filter((id) => a.machine.place(id)!.owner === "c");
  world.handle(c, { type: "leave" });
  world.until("c to hand over", () => c.machine.membership.self.phase === "LEAVING", { withinMs: 3_000 });
  assert.equal(a.prepared.size + b.prepared.size, owned.length);
  world.until("c to be gone", () => c.hasLeft);
  world.run(500);
  assertShown(world, { by: a, text: "one" });
  assert.deepEqual([a.prepared.size, b.prepared.size], [0, 0]);
});

Deno.test("RingMachine: who joins pulls what will be its own, and then shows it at once, nobody else any more", () => {
  const { world, members: [a, b] } = ring("ab");
  pushAll(world, { members: [a, b], text: "one" });
  const d = world.start("d");
  world.until("d to join", () => world.isWhole(3));
  world.run(10);
  assert.ok(d.shown.size > 3);
  assertShown(world, { by: a, text: "one" });
});

Deno.test("RingMachine: a member goes on from what it has kept: incarnation, agreed view, copies", () => {
  const { world, members: [a, b, c] } = ring("abc");
  pushAll(world, { members: [a, b, c], text: "one" });
  const { incarnation } = c.machine.membership.self, { agreed } = c.machine.membership;
  const epoch = agreed!.epoch;
  assert.deepEqual(agreed!.members.map(({ name }) => name), ["a", "b", "c"]);
  world.kill(c);
  const again = world.start("c");
  assert.ok(again.machine.membership.self.incarnation > incarnation);
  assert.equal(again.machine.membership.agreed!.epoch, epoch);
  assert.equal(again.machine.closed(world.clock.now)?.reason, "joining");
  assert.equal(again.machine.load.owned + again.machine.load.standby + again.machine.load.foreign, c.store.size);
  world.until("c to be back", () => world.isWhole(3));
  assertShown(world, { by: a, text: "one" });
});

Deno.test("RingMachine: after a restart of all nobody shows what another one holds a newer push of", () => {
  const { world, members: [a, b, c] } = ring("abc");
  // While one is away the others keep everything, which is old once they share with it again.
  world.kill(c);
  world.until("a view of two", () => world.isWhole(2));
  pushAll(world, { members: [a, b], text: "old" });
  const back = world.start("c");
  world.until("a view of three", () => world.isWhole(3));
  pushAll(world, { members: [a, b, back], text: "new" });
  assertShown(world, { by: a, text: "new" });
  for (const member of world.running) world.kill(member);
  for (const name of ["b", "c", "a"]) {
    world.start(name);
    world.run(100);
  }
  for (let ms = 0; !world.isWhole(3); ms++, world.run(1)) {
    assert.ok(ms < 10_000, "they come to one view");
    for (const shown of IDS.flatMap((id) => world.shownBy(id))) assert.match(shown, /new/, `after ${ms} ms`);
  }
  assertShown(world, { by: world.running[0], text: "new" });
});

Deno.test("RingMachine: nobody confirms the pages of one that is cut off, and no cluster is shown twice", () => {
  const { world, members } = ring("abc"), [a, b, c] = members;
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
  const { world, members } = ring("abcde"), [a] = members;
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
  const { world, members: [a, b, c, d] } = ring("abcd");
  const isHere = (name: string) => name === "a" || name === "d";
  world.gets = (from, to) => isHere(from) === isHere(to);
  world.run(40_000);
  const state = [a, b, c, d].map(({ machine }) =>
    `${machine.membership.view.size} ${machine.closed(world.clock.now)?.reason}`
  );
  assert.deepEqual(state, ["2 undefined", "4 fenced", "4 fenced", "2 undefined"]);
});

Deno.test("RingMachine: of two each goes on alone, and both are one again when they hear of each other", () => {
  const { world, members: [a, b] } = ring("ab");
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
  const { world, members: [a, b] } = ring("abc");
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
  const { world, members: [a] } = ring("a");
  const token = world.ask(a);
  assert.ok(a.pages.get(token) instanceof Map);
});

Deno.test("RingMachine: nobody believes that it has left", () => {
  const { world, members: [a, b] } = ring("ab");
  const link = b.links.get("a")!, { incarnation } = b.machine.membership.self;
  const rows = [{ ...b.machine.membership.self, status: "LEFT" }];
  const message = {
    type: "TABLE",
    request: 0,
    header: { rows, full: false, reply: false },
    body: new Uint8Array(),
  } as const;
  world.handle(b, { type: "message", link, message });
  assert.deepEqual([b.machine.membership.self.status, b.machine.membership.self.incarnation], [
    "ALIVE",
    incarnation + 1,
  ]);
  assert.equal(b.machine.closed(world.clock.now)?.reason, "joining");
  world.until("one view again", () => world.isWhole(2), { withinMs: 45_000 });
  assert.equal(a.machine.membership.view.size, 2);
});

Deno.test("RingMachine drops what it cannot read, says so once a minute, and keeps the link", () => {
  const { world, members: [a] } = ring("ab");
  const link = a.links.get("b")!;
  const message = { type: "PUT", request: 1, header: { id: 7 }, body: new Uint8Array() } as const;
  const handle = (now: number) => a.machine.handle({ type: "message", link, message }, { ...world.clock, now });
  const { now } = world.clock;
  const effects = Array.from({ length: 100 }, () => handle(now)).flat();
  assert.equal(effects.filter((effect) => effect.do === "unread" && effect.type === "PUT").length, 100);
  assert.deepEqual(effects.flatMap((effect) => effect.do === "unread" ? [] : [effect]), [{
    do: "note",
    level: "warn",
    sentence: "Dropped messages of a peer that cannot be read",
    fields: { member: "b", type: "PUT", why: "Field 'id' is not a text of 1 to 255 characters", count: 1 },
  }]);
  const [, note] = handle(now + UNREAD_TOLD_MS);
  assert.equal(note.do === "note" && note.fields.count, 100);
  assert.ok(world.isWhole(2));
});

Deno.test("RingMachine: a push that its owner refuses at length is refused at once at any member, and costs no link", () => {
  const { world, members: [a, b, c] } = ring("abc");
  const id = IDS.find((id) => a.machine.place(id)!.owner === "b" && a.machine.place(id)!.standby === "c")!;
  const good = IDS.filter((other) => other !== id);
  world.refuse = (entry) =>
    entry.id === id ? { reason: `invalid ${"long".repeat(9_999)}`, detail: "\u0000\u202e".repeat(99_999) } : undefined;
  for (let i = 0; i < 20; i++) {
    const token = world.push(a, id, "bad");
    const pushes = good.map((other) => world.push(a, other, `good ${i}`));
    world.run(20);
    const outcome = a.outcomes.get(token)!;
    assert.ok(outcome.result === "rejected" && outcome.reason === "refused", JSON.stringify(outcome).slice(0, 99));
    const { reason, detail } = outcome.refused!;
    assert.match(reason, /^invalid long/);
    assert.ok(reason.length <= MAX_WORDS_BYTES && detail.length <= MAX_WORDS_BYTES);
    assert.deepEqual(pushes.map((push) => a.outcomes.get(push)?.result), good.map(() => "stored"));
  }
  assert.deepEqual([a.unread, b.unread, c.unread], [[], [], []]);
  assert.ok(world.isWhole(3));
});

Deno.test("RingMachine shows nothing that is older than its time, and forgets it", () => {
  const { world, members: [a] } = ring("a", { ttlMs: 30_000 });
  world.push(a, "c", "one");
  world.run(10);
  assert.deepEqual(world.shownBy("c"), ["a one"]);
  world.run(30_000);
  assert.deepEqual([world.shownBy("c"), a.machine.load.owned], [[], 0]);
});

Deno.test("RingMachine settles what is pushed after it has left", () => {
  const { world, members: [a] } = ring("a");
  world.handle(a, { type: "leave" });
  world.until("a to leave", () => a.hasLeft);
  const [effect, ...others] = a.machine.handle(
    { type: "push", token: 9, id: "c", bytes: new Uint8Array(1) },
    world.clock,
  );
  assert.deepEqual([effect, others], [
    { do: "settle", token: 9, outcome: { result: "rejected", reason: "unreachable" } },
    [],
  ]);
});

Deno.test("RingMachine waits for no joiner that has died before it leaves", () => {
  const { world, members: [a, b] } = ring("ab");
  pushAll(world, { members: [a, b], text: "one" });
  const d = world.start("d");
  // It asks for what will be its own, and nothing reaches it any more.
  let hasAsked = false;
  world.onSend = (from, _to, { type }) => void (hasAsked ||= from === "d" && type === "PULL");
  world.until("d to ask", () => hasAsked);
  world.gets = (_from, to) => to !== "d";
  world.until("something to be owed to d", () => a.machine.load.owed > 0);
  world.kill(d);
  world.until(
    "d to be given up",
    () => a.machine.membership.rows.some(({ name, status }) => name === "d" && status === "DEAD"),
  );
  world.run(250);
  assert.equal(a.machine.load.owed, 0);
});

/** Microseconds since the epoch, by the clock of a world. */
const micros = ({ clock }: RingMachines) => clock.wall * 1_000;

for (
  const [what, number] of [
    ["the highest number that there is", () => Number.MAX_SAFE_INTEGER],
    ["2^52", () => 2 ** 52],
    ["the highest that is believed", micros],
    ["one more than is believed", (world) => micros(world) + 1],
  ] as [string, (world: RingMachines) => number][]
) {
  Deno.test(`RingMachine: a ring is one again after frames with incarnations and an epoch of ${what}, restarts or not`, () => {
    const { world, members: [a, b, c] } = ring("abc");
    pushAll(world, { members: [a, b, c], text: "one" });
    const value = number(world);
    const rows = [a, b, c].map(({ machine }) => ({ ...machine.membership.self, incarnation: value, since: value }));
    const { members } = a.machine.membership.agreed!;
    const tables = [{ rows: [...rows, row("ghost", { incarnation: value })] }, {
      rows: [],
      agreed: { epoch: value, members },
    }];
    for (const table of tables) {
      world.handle(a, {
        type: "message",
        link: a.links.get("c")!,
        message: { type: "TABLE", request: 0, header: { ...table, full: false }, body: new Uint8Array() },
      });
    }
    const isOne = () => {
      const { running } = world;
      return world.isWhole(3) &&
        running.every(({ machine: { membership } }) => membership.agreed!.members.length === 3);
    };
    world.run(TICK_MS);
    world.until("one view", isOne, { withinMs: 90_000 });
    world.run(1_000);
    assertShown(world, { by: a, text: "one" });
    // One comes back, and the others have agreed without it: their numbers go on from there.
    const before = world.running[0].machine.membership.agreed!.epoch;
    world.kill(b);
    world.until("a view without b", () => world.isWhole(2), { withinMs: 25_000 });
    world.start("b");
    world.until("one view with b", isOne, { withinMs: 90_000 });
    for (const { machine } of world.running) assert.ok(machine.membership.agreed!.epoch > before);
    // And all of them.
    for (const member of [...world.members.values()]) world.kill(member);
    for (const name of "abc") world.start(name);
    world.until("one view after all were gone", isOne, { withinMs: 120_000 });
    assert.equal(new Set(world.running.map(({ machine }) => machine.membership.agreed!.epoch)).size, 1);
  });
}
