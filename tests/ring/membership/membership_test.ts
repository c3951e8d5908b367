/** Who is in the ring: what one member says and does, without a network. */

import assert from "node:assert/strict";
import type { Effect, SavedState } from "../../../ring/protocol/effects.ts";
import { KEEP_GONE_MS } from "../../../ring/membership/member_table.ts";
import type { AgreedView } from "../../../ring/protocol/agreed_view.ts";
import type { Member } from "../../../ring/protocol/member.ts";
import { INCARNATION_RESERVE } from "../../../ring/membership/kept_state.ts";
import { REFUSAL_MS } from "../../../ring/membership/contacts.ts";
import { GONE_AFTER_MS } from "../../../ring/membership/links.ts";
import { Membership } from "../../../ring/membership/membership.ts";
import { isBelieved } from "../../../ring/protocol/headroom.ts";
import { SEED_PATIENCE_MS, SEED_TOLD_MS } from "../../../ring/membership/seeds.ts";
import { ACCUSE_AFTER_MS, SUSPECT_AFTER_MS } from "../../../ring/membership/silence.ts";
import type { RefusalCode } from "../../../ring/protocol/mesh.ts";
import { type Message, type MessageOf, readMessage } from "../../../ring/protocol/messages.ts";
import { throughFrame } from "../../support/through_frame.ts";
import { ringContext } from "../../support/ring_context.ts";
import { agreedView, beliefs, linkTo, row } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const at = (now: number) => ({ now, wall: now });
/** What a random number of a half makes of a disk. */
const DISK = "8".repeat(32);

/** The membership of `m`, and what it asks for. */
function open(
  { seeds = [], bootstraps, saved }: { seeds?: readonly string[]; bootstraps?: boolean; saved?: SavedState } = {},
) {
  const effects: Effect[] = [];
  const views: string[] = [];
  const { name, boot, address, host } = row("m");
  const context = ringContext({
    name,
    self: () => membership.self,
    view: () => membership.view,
    isSettled: () => membership.isSettled,
    isServing: () => membership.isServing,
    isCurrent: () => membership.isCurrent,
    isFenced: (now) => membership.isFenced(now),
    isLinked: (name) => membership.isLinked(name),
    emit: (effect) => void effects.push(effect),
  });
  const membership: Membership = new Membership(context, {
    self: { name, boot, address, host },
    seeds,
    bootstraps,
    saved,
    now: 0,
    isClearFor: () => true,
    onView: (view) => views.push(view.names.join("")),
  });
  const taken = <D extends Effect["do"]>(what: D) =>
    effects.splice(0).filter((effect) => effect.do === what) as Extract<Effect, { do: D }>[];
  return {
    membership,
    views,
    /** The states to save since the last look. */
    saves: () => taken("save").map(({ state }) => state),
    dials: () => taken("dial").map(({ address }) => address),
    notes: () => taken("note").map(({ level, fields }) => `${level} ${fields.member} ${fields.aheadMs}`),
    told: () =>
      taken("note").filter(({ fields }) => "address" in fields)
        .map(({ level, sentence, fields }) => `${level} ${sentence} ${fields.address}`),
    /** What was sent of a type since the last look. */
    sent: <T extends Message["type"]>(type: T) =>
      taken("send").map(({ to, message }) => ({ to, message: readMessage(throughFrame(message)) }))
        .filter(({ message }) => message.type === type) as { to: string; message: MessageOf<T> }[],
    tell: (rows: readonly Member[], now = 0, from = rows[0].name) =>
      membership.message(linkTo(from).peer, { type: "TABLE", request: 0, rows, full: false, reply: false }, at(now)),
    /** A peer tells of a view that is decided. */
    decide: (agreed: AgreedView, now = 0, from = "a") => {
      const told = { rows: [], agreed, full: true, reply: false };
      membership.message(linkTo(from).peer, { type: "TABLE", request: 0, ...told }, at(now));
    },
    /** Lets ticks come from one time to another. */
    tick: (from: number, to = from) => {
      for (let now = from; now <= to; now += 250) membership.tick(at(now));
    },
  };
}

