import assert from "node:assert/strict";
import { parseConfigFile } from "../../common/config_file.ts";
import { count, duration, flag, list, names, pairs, text } from "../../common/option_kinds.ts";
import { CONFIG_OPTIONS, type OptionTable, type Program } from "../../common/options.ts";
import { readValues } from "../../common/read_options.ts";

const OPTIONS = {
  listen: { kind: text, default: "all", empty: "none", help: "Where" },
  limitBytes: { kind: { ...count, placeholder: "BYTES" }, default: "10", help: "How much" },
  limit: { kind: count, help: "How many" },
  interval: { kind: duration, default: "1m", help: "How often" },
  match: { kind: list(text), default: "up", help: "What" },
  hide: { kind: names, help: "What not" },
  label: { kind: pairs("NAME=VALUE"), help: "What to set" },
  token: { kind: text, secret: "value", help: "A token" },
  verbose: { kind: flag, help: "Say more" },
  ...CONFIG_OPTIONS,
} as const satisfies OptionTable;
const PROGRAM: Program<typeof OPTIONS> = { name: "program", summary: "Does it.", options: OPTIONS };

function parse(text: string) {
  return readValues(PROGRAM, parseConfigFile(text, { path: "a.yml", options: OPTIONS }));
}

const READ: readonly [text: string, name: keyof ReturnType<typeof parse>, value: unknown][] = [
  ["", "limitBytes", 10],
  ["# nothing\n", "limitBytes", 10],
  ["limit-bytes: 0020", "limitBytes", 20],
  ["--limit-bytes: 20", "limitBytes", 20],
  ["limit-bytes: '20'", "limitBytes", 20],
  ["interval: 1m30s", "interval", 90_000],
  ["verbose: true", "verbose", true],
  ["verbose: false", "verbose", false],
  ["listen:", "listen", undefined],
  ["listen: ''", "listen", undefined],
  ["token: ${SECRET}", "token", "${SECRET}"],
  ["token: 0123", "token", "0123"],
  ["token: 1e3", "token", "1e3"],
  ["token: ~", "token", undefined],
  ["match: a", "match", ["a"]],
  ["match: [a, 'b']", "match", ["a", "b"]],
  ["match:\n  - '{__name__=\"a\"}'\n  - b\n", "match", ['{__name__="a"}', "b"]],
  ["match: []", "match", []],
  ["hide: a,b", "hide", ["a", "b"]],
  ["hide: [a, b]", "hide", ["a", "b"]],
  ["label: a=1,b=2", "label", new Map([["a", "1"], ["b", "2"]])],
  ["label: [a=1, b=2]", "label", new Map([["a", "1"], ["b", "2"]])],
  ["label: {a: 01, b: 'x,y=z'}", "label", new Map([["a", "01"], ["b", "x,y=z"]])],
  ["label: {}", "label", new Map()],
  ["match: &all [a, b]\nhide: *all", "hide", ["a", "b"]],
];

for (const [text, name, value] of READ) {
  Deno.test(`parseConfigFile() reads ${JSON.stringify(text)}`, () => {
    assert.deepEqual(parse(text)[name], value);
  });
}

const REFUSED: readonly [text: string, sentence: string][] = [
  [
    "limit: 1\nlimit-byte: 1",
    "Bad --config.file a.yml:2: There is no option 'limit-byte': did you mean 'limit-bytes'?",
  ],
  ["limitBytes: 1", "Bad --config.file a.yml:1: There is no option 'limitBytes': did you mean 'limit-bytes'?"],
  ["? [a]\n: 1", "Bad --config.file a.yml:1: Cannot read a key that is no text: write the name of an option"],
  ["config.file: b", "Bad --config.file a.yml:1: Cannot use 'config.file' in a file: it belongs on the command line"],
  ["limit: 1\n\nlimit: 2", "Bad --config.file a.yml:3: Cannot read it as YAML: Map keys must be unique"],
  ["limit: 1\n--limit: 2", "Bad --config.file a.yml:2: Cannot take --limit twice: leave one of them out"],
  ["limit: [1, 2]", "Bad --config.file a.yml:1: Cannot use 'limit': write one value"],
  ["limit: {a: 1}", "Bad --config.file a.yml:1: Cannot use 'limit': write one value"],
  ["match: {a: 1}", "Bad --config.file a.yml:1: Cannot use 'match': write a text, or a list of texts"],
  ["match: [[a]]", "Bad --config.file a.yml:1: Cannot use 'match': write a text, or a list of texts"],
  ["label: {a: [1]}", "Bad --config.file a.yml:1: Cannot use 'label': write a map of texts"],
  ["\nlimit: x", "Bad --limit in a.yml:2: Cannot read 'x' as a count: write a whole number from 0 up"],
  ["limit-bytes:", "Bad --limit-bytes in a.yml:1: Cannot use an empty value: leave the flag out for 10"],
  ["verbose: yes", "Bad --verbose in a.yml:1: Cannot read 'yes' as a switch: write true or false"],
  ["- a", "Bad --config.file a.yml:1: Cannot read it as options: write a line 'NAME: VALUE' for each"],
  ["limit: 1\n---\nlimit: 2", "Bad --config.file a.yml:2: Cannot read it as YAML: Source contains multiple documents"],
];

for (const [text, sentence] of REFUSED) {
  Deno.test(`parseConfigFile() refuses ${JSON.stringify(text)} with the line`, () => {
    assert.throws(() => parse(text), { name: "UsageError", message: sentence });
  });
}

Deno.test("parseConfigFile() says nothing of what a broken file holds", () => {
  const broken = [
    'token: "s3cret',
    "token: `s3cret",
    "token: x\ns3cret\n",
    "token: [s3cret\nlimit: 1",
    "token: !s3cret x",
  ];
  for (
    const text of [...broken, "token: *s3cret", "token: x: s3cret", "token: {s3cret", "%s3cret\n", "token: [s3cret]"]
  ) {
    assert.throws(() => parse(text), (error: Error) => {
      assert.equal(error.name, "UsageError", text);
      assert.doesNotMatch(error.message, /s3cret/);
      return true;
    });
  }
});
