/** Bundles as their users run them: without a clone, by the Deno of the machine. */

import assert from "node:assert/strict";
import { delimiter, dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import configuration from "../../deno.json" with { type: "json" };
import {
  bundle,
  fillCache,
  install,
  launcher,
  loadedInOrder,
  loadingOrder,
  withDeferral,
  withDeferredRequire,
  withoutDeferral,
  withoutPlaces,
} from "../../scripts/bundle.ts";
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

Deno.test("withDeferral() lets modules of the platform and parts of the start wait, and no others", () => {
  const code =
    'import * as crypto2 from "node:crypto";\nimport * as a from "./chunk-A.js";\nawait import("./selector-B1.js");\n' +
    'await import("./client_pages-C2.js");\n';
  assert.equal(
    withDeferral(code),
    'import defer * as crypto2 from "node:crypto";\nimport * as a from "./chunk-A.js";\n' +
      'await import(String("./selector-B1.js"));\nawait import("./client_pages-C2.js");\n',
  );
});

Deno.test("withDeferredRequire() has a part call for CommonJS modules of the platform when it needs one", () => {
  const code = 'import { createRequire as __create } from "node:module";\nvar __require = __create(import.meta.url);\n';
  assert.equal(
    withDeferredRequire(`var a;\n${code}var b;\n`),
    'var a;\nimport defer * as __create from "node:module";\n' +
      "var __require = (name) => __create.createRequire(import.meta.url)(name);\nvar b;\n",
  );
});

Deno.test("loadedInOrder() loads each part once, behind those that it imports, and the program last", () => {
  const parts = new Map([
    [
      "main.js",
      'import {\n  b\n} from "./b.js";\nimport "./a.js";\nif (import.meta.main) await run(await import("./c.js"));\n',
    ],
    ["b.js", 'import {\n  a\n} from "./a.js";\n'],
    ["a.js", "export {};\n"],
    ["c.js", 'import "./a.js";\n'],
  ]);
  assert.deepEqual(loadingOrder(parts, "main.js"), ["a.js", "b.js", "main.js"]);
  const loaded = loadedInOrder(parts);
  assert.deepEqual([...loaded.get("main.js")!.matchAll(/"(.*)"/g)].map(([, name]) => name), [
    "./a.js",
    "./b.js",
    "./program.js",
  ]);
  assert.match(loaded.get("program.js")!, /^if \(true\) await run\(/m);
  assert.equal(loaded.get("c.js"), parts.get("c.js"));
});

Deno.test("bundle() of the client starts without modules of node, which take 8 MB", async () => {
  const parts = await bundle("client", { signal: new AbortController().signal });
  for (const name of loadingOrder(parts, "program.js")) {
    assert.doesNotMatch(parts.get(name)!, /^(?:\} from|import (?!defer )[^"]*|import) ?"node:/m, name);
  }
});

Deno.test("withoutPlaces() leaves nothing of the machine that made a bundle", () => {
  const place = "../../home/a/.cache/deno/npm/registry.example";
  const code = `// ${place}/jose/6.0.0/b.js\n// common/log.ts\n  "${place}/ws/8.0.0/c.js"() {\n`;
  assert.equal(withoutPlaces(code), '// npm:jose/6.0.0/b.js\n// common/log.ts\n  "npm:ws/8.0.0/c.js"() {\n');
});

/** A bundle in a folder without anything else of Telemeter, started by way of a link. */
async function startBundle(task: "server" | "client", { folder, args }: { folder: string; args: readonly string[] }) {
  const path = `${folder}/programs/telemeter-${task}`;
  await Deno.mkdir(dirname(path));
  await install(task, { path, signal: new AbortController().signal });
  for await (const { name } of Deno.readDir(`${path}.d`)) {
    assert.doesNotMatch(await Deno.readTextFile(`${path}.d/${name}`), /\.cache\/|\/npm\/registry/, name);
  }
  await Deno.symlink(path, `${folder}/link`);
  return new Child({
    name: "bundle",
    path: `${folder}/link`,
    args,
    cwd: folder,
    env: { PATH: `${dirname(Deno.execPath())}${delimiter}/usr/bin${delimiter}/bin` },
  });
}

Deno.test("install() makes a server that runs where nothing else of Telemeter is", async () => {
  await using folder = await tempFolder();
  const args = ["--listen=127.0.0.1:0", "--listen-internal=127.0.0.1:0", `--storage-dir=${folder.path}/data`];
  await using child = await startBundle("server", { folder: folder.path, args });
  const [, internal] = await child.line(/ msg=Listening .*internal=(\S+)/);
  const ready = await fetch(new URL("/healthz/ready", internal));
  assert.equal(await ready.text(), "ok\n");
  assert.equal((await child.stop()).code, 0);
});

Deno.test("install() makes a client that shows its pages, though it may read no file once it runs", async () => {
  await using folder = await tempFolder();
  // Grammar and regular expressions are called for by a selector that is not plain.
  const args = [
    "--from=http://127.0.0.1:1",
    "--to-upload=http://127.0.0.1:1",
    "--match={job=~'a|(b+)c'}",
    "--listen=127.0.0.1:0",
  ];
  await using child = await startBundle("client", { folder: folder.path, args });
  const [, url] = await child.line(/ msg=Listening .*url=(\S+)/);
  const page = await fetch(url, { headers: { accept: "text/html" } });
  assert.equal(page.status, 200);
  assert.match(await page.text(), /<h1/);
  assert.equal((await child.stop()).code, 0);
});

Deno.test("fillCache() leaves Deno nothing to look through in a bundle, even where the cache cannot be written", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/telemeter-client`;
  const { signal } = new AbortController();
  await install("client", { path, signal });
  const denoDir = `${folder.path}/cache`;
  await fillCache("client", { path, denoDir, signal });

  const files = (await Array.fromAsync(Deno.readDir(denoDir))).map(({ name }) => name);
  const databases = files.filter((name) => files.includes(`${name}-wal`) && files.includes(`${name}-shm`));
  const known = databases.flatMap((name) => {
    using database = new DatabaseSync(`${denoDir}/${name}`, { readOnly: true });
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE name = 'moduleinfocache'").all();
    if (tables.length === 0) return [];
    return database.prepare("SELECT specifier FROM moduleinfocache").all().map(({ specifier }) => specifier);
  });
  const parts = (await Array.fromAsync(Deno.readDir(`${path}.d`))).map(({ name }) =>
    pathToFileURL(`${path}.d/${name}`).href
  );
  assert.deepEqual(known.toSorted(), parts.toSorted());
});