Deno.test("Membership starts above what was saved, keeps a reserve, and counts its comings and goings", () => {
  const first = open();
  assert.deepEqual([first.membership.self.incarnation, first.membership.self.phase], [1, "JOINING"]);
  assert.deepEqual(first.saves(), [{ incarnation: 1 + INCARNATION_RESERVE, flaps: 0, disk: DISK }]);
  const agreed = agreedView(4, "a");
  const second = open({ saved: { incarnation: 1_001, flaps: 0, disk: "mine", agreed } });
  assert.equal(second.membership.self.incarnation, 1_002);
  assert.deepEqual(second.saves(), [{ incarnation: 2_002, flaps: 1, disk: "mine", agreed }]);
  second.membership.leave(at(0));
  assert.equal(second.saves()[0].flaps, 0, "who leaves in good order does not flap");
});

Deno.test("Membership has kept an incarnation long before it uses it", () => {
  const { membership, saves, tell } = open();
  saves();
  tell([row("m", { incarnation: 400, status: "SUSPECT" })]);
  assert.deepEqual([membership.self.incarnation, saves()], [401, [{ incarnation: 1_001, flaps: 1, disk: DISK }]]);
  tell([row("m", { incarnation: 501, status: "SUSPECT" })]);
  assert.equal(saves().at(-1)?.incarnation, 502 + INCARNATION_RESERVE);
});

for (
  const [what, name, boot, code] of [
    ["itself", "m", "boot-m", "self"],
    ["another process of its own name", "m", "x", "name-taken"],
    ["a second process of a name that it hears", "a", "x", "name-taken"],
    ["the same process once more", "a", "boot-a", undefined],
    ["somebody new", "b", "x", undefined],
  ] as const
) {
  Deno.test(`Membership.admit() of ${what}: ${code ?? "yes"}`, () => {
    const { membership, tell } = open();
    membership.linkUp(linkTo("a"), at(0));
    tell([row("a")]);
    assert.equal(membership.admit(linkTo(name, { boot }).peer, 1_000)?.code, code);
  });
}

Deno.test("Membership.admit() lets another process have the name of one that is silent", () => {
  const { membership, tell } = open();
  membership.linkUp(linkTo("a"), at(0));
  tell([row("a")]);
  assert.equal(membership.admit(linkTo("a", { boot: "x" }).peer, SUSPECT_AFTER_MS), undefined);
});

Deno.test("Membership tells a new link its table, and pings it", () => {
  const { membership, sent } = open();
  membership.linkUp(linkTo("a"), at(0));
  const [{ to, message }] = sent("TABLE");
  assert.deepEqual([to, message.rows, message.full, message.reply], ["a", [membership.self], true, false]);
  membership.linkUp(linkTo("a"), at(1));
  assert.deepEqual(sent("TABLE"), [], "the same process once more");
  membership.linkUp(linkTo("b"), at(2));
  assert.deepEqual(sent("PING").map(({ to }) => to), ["b"]);
});

Deno.test("Membership sends a table of any names in frames that have room for it, with all that it says in the last", () => {
  // A control character takes six bytes in a frame.
  const names = Array.from({ length: 60 }, (_, i) => String(i).padEnd(255, "\u0001"));
  const agreed = agreedView(4, names.slice(0, 50).map((name) => row(name)));
  const { membership, sent, tell } = open({ saved: { incarnation: 1, flaps: 0, agreed } });
  tell(names.map((name) => row(name, { boot: "x" })), 0, "a");
  sent("TABLE");
  membership.linkUp(linkTo("a"), at(0));
  const tables = sent("TABLE").map(({ message }) => message);
  assert.deepEqual(tables.flatMap(({ rows }) => rows.map(({ name }) => name)), ["m", ...names]);
  assert.ok(tables.length > 1);
  assert.deepEqual(tables.map(({ full }) => full), tables.map((_, i) => i === tables.length - 1));
  assert.deepEqual(tables.flatMap(({ agreed }) => agreed ?? []), [agreed]);
});

