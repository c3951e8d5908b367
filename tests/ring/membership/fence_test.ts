/** Which part of a ring that is cut may go on. */

import assert from "node:assert/strict";
import { isFenced } from "../../../ring/membership/fence.ts";

Deno.test.sanitizer({ ops: true, resources: true });

for (
  const [members, heard, fenced] of [
    ["", "a", false],
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
    const agreed = { epoch: 1, members: [...members].map((name) => ({ name, address: name })) };
    assert.equal(isFenced(agreed, (name) => heard.includes(name)), fenced);
  });
}

Deno.test("isFenced() lets a member go on that never agreed to a view", () => {
  assert.equal(isFenced(undefined, () => false), false);
});

Deno.test("isFenced() lets at most one side of any cut go on, with three members or more", () => {
  for (const names of ["abc", "abcd", "abcde", "abcdef", "abcdefg"]) {
    const agreed = { epoch: 1, members: [...names].map((name) => ({ name, address: name })) };
    for (let side = 0; side < 2 ** names.length; side++) {
      const isHere = (name: string) => (side >> names.indexOf(name)) % 2 === 1;
      const goOn = [isFenced(agreed, isHere), isFenced(agreed, (name) => !isHere(name))].filter((fenced) => !fenced);
      assert.equal(goOn.length, 1, `${names} ${side}`);
    }
  }
});
