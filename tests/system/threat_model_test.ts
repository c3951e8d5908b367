/** docs/threat_model.md may only name tests and flags that there are. */

import assert from "node:assert/strict";
import { flagOf } from "../../common/options.ts";
import { SERVER_OPTIONS } from "../../server/options.ts";

async function* testFiles(folder: URL): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* testFiles(new URL(`${name}/`, folder));
    else if (name.endsWith("_test.ts")) yield await Deno.readTextFile(new URL(name, folder));
  }
}

/** The rows of all tables that have a test in their third column. */
function threats(page: string): string[][] {
  const rows = page.split("\n").filter((line) => line.startsWith("| ")).map((line) => line.slice(2, -2).split(" | "));
  return rows.filter((row) => row.length === 4 && row[0].trim() !== "Threat" && !row[0].startsWith("---"));
}

Deno.test("the threat model names tests and flags that there are", async () => {
  const code = (await Array.fromAsync(testFiles(new URL("../", import.meta.url)))).join("\n");
  const rows = threats(await Deno.readTextFile(new URL("../../docs/threat_model.md", import.meta.url)));
  assert.ok(rows.length >= 37, `${rows.length} threats are read`);
  const flags = new Set(Object.keys(SERVER_OPTIONS).map(flagOf));
  for (const [threat, , tests, limit] of rows) {
    const names = [...tests.matchAll(/`([^`]+)`/g)];
    assert.ok(names.length > 0, `${threat}: no test shows what holds it`);
    for (const [, name] of names) {
      // Names of tables of tests are put together from parts.
      const start = name.replace(/^Ingester refuses .*/, "Ingester refuses ");
      assert.ok(code.includes(`"${start}`) || code.includes("`" + start), `${threat}: there is no test '${name}'`);
    }
    for (const [flag] of limit.matchAll(/--[a-z-]+/g)) assert.ok(flags.has(flag), `${threat}: there is no ${flag}`);
  }
});
