/** What fits a message. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { encodedBytes, fitting, fittingLists } from "../../../ring/protocol/encoded_size.ts";
import { MAX_LIST_LENGTH } from "../../../ring/protocol/message_fields.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("encodedBytes() is what an element takes in a frame, with its comma", () => {
  assert.deepEqual(["", "ab", 'a"', "\u0000", "ü", "🏔", ["c", 1]].map(encodedBytes), [3, 5, 6, 9, 5, 7, 8]);
});

Deno.test("fitting() takes as many as fit, and one at least", () => {
  assert.deepEqual(fitting(["aa", "bb", "cc"], { maxBytes: 14 }), ["aa", "bb"]);
  assert.deepEqual(fitting(["aa", "bb"], { maxBytes: 1 }), ["aa"]);
  assert.deepEqual(fitting([], { maxBytes: 1 }), []);
  assert.equal(fitting(Array(9_999).fill("a"), { maxBytes: Infinity }).length, MAX_LIST_LENGTH);
});

Deno.test("fittingLists() leaves out nothing, changes no order, and makes no list too long", () => {
  assert.deepEqual(fittingLists([], { maxBytes: 9 }), [[]]);
  assert.deepEqual(fittingLists(Array(5_000).fill(1), { maxBytes: Infinity }).map(({ length }) => length), [
    4_096,
    904,
  ]);
  fc.assert(fc.property(fc.array(fc.string({ unit: "binary" })), fc.integer({ min: 1, max: 99 }), (texts, maxBytes) => {
    const lists = fittingLists(texts, { maxBytes });
    assert.deepEqual(lists.flat(), texts);
    for (const list of lists) {
      const bytes = list.reduce((sum, text) => sum + encodedBytes(text), 0);
      assert.ok(list.length <= 1 || bytes <= maxBytes, JSON.stringify(list));
    }
  }));
});
