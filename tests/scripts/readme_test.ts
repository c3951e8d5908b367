import assert from "node:assert/strict";
import configuration from "../../deno.json" with { type: "json" };
import { CONFIGURATION, PROGRAMS, tables, withTables } from "../../scripts/readme.ts";

Deno.test("withTables() replaces what stands between the markers, and nothing else", () => {
  const page = (options: string, bounds: string) =>
    `# A\n\n<!-- options: a -->\n${options}<!-- /options -->\n\nB $& \\1\n\n<!-- bounds -->\n${bounds}<!-- /bounds -->\n`;
  const tables = { "options: a": "| A |", bounds: "| $& |" };
  const written = withTables(page("old\n", ""), tables);
  assert.equal(written, page("\n| A |\n\n", "\n| $& |\n\n"));
  assert.equal(withTables(written, tables), written);
});

Deno.test("withTables() refuses a marker without table, and a table without marker", () => {
  const marked = "<!-- options: other -->\n<!-- /options -->\n";
  assert.throws(() => withTables(marked, {}), /'options: other'/);
  assert.throws(() => withTables("", { bounds: "| A |" }), /Cannot show bounds/);
});

Deno.test("docs/configuration.md shows the options and bounds of the code (else: deno task readme)", async () => {
  const page = await Deno.readTextFile(CONFIGURATION);
  assert.equal(page, withTables(page, await tables()));
});

Deno.test("every option on the page says since when it is there, and why one would change it", () => {
  const mostNumbers = (version: string) => version.split(".").map((part) => part.padStart(6, "0")).join(".");
  const now = mostNumbers(configuration.version);
  for (const [program, { options }] of Object.entries(PROGRAMS)) {
    for (const [name, { since, why }] of Object.entries(options)) {
      assert.ok(
        since !== undefined && /^\d+\.\d+\.\d+$/.test(since) && mostNumbers(since) <= now,
        `${program} ${name}`,
      );
      assert.ok(why, `${program} ${name} does not say why one would change it`);
    }
  }
});