Deno.test("Membership accuses no more members in a ping than its frame has room for", () => {
  const { membership, sent, tell, tick } = open();
  membership.linkUp(linkTo("a"), at(0));
  tell([row("a"), ...Array.from({ length: 250 }, (_, i) => row(String(i).padEnd(255, "\u0001"), { boot: "x" }))]);
  tick(0, ACCUSE_AFTER_MS + 500);
  const pings = sent("PING");
  assert.ok(pings.at(-1)!.message.accuses.length > 10);
});

Deno.test("Membership answers a ping with what it brought, and sends its table where tables differ, once a second", () => {
  const { membership, sent, tell } = open();
  membership.linkUp(linkTo("a"), at(0));
  tell([row("a")]);
  const ping: Message = { type: "PING", request: 0, at: 77, ...beliefs() };
  sent("ACK");
  membership.message(linkTo("a").peer, ping, at(10));
  assert.equal(sent("ACK")[0].message.at, 77);
  membership.message(linkTo("a").peer, ping, at(500));
  assert.deepEqual(sent("TABLE"), []);
  membership.message(linkTo("a").peer, ping, at(1_010));
  assert.equal(sent("TABLE")[0].message.reply, true);
});

Deno.test("Membership has a member pinged for another, and passes the answer on, if it is linked with that very process", () => {
  const { membership, sent, tell } = open();
  for (const name of ["a", "b"]) membership.linkUp(linkTo(name), at(0));
  tell([row("a"), row("b")]);
  sent("PING");
  const ask = (boot: string) =>
    membership.message(linkTo("a").peer, { type: "PING_REQ", request: 0, target: "b", boot, at: 5 }, at(10));
  ask("namesake");
  assert.deepEqual(sent("PING"), []);
  ask("boot-b");
  const [{ to, message: { asker, askerBoot, askerAt, at: pingedAt } }] = sent("PING");
  assert.deepEqual([to, asker, askerBoot, askerAt], ["b", "a", "boot-a", 5]);
  membership.message(
    linkTo("b").peer,
    { type: "ACK", request: 0, at: pingedAt, asker, askerAt, ...beliefs({ view: "theirs" }) },
    at(20),
  );
  const [{ to: back, message: answer }] = sent("PING_REQ_ACK");
  assert.deepEqual([back, answer.target, answer.boot, answer.at, answer.view], ["a", "b", "boot-b", 5, "theirs"]);
});

Deno.test("Membership asks others before it suspects, says so to all, and declares dead when most agree", () => {
  const { membership, sent, tell, tick } = open();
  for (const name of ["a", "b", "c"]) membership.linkUp(linkTo(name), at(0));
  tell([row("a"), row("b"), row("c")]);
  const asked = new Set<string>(), told: string[] = [];
  for (let now = 250; now <= 12_000; now += 250) {
    // Only a is silent.
    for (const name of ["b", "c"]) {
      const accuses = now >= 9_000 && name === "b" ? ["a"] : [];
      membership.message(linkTo(name).peer, { type: "PING", request: 0, at: now, ...beliefs({ accuses }) }, at(now));
    }
    sent("ACK");
    tick(now);
    const sends = sent("PING_REQ");
    if (sends.length > 0 && asked.size === 0) assert.ok(now >= 1_500 && now < 1_750, String(now));
    for (const { to, message } of sends) asked.add(`${to} ${message.target} ${message.boot}`);
    const status = membership.rows.find(({ name }) => name === "a")!.status;
    if (told.at(-1)?.split(" ")[1] !== status) told.push(`${Math.ceil(now / 1_000)} ${status}`);
  }
  assert.deepEqual([...asked].toSorted(), ["b a boot-a", "c a boot-a"]);
  assert.deepEqual(told, ["1 ALIVE", "3 SUSPECT", "10 DEAD"]);
});

