import assert from "node:assert/strict";
import fc from "fast-check";
import { MAX_SELECTOR_LENGTH, parseSelector, readSelectorFile, selector } from "../../../common/exposition/selector.ts";
import { ownThreadMs } from "../../support/processor_time.ts";
import { selectorMatches } from "../../support/selector_matches.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** The matchers of a selector as triples. */
function triples(text: string): string[][] {
  return parseSelector(text).matchers.map(({ name, operator, value }) => [name, operator, value]);
}

/** Whether a selector matches a series given as an object. */
function matches(text: string, series: Readonly<Record<string, string>>): boolean {
  return selectorMatches(parseSelector(text), (name) => Object.hasOwn(series, name) ? series[name] : "");
}

const READ: readonly (readonly [text: string, matchers: string[][]])[] = [
  ["up", [["__name__", "=", "up"]]],
  ["a:b:c", [["__name__", "=", "a:b:c"]]],
  [" up\t{ } ", [["__name__", "=", "up"]]],
  ['{__name__="up",a!="b"}', [["__name__", "=", "up"], ["a", "!=", "b"]]],
  ['x{a=~"b.*",c!~"d|e",}', [["__name__", "=", "x"], ["a", "=~", "b.*"], ["c", "!~", "d|e"]]],
  ['{a="1",a!="2"}', [["a", "=", "1"], ["a", "!=", "2"]]],
  ['{__name__=~"a.*",__name__!="ab"}', [["__name__", "=~", "a.*"], ["__name__", "!=", "ab"]]],
  ['{"up"}', [["__name__", "=", "up"]]],
  ['{"up","a"=~"b",`c`!=\'d\'}', [["__name__", "=", "up"], ["a", "=~", "b"], ["c", "!=", "d"]]],
  ['{"my.metric", "label.x"=~"v"}', [["__name__", "=", "my.metric"], ["label.x", "=~", "v"]]],
  ['{"my.metric",}', [["__name__", "=", "my.metric"]]],
  ['{a="b" , "my.metric"}', [["a", "=", "b"], ["__name__", "=", "my.metric"]]],
  ["{`my metric`,'é'!=\"1\"}", [["__name__", "=", "my metric"], ["é", "!=", "1"]]],
  ['{"q\\"b\\\\l\\n\\u00e9"}', [["__name__", "=", 'q"b\\l\né']]],
  ['up{"label.x"="v",`a\nb`!~"c"}', [["__name__", "=", "up"], ["label.x", "=", "v"], ["a\nb", "!~", "c"]]],
  ['{"__name__"=~"my[.].*"}', [["__name__", "=~", "my[.].*"]]],
  // As in Prometheus 3.5, which takes it for a conjunction that nothing fulfils.
  ['{"a","b"}', [["__name__", "=", "a"], ["__name__", "=", "b"]]],
  ["# comment\rup", [["__name__", "=", "up"]]],
  ['{"up" # comment\r,a="\u00a0#\u2003"}', [["__name__", "=", "up"], ["a", "=", "\u00a0#\u2003"]]],
  ["offset", [["__name__", "=", "offset"]]],
  [' OFFSET{a="b"}', [["__name__", "=", "OFFSET"], ["a", "=", "b"]]],
  ['# comment\n{a="b" # another\n,c="#d"}', [["a", "=", "b"], ["c", "=", "#d"]]],
  // Words of PromQL are names too.
  ['sum{by="1",on="2",offset="3",and="4",nan="5"}', [
    ["__name__", "=", "sum"],
    ["by", "=", "1"],
    ["on", "=", "2"],
    ["offset", "=", "3"],
    ["and", "=", "4"],
    ["nan", "=", "5"],
  ]],
];

for (const [text, matchers] of READ) {
  Deno.test(`parseSelector() reads ${JSON.stringify(text)}`, () => {
    assert.deepEqual(triples(text), matchers);
    assert.equal(parseSelector(text).text, text);
  });
}

