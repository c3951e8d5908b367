import assert from "node:assert/strict";
import { compileKernel } from "../../scripts/kernel.ts";

Deno.test("compileKernel() compiles the sources to the file that is there", async () => {
  const there = await Deno.readTextFile(new URL("../../common/kernel/kernel_wasm.ts", import.meta.url));
  assert.ok(there === await compileKernel(), "the sources have changed: run `deno task kernel`");
});
