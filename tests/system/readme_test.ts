import assert from "node:assert/strict";
import configuration from "../../deno.json" with { type: "json" };
import { file, flag, type Program, text } from "../../common/options.ts";
import { optionTable, withOptionTables } from "../../scripts/readme.ts";

const PROGRAM: Program<Record<string, never>> = {
  name: "example",
  summary: "Shows options.",
  arguments: { ADDR: "Where to listen", "FILE?": "What to show" },
  options: {
    keyFile: { kind: file, required: true, help: "The key" },
    level: { kind: { ...text, placeholder: "a|b" }, default: "a", help: "One of a | b" },
    verbose: { kind: flag, short: "-v", help: "Say more" },
  } as never,
};

const TABLE = [
  "| Flag                | Default    | What it does    |",
  "| ------------------- | ---------- | --------------- |",
  "| `ADDR`              | (required) | Where to listen |",
  "| `FILE`              |            | What to show    |",
  "| `--key-file <FILE>` | (required) | The key         |",
  "| `--level <a\\|b>`    | `a`        | One of a \\| b   |",
  "| `-v, --verbose`     |            | Say more        |",
].join("\n");

Deno.test("optionTable() lists arguments and options, bars escaped and columns padded", () => {
  assert.equal(optionTable(PROGRAM), TABLE);
});

Deno.test("withOptionTables() replaces what stands between the markers, and nothing else", () => {
  const readme = (between: string) => `# A\n\n<!-- options: example -->\n${between}<!-- /options -->\n\nB $& \\1\n`;
  const programs = { example: PROGRAM };
  const written = withOptionTables(readme("old\n"), programs);
  assert.equal(written, readme(`\n${optionTable(PROGRAM)}\n\n`));
  assert.equal(withOptionTables(written, programs), written);
});

Deno.test("withOptionTables() refuses a marker without program, and a program without marker", () => {
  const marked = "<!-- options: other -->\n<!-- /options -->\n";
  assert.throws(() => withOptionTables(marked, {}), /options of 'other'/);
  assert.throws(() => withOptionTables("", { example: PROGRAM }), /options of example/);
});

Deno.test("the README's tables are those that the programs read their command lines by (else: deno task readme)", async () => {
  const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
  assert.equal(readme, withOptionTables(readme));
});

Deno.test("the README names only tasks that there are", async () => {
  const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
  const named = [...readme.matchAll(/deno(?:@[\d.]+)? task ([a-z-]+)/g)].map(([, task]) => task);
  assert.ok(named.includes("demo") && named.includes("test"));
  assert.deepEqual(named.filter((task) => !(task in configuration.tasks)), []);
});