Deno.test("parseSelector() reads string literals as PromQL does", () => {
  const table: readonly (readonly [literal: string, value: string])[] = [
    ['"a b"', "a b"],
    [`'it is "quoted"'`, 'it is "quoted"'],
    [`"it's"`, "it's"],
    ["`raw \\n \" ' `", "raw \\n \" ' "],
    ["`over\ntwo lines`", "over\ntwo lines"],
    ['"\\a\\b\\f\\n\\r\\t\\v\\\\\\""', '\x07\b\f\n\r\t\v\\"'],
    ["'\\''", "'"],
    ['"\\x41\\102\\u00e9\\U0001F600"', "AB\u00e9😀"],
    ['"\\xc3\\xa9\\303\\251"', "éé"],
    ['"é€😀"', "é€😀"],
    ['"\\ufeff"', "\ufeff"],
  ];
  for (const [literal, value] of table) assert.deepEqual(triples(`x{a=${literal}}`)[1], ["a", "=", value]);
});

const REFUSED: readonly (readonly [text: string, why: RegExp, position: number])[] = [
  ["", /it is not PromQL/, 0],
  ["# only a comment", /it is not PromQL/, 16],
  ["up down", /it is not PromQL/, 3],
  ["1up", /it is not PromQL/, 1],
  ["é", /it is not PromQL/, 0],
  ["up{", /it is not PromQL/, 3],
  ["up{a}", /it is not PromQL/, 4],
  ["up{a=b}", /it is not PromQL/, 5],
  ['up{a=="b"}', /it is not PromQL/, 5],
  ['up{a<"b"}', /it is not PromQL/, 4],
  ['up{a="b}', /it is not PromQL/, 8],
  ['up{a="b\n"}', /it is not PromQL/, 8],
  ['up{a="b" c="d"}', /it is not PromQL/, 9],
  ["up{,}", /it is not PromQL/, 3],
  ["up[5m]", /it must be a bare selector/, 0],
  ["up offset 5m", /it must be a bare selector/, 0],
  ["up @ 5", /it must be a bare selector/, 0],
  ["(up)", /it must be a bare selector/, 0],
  ["-up", /it must be a bare selector/, 0],
  ["up or down", /it must be a bare selector/, 0],
  ["up > 1", /it must be a bare selector/, 0],
  ["rate(up[5m])", /it must be a bare selector/, 0],
  ["sum(up)", /it must be a bare selector/, 0],
  ["5", /it must be a bare selector/, 0],
  ['"up"', /it must be a bare selector/, 0],
  ["{}", /at least one of its matchers must refuse the empty string/, 0],
  ['{a=""}', /at least one of its matchers must refuse the empty string/, 0],
  ['{a!="b"}', /at least one of its matchers must refuse the empty string/, 0],
  ['{a=~".*"}', /at least one of its matchers must refuse the empty string/, 0],
  ['{a=~"b|",c!~"d"}', /at least one of its matchers must refuse the empty string/, 0],
  ['up{__name__="up"}', /it names the metric twice/, 2],
  ['up{"down"}', /it names the metric twice/, 2],
  ['{""}', /at least one of its matchers must refuse the empty string/, 0],
  ["my.metric", /it is not PromQL/, 2],
  ['{label.x="v"}', /it is not PromQL/, 6],
  ['{é="v"}', /it is not PromQL/, 1],
  ['{"a" "b"}', /it is not PromQL/, 5],
  ['{"a":"b"}', /it is not PromQL/, 4],
  ['{"a"}{b="c"}', /it is not PromQL/, 5],
  ['{"\\q"}', /the string has an escape that PromQL does not know/, 1],
  ['{"\\q"="b"}', /the string has an escape that PromQL does not know/, 1],
  ['up{a="\\q"}', /the string has an escape that PromQL does not know/, 5],
  ['up{a="\\\'"}', /the string has an escape that PromQL does not know/, 5],
  ['up{a="\\x4"}', /the string has an escape that PromQL does not know/, 5],
  ['up{a="\\400"}', /the string has an escape that PromQL does not know/, 5],
  ['up{a="\\xff"}', /the string's escapes come to bytes that are not UTF-8, which no label holds/, 5],
  ['{"\\377"}', /the string's escapes come to bytes that are not UTF-8, which no label holds/, 1],
  ["\u00a0up", /"\u00a0" is no white space in PromQL/, 0],
  ['up{a\u2003="b"}', /"\u2003" is no white space in PromQL/, 4],
  ["up\u0085", /"\u0085" is no white space in PromQL/, 2],
  ["up\v", /"\\u000b" is no white space in PromQL/, 2],
  ["atan2", /it is not PromQL/, 0],
  ['ATAN2{a="b"}', /it is not PromQL/, 0],
  ["offset 5m", /it is not PromQL/, 7],
  ['up{a="\\ud83d\\ude00"}', /the string has an escape that PromQL does not know/, 5],
  ['up{a="\\U00110000"}', /the string has an escape that PromQL does not know/, 5],
  ['up{a=~"b)(c"}', /the regular expression is not RE2's: unexpected \)/, 6],
  ['up{a=~"(?=b)"}', /the regular expression is not RE2's: invalid or unsupported Perl syntax/, 6],
  ['up{a!~"b**"}', /the regular expression is not RE2's: invalid nested repetition operator/, 6],
  ["up{a=~`(b)\\1`}", /the regular expression is not RE2's: invalid escape sequence/, 6],
  ['up{a=~"b{1001}"}', /the regular expression is not RE2's: invalid repeat count/, 6],
  ['up{a=~"((b{100}){100}){100}"}', /the regular expression is not RE2's: invalid repeat count/, 6],
  ['{a=~"("}', /the regular expression is not RE2's: missing closing \)/, 4],
  ['{__name__="up",a!~"b**"}', /the regular expression is not RE2's: invalid nested repetition operator/, 18],
];

for (const [text, why, position] of REFUSED) {
  Deno.test(`parseSelector() refuses ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseSelector(text), (error) => {
      assert(error instanceof SyntaxError);
      assert.match(error.message, why);
      assert(error.message.startsWith(`Cannot read '${text}' as a selector: `), error.message);
      assert(error.message.endsWith(`, at position ${position}`), error.message);
      return true;
    });
  });
}

Deno.test("parseSelector() refuses what is too long, and repeats only the start of what is long", () => {
  const long = `{a="${"b".repeat(MAX_SELECTOR_LENGTH - 6)}"}`;
  assert.equal(triples(long)[0][2].length, MAX_SELECTOR_LENGTH - 6);
  assert.throws(
    () => parseSelector(long + " "),
    /^SyntaxError: Cannot read a selector of more than 10000 characters: write several shorter ones$/,
  );
  assert.throws(() => parseSelector(long.slice(0, -1)), ({ message }: Error) => message.length < 300);
});

Deno.test("selectorMatches() takes an absent label for an empty one, as PromQL does", () => {
  const table: readonly (readonly [text: string, absent: boolean, empty: boolean, b: boolean])[] = [
    ['x{a="b"}', false, false, true],
    ['x{a!="b"}', true, true, false],
    ['x{a=""}', true, true, false],
    ['x{a!=""}', false, false, true],
    ['x{a=~"b|"}', true, true, true],
    ['x{a=~".+"}', false, false, true],
    ['x{a=~".*"}', true, true, true],
    ['x{a!~"b"}', true, true, false],
    ['x{a!~".*"}', false, false, false],
    ['x{a!~""}', false, false, true],
  ];
  for (const [text, absent, empty, b] of table) {
    const series: Record<string, string>[] = [{ __name__: "x" }, { __name__: "x", a: "" }, { __name__: "x", a: "b" }];
    assert.deepEqual([text, ...series.map((labels) => matches(text, labels))], [text, absent, empty, b]);
  }
});

Deno.test("selectorMatches() knows names of any characters", () => {
  const series = { __name__: "my.metric", "label.x": "v" };
  assert.equal(matches('{"my.metric","label.x"=~"v|w"}', series), true);
  assert.equal(matches('{"my.metric","label.x"!="v"}', series), false);
  assert.equal(matches('{"my_metric"}', series), false);
  assert.equal(matches('{__name__=~"my[.].+",label_x=""}', series), true);
});

Deno.test("selectorMatches() wants all matchers and the name", () => {
  const text = 'x{a="1",b=~"2.*"}';
  assert.equal(matches(text, { __name__: "x", a: "1", b: "23", c: "4" }), true);
  assert.equal(matches(text, { __name__: "y", a: "1", b: "23" }), false);
  assert.equal(matches(text, { __name__: "x", a: "1", b: "32" }), false);
  assert.equal(matches(text, { __name__: "x", a: "2", b: "23" }), false);
  assert.equal(matches('{a="1"}', { __name__: "anything", a: "1" }), true);
  assert.equal(matches('{__name__=~"a.*",__name__!="ab"}', { __name__: "ac" }), true);
  assert.equal(matches('{__name__=~"a.*",__name__!="ab"}', { __name__: "ab" }), false);
});

Deno.test("selectorMatches() anchors regular expressions, and reads them as RE2 does", () => {
  const table: readonly (readonly [pattern: string, value: string, expected: boolean])[] = [
    ["b", "b", true],
    ["b", "ab", false],
    ["b", "bc", false],
    ["b", "b\n", false],
    ["a|ab", "ab", true],
    ["a|ab", "abb", false],
    ["^b$", "b", true],
    [".", "\n", true],
    [".", "😀", true],
    [".", "ab", false],
    [".*", "two\nlines", true],
    ["(?m)^b$", "a\nb", false],
    ["(?i)ab", "aB", true],
    ["(?-s).", "\n", false],
    ["[[:alpha:]]+", "ab", true],
    ["[[:alpha:]]+", "a1", false],
    ["\\pL+", "é", true],
    ["\\p{Greek}", "α", true],
    ["\\d", "١", false],
    ["\\Qa.b\\E", "a.b", true],
    ["\\Qa.b\\E", "axb", false],
    ["a\\z", "a", true],
    ["(?P<name>a)", "a", true],
    ["(?U)a+", "aa", true],
    ["\\x{1F600}", "😀", true],
    ["a{2,3}", "aaaa", false],
  ];
  for (const [pattern, value, expected] of table) {
    assert.deepEqual([pattern, value, matches(`x{a=~\`${pattern}\`}`, { __name__: "x", a: value })], [
      pattern,
      value,
      expected,
    ]);
    assert.equal(matches(`x{a!~\`${pattern}\`}`, { __name__: "x", a: value }), !expected);
  }
});

Deno.test("selectorMatches() takes time linear in a hostile value", () => {
  for (const pattern of ["(a+)+$", "(a|a)*b", "(a*)*b", "(.*)(.*)(.*)(.*)(.*)x", "(a+a+)+b"]) {
    const hostile = "a".repeat(100_000) + "!";
    const startMs = ownThreadMs();
    assert.equal(matches(`x{a=~"${pattern}"}`, { __name__: "x", a: hostile }), false);
    // It takes some tens of milliseconds. A matcher that backtracks does not come to an end at all.
    assert(ownThreadMs() - startMs < 3_000, pattern);
  }
});

/** Patterns that JavaScript and RE2 read alike. */
const { pattern: PATTERN } = fc.letrec<{ pattern: string; atom: string }>((tie) => ({
  atom: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom("a", "b", ".", "[ab]", "[^a]", "\\.", "é", "😀"),
    tie("pattern").map((inner) => `(?:${inner})`),
  ),
  pattern: fc.array(
    fc.array(fc.tuple(tie("atom"), fc.constantFrom("", "", "*", "+", "?", "{1,2}")).map(([a, q]) => a + q), {
      maxLength: 3,
    }).map((parts) => parts.join("")),
    { minLength: 1, maxLength: 3 },
  ).map((branches) => branches.join("|")),
}));
const VALUE = fc.array(fc.constantFrom("a", "b", ".", "\n", "é", "😀", "\\", '"'), { maxLength: 4 }).map((v) =>
  v.join("")
);
const OPERATOR = fc.constantFrom("=", "!=", "=~", "!~");
const NAME = fc.constantFrom("__name__", "a", "b", "by");

/** The tests by operator, written down once more. */
const EVALUATE: Readonly<Record<string, (value: string, operand: string) => boolean>> = {
  "=": (value, operand) => value === operand,
  "!=": (value, operand) => value !== operand,
  "=~": (value, operand) => new RegExp(`^(?:${operand})$`, "su").test(value),
  "!~": (value, operand) => !new RegExp(`^(?:${operand})$`, "su").test(value),
};

Deno.test("parseSelector() and selectorMatches() agree with a plain evaluation by JavaScript", () => {
  const matcher = fc.tuple(NAME, OPERATOR, PATTERN, VALUE)
    .map(([name, operator, pattern, value]) => ({ name, operator, value: operator.includes("~") ? pattern : value }));
  const series = fc.dictionary(NAME, VALUE, { noNullPrototype: true });
  fc.assert(
    fc.property(fc.array(matcher, { maxLength: 3 }), fc.array(series, { minLength: 1 }), (matchers, many) => {
      const text = `{z!~"never",${matchers.map((m) => `${m.name}${m.operator}${JSON.stringify(m.value)}`).join(",")}}`;
      const evaluate = (labels: Readonly<Record<string, string>>) =>
        matchers.every(({ name, operator, value }) => EVALUATE[operator](labels[name] ?? "", value));
      if (matchers.every(({ operator, value }) => EVALUATE[operator]("", value))) {
        assert.throws(() => parseSelector(text), SyntaxError);
        return;
      }
      assert.deepEqual(triples(text).slice(1), matchers.map((m) => [m.name, m.operator, m.value]));
      for (const labels of many) assert.equal(matches(text, labels), evaluate(labels), text);
    }),
    { numRuns: 500 },
  );
});

/** What PromQL nests, and no selector. */
const NESTED = ["(", "{", "[", "-", "a,", "{a=", '"', "a{", "not ", "a+", "a or "].map((s) =>
  s.repeat(10_000 / s.length)
);

function throwsSyntaxErrorAtMost(text: string) {
  try {
    parseSelector(text);
  } catch (error) {
    assert(error instanceof SyntaxError, `${error}`);
  }
}

Deno.test("parseSelector() throws nothing but SyntaxError", () => {
  const pieces = fc.constantFrom(
    ..."up { } , = != =~ !~ \" ' ` \\ a __name__ ( ) [ 5m ] @ offset # \n . * + é sum by 1 nan :".split(" "),
    " ",
  );
  const text = fc.oneof(fc.array(pieces, { maxLength: 30 }).map((all) => all.join("")), fc.string({ unit: "binary" }));
  NESTED.forEach(throwsSyntaxErrorAtMost);
  fc.assert(fc.property(text, throwsSyntaxErrorAtMost), { numRuns: 1_000 });
});

Deno.test("parseSelector() throws SyntaxError for what nests more deeply than the stack has room for", () => {
  // Arguments lie on the stack: these take half of it.
  const arguments_ = Array.from({ length: 60_000 });
  for (const text of NESTED) Reflect.apply(() => throwsSyntaxErrorAtMost(text), undefined, arguments_);
});

Deno.test("readSelectorFile() reads one a line, and passes over comments and empty lines", () => {
  const file =
    '# what we send\n\n  up\r\n\t# more\n{__name__="ALERTS",alertstate="firing"} \n{__name__=~"a#b"} # why\n';
  assert.deepEqual(readSelectorFile(file).map(({ text }) => text), [
    "up",
    '{__name__="ALERTS",alertstate="firing"}',
    '{__name__=~"a#b"} # why',
  ]);
  assert.deepEqual(readSelectorFile(""), []);
});

Deno.test("readSelectorFile() names the line that is wrong", () => {
  assert.throws(
    () => readSelectorFile("up\n\nup[5m]\n"),
    new SyntaxError(
      "Line 3: Cannot read 'up[5m]' as a selector: it must be a bare selector, without range, offset, operator or function, at position 0",
    ),
  );
});

Deno.test("selector is the kind of an option; the last one given stands", () => {
  assert.equal(selector.placeholder, "SELECTOR");
  assert.equal(selector.read(["up", "down"]).text, "down");
  assert.throws(() => selector.read(["up("]), SyntaxError);
});
