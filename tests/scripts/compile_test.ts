import assert from "node:assert/strict";
import configuration from "../../deno.json" with { type: "json" };
import { compileArguments, excludedFiles } from "../../scripts/compile.ts";

Deno.test("compileArguments() bakes in the permissions that the tasks give the programs", () => {
  for (const task of ["server", "client"] as const) {
    const args = compileArguments(task, { exclude: ["/cache/a", "/cache/b"] });
    assert.deepEqual(args.splice(-5), [
      "--exclude-unused-npm",
      "--exclude=/cache/a",
      "--exclude=/cache/b",
      `--output=bin/telemeter-${task}`,
      `${task}/main.ts`,
    ]);
    assert.equal(
      ["deno", ...args, `${task}/main.ts`].join(" "),
      configuration.tasks[task].replace(/^.*deno run /, "deno compile "),
    );
  }
});

Deno.test("excludedFiles() finds the sample files of bintrees wherever it is", () => {
  const info = {
    npmPackages: {
      "bintrees@1.0.2": { name: "bintrees", localPath: "/cache/npm/host/bintrees/1.0.2" },
      "jose@6.0.0": { name: "jose", localPath: "/cache/npm/host/jose/6.0.0" },
    },
  };
  assert.deepEqual(excludedFiles(JSON.stringify(info)), ["/cache/npm/host/bintrees/1.0.2/test"]);
  assert.deepEqual(excludedFiles('{"npmPackages":{}}'), []);
});
