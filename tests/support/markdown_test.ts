import assert from "node:assert/strict";
import { parseMarkdown, shellCommands, slugOf } from "./markdown.ts";

Deno.test("parseMarkdown() finds links, anchors, spans and fences, and takes no code for prose", () => {
  const page = [
    "# Run it: `now`, for real!",
    "",
    '[a](a.md) ![b](<b.png>) [c](../c.md#d-e "Title") `[no](no.md)` ``a ` b``',
    "",
    "[ref]: r.md",
    "",
    "## Again",
    "## Again",
    "```sh",
    "[no](no.md) # no heading",
    "```",
    "<!-- [no](no.md) -->",
    "1. List:",
    "   ```yaml",
    "   a: 1",
    "   ```",
    "A span over `two",
    "lines`.",
  ].join("\n");
  const { anchors, links, fences, spans } = parseMarkdown(page);
  assert.deepEqual([...anchors], ["run-it-now-for-real", "again", "again-1"]);
  assert.deepEqual(links, ["a.md", "b.png", "../c.md#d-e", "r.md"]);
  assert.deepEqual(fences, [
    { language: "sh", text: "[no](no.md) # no heading\n" },
    { language: "yaml", text: "   a: 1\n" },
  ]);
  assert.deepEqual(spans, ["now", "[no](no.md)", "a ` b", "two lines"]);
});

for (
  const [heading, slug] of [
    ["What is durable, and what is not", "what-is-durable-and-what-is-not"],
    ["`--listen` & [links](x.md)", "--listen--links"],
    ["A_b – c", "a_b--c"],
  ] as const
) Deno.test(`slugOf() makes '${slug}'`, () => assert.equal(slugOf(heading), slug));

for (
  const [script, commands] of [
    ["deno task demo\n", [["deno", "task", "demo"]]],
    ["a \\\n  --b 'c d' \"e f\"", [["a", "--b", "c d", "e f"]]],
    ["a b # c --d\n# --e\nf#g", [["a", "b"], ["f#g"]]],
    ["a && b | c; d & e", [["a"], ["b"], ["c"], ["d"], ["e"]]],
    ["a > b 2>&1", [["a", "b"]]],
    ["a $(b c) --d", [["a"], ["b", "c"], ["--d"]]],
    ["a --b={x=\"1\"} 'y|z'", [["a", "--b={x=1}", "y|z"]]],
  ] as const
) Deno.test(`shellCommands() reads ${JSON.stringify(script)}`, () => assert.deepEqual(shellCommands(script), commands));