Deno.test("Membership has the view that was decided last, whatever the table says, and tells of it before anybody else can learn of it", () => {
  const { membership, views, tell, decide, sent } = open();
  membership.linkUp(linkTo("a"), at(0));
  tell([row("a"), row("b", { phase: "JOINING" })]);
  assert.deepEqual([views, membership.view.names], [[], []]);
  sent("TABLE");
  decide(agreedView(1, "a"));
  assert.deepEqual([views, membership.view.names, membership.isServing], [["a"], ["a"], false]);
  assert.deepEqual(sent("TABLE").map(({ message: { agreed } }) => agreed?.epoch), [1]);
  membership.advance("ACTIVE", at(1));
  assert.equal(membership.closed(1)?.reason, "joining", "it has not been decided yet that it serves");
  decide(agreedView(2, ["a", membership.self]));
  assert.deepEqual([views.at(-1), membership.isServing, membership.closed(1)?.reason], ["am", true, "unsettled"]);
  decide(agreedView(1, "a"));
  assert.equal(membership.epoch, 2, "and nothing earlier comes after it");
});

Deno.test("Membership begins to join again where the others go on without it", () => {
  const { membership, decide } = open();
  membership.linkUp(linkTo("a"), at(0));
  membership.advance("ACTIVE", at(1));
  decide(agreedView(2, ["a", membership.self]));
  const { since } = membership.self;
  assert.equal(membership.isServing, true);
  decide(agreedView(3, ["a"]));
  assert.deepEqual([membership.self.phase, membership.isServing], ["JOINING", false]);
  assert.ok(membership.self.since > since);
  assert.equal(membership.closed(2)?.reason, "joining");
});

Deno.test("Membership does not serve by the view of another disk of its name, though the stay has the same number", () => {
  const { membership, decide } = open();
  membership.linkUp(linkTo("a"), at(0));
  membership.advance("ACTIVE", at(1));
  decide(agreedView(2, ["a", { ...membership.self, disk: "destroyed" }]));
  assert.equal(membership.isServing, false);
});

Deno.test("Membership suspects a member whose link has ended once nobody listens where it was, and not before", () => {
  const { membership, tell, dials } = open();
  membership.linkUp(linkTo("a"), at(0));
  tell([row("a")]);
  dials();
  membership.linkDown(linkTo("a"), at(1_000));
  membership.tick(at(1_000));
  assert.deepEqual(dials(), ["a"], "it dials at once");
  const refused = { code: "unreachable", message: "Connection refused", nobodyListens: true } as const;
  membership.dialFailed("a", refused, at(1_001));
  assert.equal(membership.row("a")?.status, "ALIVE", "it may be restarting");
  membership.tick(at(1_000 + GONE_AFTER_MS));
  assert.deepEqual(dials(), ["a"], "and again");
  membership.dialFailed("a", { code: "unreachable", message: "It did not answer in time" }, at(1_001 + GONE_AFTER_MS));
  assert.equal(membership.row("a")?.status, "ALIVE", "it may be out of reach");
  membership.dialFailed("a", refused, at(1_002 + GONE_AFTER_MS));
  assert.equal(membership.row("a")?.status, "SUSPECT");
});

Deno.test("Membership goes on with those alone that an operator names, if it finds them", () => {
  const { membership, decide, tell } = open();
  for (const name of ["a", "b"]) membership.linkUp(linkTo(name), at(0));
  tell([row("a"), row("b"), row("c")]);
  membership.advance("ACTIVE", at(1));
  decide(agreedView(7, ["a", "b", "c", membership.self]));
  assert.match(membership.forceView(["m", "x"], at(2))!, /Cannot find .*: x$/);
  assert.match(membership.forceView(["a"], at(2))!, /^Name 'm' too/);
  assert.equal(membership.forceView(["m", "a"], at(2)), undefined);
  assert.deepEqual([membership.view.names, membership.agreed?.isStrict, membership.isServing], [
    ["a", "m"],
    true,
    true,
  ]);
  assert.ok(membership.epoch > 100);
});

