/** Bundles as their users run them: without a clone, by the Deno of the machine. */

import assert from "node:assert/strict";
import { delimiter, dirname } from "node:path";
import configuration from "../../deno.json" with { type: "json" };
import { bundle, launcher, withoutDeferral, withoutPlaces } from "../../scripts/bundle.ts";
import { Child } from "../../scripts/process/child.ts";
import { tempFolder } from "../support/programs.ts";

Deno.test("launcher() starts Deno with the permissions of the task, and none of the places that it is run in", () => {
  for (const task of ["server", "client"] as const) {
    const words = launcher(task).split(" ");
    const flags = configuration.tasks[task].split(" ").filter((word) => word.startsWith("--"));
    assert.deepEqual(flags.filter((flag) => !words.includes(flag)), []);
    const permissions = words.filter((word) => word.startsWith("--allow-"));
    assert.deepEqual(permissions.filter((flag) => !flags.includes(flag)), []);
    for (const flag of ["--no-prompt", "--no-config", "--no-lock", "--no-npm", "--no-remote"]) {
      assert.ok(words.includes(flag), flag);
    }
    for (const feature of configuration.unstable) assert.ok(words.includes(`--unstable-${feature}`), feature);
  }
});

Deno.test("withoutDeferral() changes deferred imports alone", () => {
  const code = '// import defer * as a\nimport defer * as a from "a";\nimport { defer } from "b";\n';
  assert.equal(withoutDeferral(code), '// import defer * as a\nimport * as a from "a";\nimport { defer } from "b";\n');
});

Deno.test("withoutPlaces() leaves nothing of the machine that made a bundle", () => {
  const place = "../../home/a/.cache/deno/npm/registry.example";
  const code = `// ${place}/jose/6.0.0/b.js\n// common/log.ts\n  "${place}/ws/8.0.0/c.js"() {\n`;
  assert.equal(withoutPlaces(code), '// npm:jose/6.0.0/b.js\n// common/log.ts\n  "npm:ws/8.0.0/c.js"() {\n');
});

Deno.test("bundle() makes a server that runs where nothing else of Telemeter is", async () => {
  await using folder = await tempFolder();
  const code = await bundle("server", { signal: new AbortController().signal });
  assert.doesNotMatch(code, /\.cache\/|\/npm\/registry/);
  const path = await folder.write("telemeter-server", code);
  await Deno.chmod(path, 0o755);
  await using child = new Child({
    name: "bundle",
    path,
    args: ["--listen=127.0.0.1:0", "--listen-internal=127.0.0.1:0", `--storage-dir=${folder.path}/data`],
    cwd: folder.path,
    env: { PATH: `${dirname(Deno.execPath())}${delimiter}/usr/bin${delimiter}/bin` },
  });
  const [, internal] = await child.line(/ msg=Listening .*internal=(\S+)/);
  const ready = await fetch(new URL("/healthz/ready", internal));
  assert.equal(await ready.text(), "ok\n");
  assert.equal((await child.stop()).code, 0);
});
