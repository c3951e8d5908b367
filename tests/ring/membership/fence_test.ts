/** Which part of a ring that is cut may go on. */

import assert from "node:assert/strict";
import { isFenced } from "../../../ring/membership/fence.ts";
import { agreedView } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

for (
  const [members, heard, fenced] of [
    ["a", "a", false],
    ["ab", "a", false],
    ["ab", "b", false],
    ["abc", "abc", false],
    ["abc", "bc", false],
    ["abc", "a", true],
    ["abcd", "bcd", false],
    ["abcd", "ab", false],
    ["abcd", "ad", false],
    ["abcd", "cd", true],
    ["abcd", "a", true],
    ["abcde", "cde", false],
    ["abcde", "ab", true],
    // Who is not of the agreed view does not count.
    ["abc", "axyz", true],
    ["abcd", "cdxyz", true],
    // Nor is the lowest name that of the alphabet.
    ["bcde", "be", false],
  ] as const
) {
  Deno.test(`isFenced() is ${fenced} for who hears '${heard}' of '${members}'`, () => {
    const agreed = agreedView(1, members, { isStrict: members.length > 2 || fenced });
    assert.equal(isFenced(agreed, ({ name }) => heard.includes(name)), fenced);
  });
}

Deno.test("isFenced() lets a member go on that never agreed to a view", () => {
  assert.equal(isFenced(undefined, () => false), false);
});

Deno.test("isFenced() lets at most one side of any cut go on, with three members or more", () => {
  for (const names of ["abc", "abcd", "abcde", "abcdef", "abcdefg"]) {
    const agreed = agreedView(1, names);
    for (let side = 0; side < 2 ** names.length; side++) {
      const isHere = (name: string) => (side >> names.indexOf(name)) % 2 === 1;
      const goOn = [isFenced(agreed, ({ name }) => isHere(name)), isFenced(agreed, ({ name }) => !isHere(name))].filter(
        (fenced) => !fenced,
      );
      assert.equal(goOn.length, 1, `${names} ${side}`);
    }
  }
});

Deno.test("isFenced() asks of two members that were more once for the lower name, and of two that never were for neither", () => {
  const fenced = (isStrict: boolean, heard: string) =>
    isFenced(agreedView(1, "ab", { isStrict }), ({ name }) => heard.includes(name));
  assert.deepEqual([fenced(false, "a"), fenced(false, "b"), fenced(false, "ab")], [false, false, false]);
  assert.deepEqual([fenced(true, "a"), fenced(true, "b"), fenced(true, "ab")], [false, true, false]);
});

Deno.test("isFenced() counts no name with another disk than the view has it with", () => {
  const disks = new Set(["disk-a", "disk-b", "another"]);
  assert.equal(isFenced(agreedView(1, "abc"), ({ disk }) => disks.has(disk)), false);
  disks.delete("disk-b");
  assert.equal(isFenced(agreedView(1, "abc"), ({ disk }) => disks.has(disk)), true);
});