Deno.test("Membership forgets who is gone, and nobody else, when it is told to", () => {
  const { membership, tell } = open();
  tell([row("a"), row("b")]);
  tell([row("b", { status: "DEAD" })], 1, "a");
  assert.deepEqual(["a", "b", "m", "x"].map((name) => membership.forget(name, at(2))), [false, true, false, false]);
  assert.deepEqual(membership.rows.map(({ name }) => name), ["m", "a"]);
});

Deno.test("Membership dials seeds, members and who was of its last ring; the dead for three days, who has left never", () => {
  const agreed = agreedView(1, ["m", "old"]);
  const { dials, tell, tick, membership } = open({ seeds: ["seed", "m"], saved: { incarnation: 1, flaps: 0, agreed } });
  tell([row("a"), row("left"), row("dead")]);
  tell([row("left", { status: "LEFT" }), row("dead", { status: "DEAD" })], 0, "a");
  membership.dialFailed("m", { code: "self", message: "itself" }, at(0));
  dials();
  tick(0, 5_000);
  assert.deepEqual(new Set(dials()), new Set(["a", "seed", "old", "dead"]));
  tick(KEEP_GONE_MS, KEEP_GONE_MS + 2_000);
  dials();
  tick(KEEP_GONE_MS + 2_250, KEEP_GONE_MS + 30_000);
  assert.deepEqual(new Set(dials()), new Set(["a", "seed", "old", "m"]));
});

for (const code of ["other-cluster", "version", "not-allowed", "handshake", "name-taken"] as RefusalCode[]) {
  Deno.test(`Membership starts no ring of its own while a peer would not have it: ${code}`, () => {
    // It was in a ring of two, of which each goes on alone.
    const agreed = agreedView(1, [row("m", { disk: "mine" }), row("s", { address: "seed" })]);
    const { membership } = open({ seeds: ["seed"], saved: { incarnation: 1, flaps: 0, disk: "mine", agreed } });
    membership.dialFailed("seed", { code, message: "no" }, at(10_000));
    assert.equal(membership.joinStep(10_000), "wait");
    assert.equal(membership.closed(10_000)?.reason, code === "name-taken" ? "name-taken" : "joining");
    assert.equal(membership.joinStep(10_000 + REFUSAL_MS), "serve");
  });
}

Deno.test("Membership that was never in a ring starts one only with a majority of those that it was told of, itself among them", () => {
  for (
    const [seeds, linked, bootstraps, step] of [
      [[], [], false, "serve"],
      [["m"], [], false, "serve"],
      [["a"], [], false, "wait"],
      [["a"], [], true, "serve"],
      [["a"], ["a"], false, "serve"],
      [["a", "b"], [], false, "wait"],
      [["a", "b"], ["b"], false, "serve"],
      [["m", "a", "b"], ["b"], false, "serve"],
      [["a", "b", "c"], ["b"], false, "wait"],
      [["a", "b", "c"], ["b", "c"], false, "serve"],
    ] as const
  ) {
    const { membership, tell } = open({ seeds, bootstraps });
    for (const name of linked) {
      membership.linkUp(linkTo(name, { dialled: name }), at(0));
      tell([row(name, { phase: "JOINING" })]);
    }
    const what = `--join ${seeds}, of whom ${linked} are there`;
    assert.equal(membership.joinStep(1_000_000), step, what);
  }
});

