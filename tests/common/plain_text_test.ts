/** What of other people's words gets into messages and logs. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { MAX_PLAIN_BYTES, plainFields, plainText } from "../../common/plain_text.ts";

Deno.test.sanitizer({ ops: true, resources: true });

for (
  const [text, plain] of [
    ["cluster-1", "cluster-1"],
    ["Zürich 東京 🏔", "Zürich 東京 🏔"],
    ['a"b\\c', 'a"b\\c'],
    ["a\nb\r\tc", "a\\u{a}b\\u{d}\\u{9}c"],
    ["\u001b[31mred", "\\u{1b}[31mred"],
    ["\u009b31m", "\\u{9b}31m"],
    ["gnp.\u202egoj", "gnp.\\u{202e}goj"],
    ["\u2066a\u2069\u200f\u061c", "\\u{2066}a\\u{2069}\\u{200f}\\u{61c}"],
    ["a\u2028b\u2029c\ufeff", "a\\u{2028}b\\u{2029}c\\u{feff}"],
    ["a\ud800b", "a\\u{d800}b"],
    ["", ""],
  ]
) {
  Deno.test(`plainText() writes ${JSON.stringify(text)} as ${plain}`, () => assert.equal(plainText(text), plain));
}

Deno.test("plainText() repeats no more bytes than it may, and says where it stops", () => {
  const exact = "x".repeat(MAX_PLAIN_BYTES);
  assert.equal(plainText(exact), exact);
  assert.equal(plainText(exact + "x"), `${"x".repeat(MAX_PLAIN_BYTES - 3)}…`);
  assert.equal(plainText("ü".repeat(6), { maxBytes: 9 }), "üüü…");
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 400, size: "max" }),
      fc.integer({ min: 3, max: 300 }),
      (text, maxBytes) => {
        const plain = plainText(text, { maxBytes });
        assert.ok(new TextEncoder().encode(plain).length <= maxBytes);
        // deno-lint-ignore no-control-regex
        assert.doesNotMatch(plain, /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/);
        assert.ok(plain.isWellFormed());
      },
    ),
  );
});

Deno.test("plainFields() has whole milliseconds", () => {
  assert.deepEqual(plainFields({ silentMs: 1006.36, forMs: "0.5", share: 0.5 }), {
    silentMs: 1006,
    forMs: "0.5",
    share: 0.5,
  });
});

Deno.test("plainFields() makes texts plain, in lists too, and leaves all else", () => {
  const fields = { id: "a\nb", names: ["\u202ec", "d"], count: 7, missing: undefined };
  assert.deepEqual(plainFields(fields), { id: "a\\u{a}b", names: ["\\u{202e}c", "d"], count: 7, missing: undefined });
});
