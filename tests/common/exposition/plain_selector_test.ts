import assert from "node:assert/strict";
import fc from "fast-check";
import { RE2JS } from "re2js";
import {
  isPlainPattern,
  isPlainSelector,
  matchesEmpty,
  readPlainSelector,
  selectorLines,
} from "../../../common/exposition/plain_selector.ts";
import { parseSelector } from "../../../common/exposition/selector.ts";
import { selectorMatches } from "../../support/selector_matches.ts";

const NAMES = ["__name__", "job", "a", "by", "on", "offset", "bool", "sum", "inf", "nan", "start", "_", "A1", "unless"];
const VALUES = [
  "",
  "up",
  "a b",
  "a.*",
  ".*",
  "a|",
  ".+|.*",
  "cluster:usage:.*",
  "#",
  "é",
  "{}",
  ",",
  "x\ty",
  "\0",
  "a.b",
];

const matcher = fc.tuple(
  fc.constantFrom(...NAMES),
  fc.constantFrom("=", "!=", "=~", "!~"),
  fc.constantFrom(...VALUES),
  fc.constantFrom("", " ", "\t", "  "),
).map(([name, operator, value, space]) => `${space}${name}${space}${operator}${space}"${value}"${space}`);

/** Selectors of the usual form, and some that only look so. */
const selectorText = fc.oneof(
  { weight: 5, arbitrary: fc.array(matcher, { maxLength: 4 }).map((matchers) => `{${matchers.join()}}`) },
  fc.array(
    fc.oneof(matcher, fc.constantFrom("{", "}", ",", '"', "=", "a", " ", "\n", "\u00a0", '\\"', "#", "up", "[5m]")),
    { maxLength: 5 },
  ).map((parts) => `{${parts.join("")}}`),
);

/** What comes of a text: its matchers, or what is wrong with it. */
function outcome(text: string): unknown {
  try {
    return parseSelector(text).matchers.map(({ name, operator, value }) => [name, operator, value]);
  } catch (error) {
    assert.ok(error instanceof SyntaxError, String(error));
    return error.message.replace(/^Cannot read '[^]*' as a selector: /, "");
  }
}

Deno.test("readPlainSelector() reads the usual form, and leaves any other to the grammar", () => {
  assert.deepEqual(readPlainSelector('{__name__="up", job=~"node.*"}'), [
    { name: "__name__", operator: "=", value: "up" },
    { name: "job", operator: "=~", value: "node.*" },
  ]);
  const others = ["up", "{}", 'up{a="b"}', '{"up"}', "{a='b'}", '{a="\\n"}', '{a="b",}', '{a="b"}[5m]', '{a="b"} # x'];
  for (const text of [...others, '{a="b"c="d"}', '{a=="b"}', '{é="b"}', '{a="b"', 'a="b"}', "", "{"]) {
    assert.equal(readPlainSelector(text), undefined, text);
  }
});

Deno.test("parseSelector() reads the usual form as the grammar does", () => {
  fc.assert(
    fc.property(selectorText, (text) => {
      if (readPlainSelector(text) === undefined) return;
      // A comment behind it makes a selector one for the grammar, and changes nothing else.
      const byGrammar = `${text} # by the grammar`;
      assert.equal(readPlainSelector(byGrammar), undefined);
      assert.deepEqual(outcome(text), outcome(byGrammar));
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("isPlainSelector() is true only of selectors that the grammar takes", () => {
  fc.assert(
    fc.property(selectorText, (text) => {
      if (isPlainSelector(text)) assert.equal(typeof outcome(`${text} # by the grammar`), "object", text);
    }),
    { numRuns: 1_000 },
  );
  for (const text of ['{__name__="up"}', '{a!="",b=~"x.*"}', '{a=~"x|.+"}', '{a!~".*"}', '{a="",b="x"}']) {
    assert.ok(isPlainSelector(text), text);
  }
  for (const text of ['{a=""}', '{a!="x"}', '{a=~".*"}', '{a!~"x"}', '{a=~"[x]"}', "up", "{", ""]) {
    assert.ok(!isPlainSelector(text), text);
  }
});

Deno.test("selectorLines() skips empty lines and comments, and counts them", () => {
  assert.deepEqual(selectorLines(' {a="b"} \r\n\n# {c="d"}\nup\n'), [
    { selector: '{a="b"}', line: 1 },
    { selector: "up", line: 4 },
  ]);
});

Deno.test("isPlainPattern() knows patterns that RE2 takes, and matchesEmpty() what they say of the empty string", () => {
  const part = fc.constantFrom("a", "_", ":", "0", ".", ".*", ".+", "|", "*", "(", "\\", "[a]", "a*", "-", "é");
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
      const pattern = parts.join("");
      if (!isPlainPattern(pattern)) return;
      assert.equal(matchesEmpty(pattern), RE2JS.compile(pattern, RE2JS.DOTALL).matches(""), pattern);
    }),
    { numRuns: 2_000 },
  );
  assert.ok(!isPlainPattern("a".repeat(1_001)));
  assert.ok(!isPlainPattern("a**"));
});

Deno.test("parseSelector() matches by a plain pattern as by any other, the empty string too", () => {
  const matches = (text: string, a: string) => selectorMatches(parseSelector(text), (name) => name === "a" ? a : "up");
  for (
    const [pattern, value, expected] of [
      ["x.*", "xy", true],
      ["x.*", "yx", false],
      ["x.*", "x\ny", true],
      ["x.*", "", false],
      [".*", "", true],
      ["x|", "", true],
      ["x|", "x", true],
      [".+", "", false],
      ["cluster:.+:sum|up", "cluster:a:sum", true],
      ["cluster:.+:sum|up", "cluster::sum", false],
    ] as const
  ) {
    assert.equal(matches(`{__name__="up",a=~"${pattern}"}`, value), expected, `${pattern} ${value}`);
    assert.equal(matches(`{__name__="up",a!~"${pattern}"}`, value), !expected, `${pattern} ${value}`);
  }
});