Deno.test("Membership tells of a seed that stays out of reach, again each minute, and when it reaches it", () => {
  const { membership, told, tick } = open({ seeds: ["m", "a", "b"] });
  const fail = (address: string, code: RefusalCode, now: number) =>
    membership.dialFailed(address, { code, message: `${code}!` }, at(now));
  assert.deepEqual(membership.seeds.map(({ address, state }) => `${address} ${state}`), ["a untried", "b untried"]);
  told();
  fail("a", "unreachable", 0);
  fail("b", "handshake", 0);
  fail("elsewhere", "unreachable", 0);
  const unreachable = "warn Cannot reach an address of --join: start that server, or take the address off the list a";
  const refused = "warn Somebody answers at an address of --join, and is no member that this one can link with b";
  assert.deepEqual(told(), [refused], "servers that are started together are not all there at once");
  for (let now = 1_000; now < SEED_PATIENCE_MS; now += 1_000) fail("a", "unreachable", now);
  assert.deepEqual(told(), []);
  fail("a", "unreachable", SEED_PATIENCE_MS);
  assert.deepEqual(told(), [unreachable]);
  for (let now = 1_000; now < SEED_TOLD_MS; now += 1_000) fail("a", "unreachable", SEED_PATIENCE_MS + now);
  assert.deepEqual(told(), []);
  fail("a", "unreachable", SEED_PATIENCE_MS + SEED_TOLD_MS);
  assert.deepEqual(told(), [unreachable]);
  fail("b", "unreachable", SEED_TOLD_MS);
  assert.deepEqual(told(), [unreachable.replace(/a$/, "b")], "what is wrong is something else now");
  assert.deepEqual(membership.seeds, [
    { address: "a", state: "unreachable", why: "unreachable!" },
    { address: "b", state: "unreachable", why: "unreachable!" },
  ]);
  membership.linkUp(linkTo("a", { dialled: "a" }), at(SEED_TOLD_MS));
  told();
  tick(SEED_TOLD_MS);
  assert.deepEqual(told(), ["info Reached an address of --join a"]);
  assert.deepEqual(membership.seeds[0], { address: "a", state: "linked" });
});

Deno.test("Membership that serves is closed by no refusal, whoever refuses whom", () => {
  const { membership } = open({ seeds: ["seed"], bootstraps: true });
  membership.advance("ACTIVE", at(0));
  // It promises, then it accepts.
  for (const now of [100, 200]) membership.saved(99, at(now));
  membership.tick(at(250));
  assert.equal(membership.closed(250), undefined);
  for (const code of ["name-taken", "other-cluster", "version", "not-allowed", "unreachable"] as RefusalCode[]) {
    for (const isOurs of [{}, { isOurs: true }] as const) {
      membership.dialFailed("seed", { code, message: "no", ...isOurs }, at(250));
      assert.equal(membership.closed(250), undefined, code);
    }
  }
});

Deno.test("Membership that joins is not held up by one whose name is in use, which it would not have itself", () => {
  const { membership } = open({
    seeds: ["seed"],
    saved: { incarnation: 1, flaps: 0, disk: "mine", agreed: agreedView(1, [row("m", { disk: "mine" })]) },
  });
  membership.dialFailed("seed", { code: "name-taken", message: "'b' is in use", isOurs: true }, at(10_000));
  assert.equal(membership.closed(10_000)?.reason, "joining");
  assert.equal(membership.joinStep(10_000), "serve");
});

