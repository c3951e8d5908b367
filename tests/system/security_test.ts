/** SECURITY.md may only name tests and flags that there are. */

import assert from "node:assert/strict";
import { flagOf } from "../../common/options.ts";
import { SERVER_OPTIONS } from "../../server/options.ts";

async function* testFiles(folder: URL): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* testFiles(new URL(`${name}/`, folder));
    else if (name.endsWith("_test.ts")) yield await Deno.readTextFile(new URL(name, folder));
  }
}

Deno.test("SECURITY.md names tests and flags that there are", async () => {
  const code = (await Array.fromAsync(testFiles(new URL("../", import.meta.url)))).join("\n");
  const page = await Deno.readTextFile(new URL("../../SECURITY.md", import.meta.url));
  const rows = page.split("\n").filter((line) => line.startsWith("| ")).slice(2).map((line) => line.split(" | "));
  assert.ok(rows.length > 20);
  const flags = new Set(Object.keys(SERVER_OPTIONS).map(flagOf));
  for (const [threat, , tests, limit] of rows) {
    for (const [, name] of tests.matchAll(/`([^`]+)`/g)) {
      // Names of tables of tests are put together from parts.
      const start = name.replace(/^Ingester refuses .*/, "Ingester refuses ");
      assert.ok(code.includes(`"${start}`) || code.includes("`" + start), `${threat}: there is no test '${name}'`);
    }
    for (const [flag] of limit.matchAll(/--[a-z-]+/g)) assert.ok(flags.has(flag), `${threat}: there is no ${flag}`);
  }
});
