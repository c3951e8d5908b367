/** What a member makes of what others say, of itself above all. */

import assert from "node:assert/strict";
import type { Member } from "../../../ring/protocol/member.ts";
import { KEEP_GONE_MS, MAX_ROWS, MemberTable } from "../../../ring/membership/member_table.ts";
import { row } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const SELF = { boot: "5", incarnation: 7, since: 3 } as const;

for (
  const [what, self, heard, becomes] of [
    ["SUSPECT", {}, { status: "SUSPECT" }, { incarnation: 8, phase: "ACTIVE", since: 3 }],
    ["its death", {}, { status: "DEAD" }, { incarnation: 8, phase: "JOINING", since: 8 }],
    ["that it has left", {}, { status: "LEFT" }, { incarnation: 8, phase: "JOINING", since: 8 }],
    ["its death while it leaves", { phase: "LEAVING" }, { status: "DEAD" }, {
      incarnation: 8,
      phase: "LEAVING",
      since: 3,
    }],
    ["a later phase than it is in", {}, { phase: "LEAVING" }, { incarnation: 8, phase: "ACTIVE", since: 3 }],
    ["death at a higher incarnation", {}, { incarnation: 40, status: "DEAD" }, {
      incarnation: 41,
      phase: "JOINING",
      since: 41,
    }],
    ["life at a higher incarnation", {}, { incarnation: 40 }, { incarnation: 41, phase: "ACTIVE", since: 3 }],
    ["an earlier process that is dead", { phase: "JOINING" }, { boot: "9", status: "DEAD" }, {
      incarnation: 8,
      phase: "JOINING",
      since: 8,
    }],
    ["an earlier process, suspected, while it joins", { phase: "JOINING" }, {
      boot: "9",
      incarnation: 9,
      status: "SUSPECT",
    }, {
      incarnation: 10,
      phase: "JOINING",
      since: 10,
    }],
    ["what is past", {}, { incarnation: 6, status: "LEFT" }, undefined],
    ["what is so", {}, {}, undefined],
    ["less than what is so", { phase: "LEAVING" }, { phase: "ACTIVE" }, undefined],
    ["its death once it has left", { status: "LEFT" }, { incarnation: 40, status: "DEAD" }, undefined],
  ] as [string, Partial<Member>, Partial<Member>, Partial<Member> | undefined][]
) {
  Deno.test(`MemberTable hears of itself: ${what}`, () => {
    const before = row("a", { ...SELF, ...self });
    const table = new MemberTable(before);
    const { changed, refuted } = table.merge([row("a", { ...SELF, phase: before.phase, ...heard })], 0);
    if (becomes === undefined) {
      assert.deepEqual([changed, refuted, table.self], [[], undefined, before]);
      return;
    }
    assert.deepEqual(table.self, { ...before, ...becomes, status: "ALIVE" });
    assert.deepEqual([changed, refuted], [[table.self], heard.status ?? "ALIVE"]);
    assert.equal(table.get("a"), table.self);
    assert.equal(table.contested, undefined);
  });
}

for (
  const [what, self, theirs, yields] of [
    ["joins, the other serves", "JOINING", { phase: "ACTIVE", boot: "1", incarnation: 8 }, true],
    ["joins, the other joins with a higher boot", "JOINING", { phase: "JOINING", boot: "9" }, true],
    ["joins, the other joins with a lower boot", "JOINING", { phase: "JOINING", boot: "1", incarnation: 8 }, false],
    ["serves, the other joins", "ACTIVE", { phase: "JOINING", boot: "9" }, false],
    ["serves, the other serves with a higher boot", "ACTIVE", { phase: "ACTIVE", boot: "9" }, true],
    ["serves, the other serves with a lower boot", "ACTIVE", { phase: "ACTIVE", boot: "1", incarnation: 8 }, false],
  ] as [string, Member["phase"], Partial<Member>, boolean][]
) {
  Deno.test(`MemberTable meets another process of its name: it ${what}`, () => {
    const table = new MemberTable(row("a", { ...SELF, phase: self }));
    const other = row("a", { ...SELF, ...theirs });
    table.merge([other], 0);
    assert.equal(table.contested, yields ? other : undefined);
    if (yields) {
      assert.equal(table.self.phase, "JOINING");
      assert.equal(table.self.incarnation, SELF.incarnation, "the row that counts is the other's");
    } else {
      assert.equal(table.self.incarnation, other.incarnation + 1);
    }
  });
}

Deno.test("MemberTable ends a contest when the others believe it again, or when the other process is dead", () => {
  const table = new MemberTable(row("a", { ...SELF, phase: "JOINING" }));
  const other = row("a", { ...SELF, boot: "9" });
  table.merge([other], 0);
  assert.equal(table.contested, other);
  table.merge([table.self], 0);
  assert.equal(table.contested, undefined);
  table.merge([other], 0);
  table.merge([{ ...other, status: "DEAD" }], 0);
  assert.equal(table.contested, undefined);
  assert.ok(table.self.incarnation > other.incarnation);
});