Deno.test("Membership believes no incarnation and no epoch that its clock is not above, and says so once a minute", () => {
  const { membership, sent, notes } = open();
  membership.linkUp(linkTo("a"), at(0));
  const { incarnation } = membership.self;
  const agreed = (epoch: number) => agreedView(epoch, "a");
  const hear = (count: number, clock: { now: number; wall: number }) => {
    const rows = [row("m", { incarnation: count, status: "DEAD" }), row("b", { incarnation: count })];
    membership.message(
      linkTo("a").peer,
      { type: "TABLE", request: 0, rows, agreed: agreed(count), full: false, reply: false },
      clock,
    );
  };
  const wall = 1_800_000_000_000;
  notes();
  for (const count of [wall * 1_000 + 1, 2 ** 52, Number.MAX_SAFE_INTEGER]) hear(count, { now: 0, wall });
  assert.deepEqual([membership.self.incarnation, membership.row("b"), membership.agreed], [
    incarnation,
    undefined,
    undefined,
  ]);
  assert.deepEqual(notes(), ["warn a undefined"]);
  hear(Number.MAX_SAFE_INTEGER, { now: 60_000, wall: 8.64e15 });
  assert.deepEqual(notes(), ["warn a undefined"]);
  // What it believes it can refute a moment later, and others believe that.
  hear(wall * 1_000, { now: 60_000, wall });
  assert.equal(membership.self.incarnation, wall * 1_000 + 1);
  assert.equal(membership.agreed?.epoch, wall * 1_000);
  assert.ok(isBelieved(membership.self.incarnation, wall + 1));
  assert.deepEqual(sent("TABLE").at(-1)?.message.rows, [membership.self]);
});

Deno.test("Membership takes over an agreement that is later than its own, and no earlier one", () => {
  const agreed = (epoch: number) => agreedView(epoch, "a");
  const { membership, saves } = open({ saved: { incarnation: 1, flaps: 0, agreed: agreed(5) } });
  membership.linkUp(linkTo("a"), at(0));
  const tell = (epoch: number) =>
    membership.message(
      linkTo("a").peer,
      { type: "TABLE", request: 0, rows: [], agreed: agreed(epoch), full: true, reply: false },
      at(0),
    );
  saves();
  tell(4);
  tell(5);
  assert.deepEqual(saves(), []);
  tell(6);
  assert.equal(saves()[0].agreed?.epoch, 6);
});

Deno.test("Membership takes over no agreement of members most of which were never heard, however late it says it is", () => {
  const { membership } = open({
    saved: { incarnation: 1, flaps: 0, agreed: agreedView(5, ["m", "a", "b"]) },
  });
  const tell = (epoch: number, members: string[]) => {
    const agreed = agreedView(epoch, members);
    // A row of a made-up member is told as soon as its name is.
    const rows = members.filter((name) => name !== "m").map((name) => row(name));
    membership.message(linkTo("a").peer, { type: "TABLE", request: 0, rows, agreed, full: true, reply: false }, at(0));
    return membership.agreed!.epoch;
  };
  membership.linkUp(linkTo("a"), at(0));
  assert.equal(tell(6, ["m", "x", "y"]), 5);
  assert.equal(tell(6, ["x", "y", "z"]), 5);
  assert.equal(tell(6, ["a", "m", "x"]), 6, "most of them are known");
  assert.equal(tell(7, ["a", "x", "y"]), 6, "a name is not known for having been in one that was taken over");
  for (const name of ["x", "y"]) membership.linkUp(linkTo(name), at(0));
  assert.equal(tell(7, ["a", "x", "y"]), 7, "told again once they are linked");
});

Deno.test("Membership warns once of a clock that is far from its own, and tells when it is right again", () => {
  const { membership, notes, sent } = open();
  membership.linkUp(linkTo("a"), at(0));
  notes();
  const ack = (wall: number) =>
    membership.message(linkTo("a").peer, { type: "ACK", request: 0, at: 0, wall, ...beliefs() }, {
      now: 0,
      wall: 1_000_000,
    });
  for (const aheadMs of [0, 30_000, -30_000]) ack(1_000_000 + aheadMs);
  assert.deepEqual(notes(), []);
  for (const aheadMs of [-30_001, -40_000, 20_000, 16_000]) ack(1_000_000 + aheadMs);
  assert.deepEqual(notes(), ["warn a -30001"]);
  for (const aheadMs of [15_000, 0]) ack(1_000_000 + aheadMs);
  assert.deepEqual(notes(), ["info a 15000"]);
  membership.message(linkTo("a").peer, { type: "PING", request: 0, at: 0, ...beliefs() }, { now: 0, wall: 77 });
  assert.equal(sent("ACK")[0].message.wall, 77);
});
