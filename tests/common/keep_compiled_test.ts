/** What is kept, as far as a program can see it: an object for each class, the last one. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runToEnd } from "../../scripts/process/child.ts";

Deno.test("keepCompiled() keeps the last object of each class, and lets go of the one before", async () => {
  const program = `
    import { keepCompiled } from ${JSON.stringify(new URL("../../common/keep_compiled.ts", import.meta.url).href)};
    class One {}
    class Other {}
    const made = [One, One, Other].map((Made) => {
      const object = new Made();
      keepCompiled(object);
      return new WeakRef(object);
    });
    await new Promise((resolve) => setTimeout(resolve));
    gc();
    console.log(made.map((object) => object.deref() !== undefined).join());
  `;
  const args = ["run", "--v8-flags=--expose-gc", `data:text/javascript,${encodeURIComponent(program)}`];
  const outcome = await runToEnd(Deno.execPath(), args, { cwd: fileURLToPath(new URL("../..", import.meta.url)) });
  assert.equal(outcome?.stdout, "false,true,true\n", outcome?.output);
});
