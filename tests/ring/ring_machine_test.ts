/** A few members as machines, in a world without faults but for those that a test makes. The simulator makes all others. */

import assert from "node:assert/strict";
import { TICK_MS } from "../../ring/protocol/effects.ts";
import { MAX_WORDS_BYTES } from "../../ring/protocol/message_fields.ts";
import { UNREAD_TOLD_MS } from "../../ring/ring_machine.ts";
import { RingMachines } from "../support/ring_machines.ts";
import { assertShown, IDS, pushAll, ringOf } from "../support/ring_of_machines.ts";
import { row } from "../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("RingMachine: three come to one view, forward to the owner, show at exactly one, and hand over on leave", () => {
  const { world, members: [a, b, c] } = ringOf("abc");
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
  const { world, members: [a, b, c] } = ringOf("abc");
  pushAll(world, { members: [a, b, c], text: "one" });
  world.run(1_000);
  world.kill(b);
  world.until("a view without b", () => world.isWhole(2), { withinMs: 25_000 });
  assertShown(world, { by: a, text: "one" });
});

Deno.test("RingMachine: a push whose owner is gone is told so, and taken once there is another owner", () => {
  const { world, members: [a, b] } = ringOf("abc");
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
  const { world, members } = ringOf("abc");
  for (const [index, id] of IDS.entries()) {
    const through = members[index % 3], token = world.push(through, id, "one");
    world.until("an answer", () => through.outcomes.has(token), { withinMs: 1_000 });
    assert.deepEqual(through.outcomes.get(token), { result: "stored" });
    assert.ok(members.filter(({ store }) => store.has(id)).length >= 2, id);
    assert.equal(world.shownBy(id).length, 1);
  }
});

Deno.test("RingMachine: where the standby cannot keep a push, the next member does", () => {
  const { world, members: [a, b, c] } = ringOf("abc");
  const id = IDS.find((id) => a.machine.place(id)!.owner === "a" && a.machine.place(id)!.standby === "b")!;
  world.gets = (from, to) => !(from === "a" && to === "b");
  const token = world.push(a, id, "one");
  world.run(1_000);
  assert.deepEqual(a.outcomes.get(token), { result: "stored" });
  assert.deepEqual([b.store.has(id), c.store.has(id)], [false, true]);
});

Deno.test("RingMachine: who joins pulls what will be its own, and then shows it at once, nobody else any more", () => {
  const { world, members: [a, b] } = ringOf("ab");
  pushAll(world, { members: [a, b], text: "one" });
  const d = world.start("d");
  world.until("d to join", () => world.isWhole(3));
  world.run(10);
  assert.ok(d.shown.size > 3);
  assertShown(world, { by: a, text: "one" });
});

Deno.test("RingMachine: a member goes on from what it has kept: incarnation, agreed view, copies", () => {
  const { world, members: [a, b, c] } = ringOf("abc");
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
  const { world, members: [a, b, c] } = ringOf("abc");
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

Deno.test("RingMachine: nobody believes that it has left", () => {
  const { world, members: [a, b] } = ringOf("ab");
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
  const { world, members: [a] } = ringOf("ab");
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
  const { world, members: [a, b, c] } = ringOf("abc");
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
  const { world, members: [a] } = ringOf("a", { ttlMs: 30_000 });
  world.push(a, "c", "one");
  world.run(10);
  assert.deepEqual(world.shownBy("c"), ["a one"]);
  world.run(30_000);
  assert.deepEqual([world.shownBy("c"), a.machine.load.owned], [[], 0]);
});

Deno.test("RingMachine settles what is pushed after it has left", () => {
  const { world, members: [a] } = ringOf("a");
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
  const { world, members: [a, b] } = ringOf("ab");
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
    const { world, members: [a, b, c] } = ringOf("abc");
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