Deno.test("MemberTable learns of others, and tells what was news", () => {
  const table = new MemberTable(row("a"));
  const b = row("b"), c = row("c", { status: "SUSPECT" });
  assert.deepEqual(table.merge([b, c], 0), { changed: [b, c] });
  assert.deepEqual(table.merge([b, c], 0), { changed: [] });
  assert.deepEqual(table.merge([{ ...b, status: "DEAD" }], 0).changed, [{ ...b, status: "DEAD" }]);
  assert.deepEqual([...table.rows()].map(({ name, status }) => [name, status]), [
    ["a", "ALIVE"],
    ["b", "DEAD"],
    ["c", "SUSPECT"],
  ]);
});

Deno.test("MemberTable keeps no memory of members that were gone before it knew of them", () => {
  const table = new MemberTable(row("a"));
  assert.deepEqual(table.merge([row("b", { status: "DEAD" }), row("c", { status: "LEFT" })], 0), { changed: [] });
  assert.equal(table.get("b"), undefined);
});

Deno.test("MemberTable.accuse() makes others worse, never better, and never itself", () => {
  const table = new MemberTable(row("a"));
  table.merge([row("b")], 0);
  assert.equal(table.accuse("b", { status: "SUSPECT", now: 1 })?.status, "SUSPECT");
  assert.equal(table.accuse("b", { status: "SUSPECT", now: 2 }), undefined);
  assert.equal(table.accuse("b", { status: "DEAD", now: 3 })?.status, "DEAD");
  assert.equal(table.accuse("b", { status: "SUSPECT", now: 4 }), undefined);
  assert.equal(table.accuse("a", { status: "DEAD", now: 5 }), undefined);
  assert.equal(table.accuse("nobody", { status: "DEAD", now: 5 }), undefined);
  assert.equal(table.goneFor("b", 10), 7);
});

Deno.test("MemberTable forgets who has been gone for three days, and counts afresh for who was back", () => {
  const table = new MemberTable(row("a"));
  table.merge([row("b"), row("c")], 0);
  table.merge([row("b", { status: "DEAD" }), row("c", { status: "DEAD" })], 1_000);
  table.merge([row("c", { incarnation: 2 })], 2_000);
  table.merge([row("c", { incarnation: 2, status: "LEFT" })], 3_000);
  table.forgetGone(1_000 + KEEP_GONE_MS - 1);
  assert.ok(table.get("b") !== undefined);
  table.forgetGone(1_000 + KEEP_GONE_MS);
  assert.deepEqual([table.get("b"), table.get("c")?.status], [undefined, "LEFT"]);
  table.forgetGone(3_000 + KEEP_GONE_MS);
  assert.deepEqual([...table.rows()].map(({ name }) => name), ["a"]);
});

Deno.test("MemberTable has bounds: who is gone makes room, and no more come when all are there", () => {
  const table = new MemberTable(row("a"));
  const many = Array.from({ length: MAX_ROWS + 10 }, (_, i) => row(`m${i}`));
  assert.equal(table.merge(many, 0).changed.length, MAX_ROWS - 1);
  table.accuse("m0", { status: "DEAD", now: 1 });
  assert.deepEqual(table.merge([row("late"), row("later")], 2).changed.map(({ name }) => name), ["late"]);
  assert.equal(table.get("m0"), undefined);
  assert.equal([...table.rows()].length, MAX_ROWS);
});

Deno.test("MemberTable.digest is equal for equal rows of those who are there, in whatever order they came", () => {
  const [a, b, c] = [row("a"), row("b"), row("c")];
  const one = new MemberTable(a), other = new MemberTable(b);
  one.merge([b, c], 0);
  other.merge([c, a, row("gone")], 0);
  assert.notEqual(one.digest, other.digest);
  other.accuse("gone", { status: "DEAD", now: 0 });
  assert.equal(one.digest, other.digest);
  for (const differs of [{ status: "SUSPECT" }, { phase: "LEAVING" }, { incarnation: 2 }, { boot: "x" }] as const) {
    const third = new MemberTable(a);
    third.merge([b, { ...c, ...differs }], 0);
    assert.notEqual(third.digest, one.digest, JSON.stringify(differs));
  }
});

Deno.test("MemberTable advances and leaves by its own word", () => {
  const table = new MemberTable(row("a", { phase: "JOINING" }));
  assert.equal(table.advance("ACTIVE").phase, "ACTIVE");
  assert.equal(table.leave().status, "LEFT");
  assert.equal(table.get("a"), table.self);
});
