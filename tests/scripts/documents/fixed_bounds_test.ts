import assert from "node:assert/strict";
import { boundTables, type FixedBound, fixedBounds } from "../../../scripts/documents/fixed_bounds.ts";

const boundsOf = (text: string, path = "server/a.ts") => fixedBounds([{ path, text }]);
const briefly = (bounds: readonly FixedBound[]) => bounds.map(({ name, value, help }) => [name, value, help]);

for (
  const [what, text, bounds] of [
    ["a time", "/** How long, in milliseconds. */\nconst WAIT_MS = 90_000;\n", [["WAIT_MS", "1m30s", "How long."]]],
    [
      "an exported product",
      "/** Most bytes. */\nexport const MAX_BYTES = 8 * 1_024 * 1_024;\n",
      [["MAX_BYTES", "8 MiB", "Most bytes."]],
    ],
    ["a power", "/** The highest. */\nconst TOP = 2 ** 20;\n", [["TOP", "1,048,576", "The highest."]]],
    ["seconds", "/** Leeway. */\nconst LEEWAY_SECONDS = 60;\n", [["LEEWAY_SECONDS", "1m", "Leeway."]]],
    ["a typed one", "/** Most. */\nconst MAX_PROBES: u32 = 256;\n", [["MAX_PROBES", "256", "Most."]]],
    [
      "a comment of several lines that links",
      '/**\n * As long as\n * {@linkcode import("./b.ts").OTHER_MS}.\n */\nconst WAIT_MS = 5;\n',
      [["WAIT_MS", "5ms", "As long as `OTHER_MS`."]],
    ],
    [
      "an object of times",
      "/** Each step. */\nconst LEAVE_MS = { waiting: 4_000, handing: 500 } as const;\n",
      [["LEAVE_MS", "waiting 4s, handing 500ms", "Each step."]],
    ],
    [
      "a nested object with a comment in it",
      "/** Frames. */\nconst CLASS_LIMITS: R = {\n  a: { frameBytes: 1_024 },\n  // More.\n  b: { frameBytes: 3 },\n};\n",
      [["CLASS_LIMITS", "a.frameBytes 1 KiB, b.frameBytes 3 B", "Frames."]],
    ],
    [
      "an object whose interface explains it",
      "/** Bounds. */\nexport interface ALimits {\n  /** Bytes a second. */\n  readonly bytesPerSecond: number;\n}\n" +
      "/** All. */\nexport const A_LIMITS: ALimits = {\n  bytesPerSecond: 2_048,\n};\n",
      [["A_LIMITS.bytesPerSecond", "2 KiB/s", "Bytes a second."]],
    ],
    [
      "a documented default",
      "interface O {\n  /**\n   * How often.\n   *\n   * @default {10_000}\n   */\n  readonly everyMs?: number;\n}\n" +
      "function f({ everyMs = 10_000 }: O) {}\n",
      [["everyMs", "10s", "How often."]],
    ],
    ["a unit", "const SECOND_MS = 1_000;\n", []],
    ["a constant that bounds nothing", "/** The first byte. */\nconst MAGIC = 245;\n", []],
    ["an object of other things", "/** Words. */\nconst MAX_WORDS = { a: x.y };\n", []],
  ] as const
) {
  Deno.test(`fixedBounds() reads ${what}`, () => assert.deepEqual(briefly(boundsOf(text)), bounds));
}

Deno.test("fixedBounds() refuses a bound without a sentence", () => {
  assert.throws(() => boundsOf("const MAX_THINGS = 3;\n"), /MAX_THINGS of server\/a\.ts: write a sentence/);
});

Deno.test("fixedBounds() finds what puts a documented default in force in another file of the folder, or refuses", () => {
  const path = "server/a.ts";
  const text = "interface O {\n  /** How often. @default {10_000} */\n  readonly everyMs?: number;\n}\n";
  const other = { path: "server/b.ts", text: "const { everyMs: ms = 10_000 } = options;\n" };
  assert.deepEqual(briefly(fixedBounds([{ path, text }, other])), [["everyMs", "10s", "How often."]]);
  assert.throws(() => fixedBounds([{ path, text }]), /everyMs of server\/a\.ts: its documented default 10_000/);
  const elsewhere = { ...other, path: "client/b.ts" };
  assert.throws(() => fixedBounds([{ path, text }, elsewhere]), /everyMs/);
});

Deno.test("boundTables() has a table for each folder, with links from the page to the files", () => {
  const bound = { path: "ring/x/a.ts", name: "MAX_A", value: "1", help: "Most | least." };
  assert.equal(
    boundTables([bound, { ...bound, path: "server/b.ts" }], { root: "../" }),
    [
      "### ring/x",
      "",
      "| Bound   | Value | Where                  | What it bounds |",
      "| ------- | ----- | ---------------------- | -------------- |",
      "| `MAX_A` | 1     | [a.ts](../ring/x/a.ts) | Most \\| least. |",
      "",
      "### server",
      "",
      "| Bound   | Value | Where                  | What it bounds |",
      "| ------- | ----- | ---------------------- | -------------- |",
      "| `MAX_A` | 1     | [b.ts](../server/b.ts) | Most \\| least. |",
    ].join("\n"),
  );
});
