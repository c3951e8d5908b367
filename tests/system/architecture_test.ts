/** The directions in which the rooms may depend on each other, and the files that must stay pure. */

import assert from "node:assert/strict";
import { dirname, join } from "node:path/posix";
import configuration from "../../deno.json" with { type: "json" };

/**
 * Every folder of sources, from the top of the house to its ground: a file may import from its own folder and from folders
 * further down, so that no arrow points up and no two folders import each other.
 */
const FLOORS: readonly string[] = [
  ...[
    "tests/system/timed",
    "tests/deploy",
    "tests/system",
    "tests/browser",
    "tests/attacks",
    "tests/soak",
    "tests/bench",
    "tests/bench/ring_bench",
    "tests/faults",
  ],
  ...["tests/fuzz", "tests/simulation", "tests/support"],
  ...["scripts", "scripts/images", "scripts/integration/same_answers", "scripts/integration"],
  ...["scripts/supply_chain", "scripts/certificates", "scripts/documents", "scripts/process"],
  ...[
    "server",
    "server/ring",
    "server/pages",
    "server/api",
    "server/remote_write",
    "server/pushes",
    "server/authorization",
    "server/limits",
    "server/sinks",
  ],
  ...["server/exposition", "server/directory", "server/store", "server/ingest"],
  ...["client", "client/pages", "client/transforms"],
  ...["ring", "ring/transport", "ring/transfer", "ring/replication", "ring/membership", "ring/placement"],
  "ring/consensus",
  "ring/protocol",
  ...[
    "common/pages",
    "common/http",
    "common/outgoing",
    "common/remote_write",
    "common/ingest",
    "common/exposition",
    "common/kernel",
    "common/kernel/assembly",
    "common",
  ],
];

/** What a room of the product knows nothing of, though it lies further down. */
const MAY_NOT_IMPORT: Readonly<Record<string, RegExp>> = {
  server: /^client\//,
  client: /^ring\//,
  // The ring carries bytes, whatever is in them.
  ring: /^common\/(exposition|kernel)\//,
  // Kept free to be compiled by itself.
  "common/kernel/assembly": /^(?!common\/kernel\/assembly\/)/,
};

/** The rooms whose tests mirror them, folder by folder. */
const MIRRORED = /^tests\/(common|client|server|ring|scripts)\b/;

/** Files whose decisions depend on their arguments alone, so that tests need no clock, network or disk for them. */
const PURE = [
  /^(client\/transforms\/.*|common\/exposition\/.*|common\/duration)\.ts$/,
  // All but the shell and the network: what a member decides.
  /^ring\/(?!(ring\.ts$|transport\/)).*\.ts$/,
  /^server\/(ingest\/.*|remote_write\/merge|limits\/rate_limit|directory\/(source|push_timeline|strangers|source_record|source_families)|exposition\/exposition_(index|groups))\.ts$/,
];
const IMPURE = /\b(Deno\.|setTimeout|setInterval|fetch\(|Date\.now|performance\.|Math\.random|crypto\.randomUUID)/;

interface SourceFile {
  readonly path: string;
  readonly code: string;
}

function withoutComments(code: string): string {
  return code.replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, "");
}

/** The files of ours that a file imports or re-exports from, types included. */
function importsOf({ path, code }: SourceFile): string[] {
  const specifiers = withoutComments(code).matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"(\.[^"]+)"/g);
  return [...specifiers].map(([, specifier]) => join(dirname(path), specifier)).filter((file) => /\.tsx?$/.test(file));
}

function faultsOf(file: SourceFile): string[] {
  const faults: string[] = [];
  const folder = dirname(file.path);
  const barred = Object.entries(MAY_NOT_IMPORT).filter(([room]) => `${folder}/`.startsWith(`${room}/`));
  for (const imported of importsOf(file)) {
    const other = dirname(imported);
    const why = `${file.path} imports ${imported}`;
    if (MIRRORED.test(other)) faults.push(`${why}: nobody imports a test that mirrors a room`);
    else if (other !== folder && !MIRRORED.test(folder)) {
      const [from, to] = [folder, other].map((name) => FLOORS.indexOf(name));
      if (from < 0 || to < 0) faults.push(`${why}: say in FLOORS where ${from < 0 ? folder : other} stands`);
      else if (to < from) faults.push(`${why}: ${folder} is further down than ${other}`);
    }
    if (barred.some(([, pattern]) => pattern.test(imported))) faults.push(`${why}: which it may know nothing of`);
    if (!folder.startsWith("tests/") && /(^|\/)main\.ts$/.test(imported)) {
      faults.push(`${why}: a program is started, not imported`);
    }
  }
  const code = withoutComments(file.code);
  const impure = PURE.some((pattern) => pattern.test(file.path)) ? IMPURE.exec(code) : null;
  if (impure) faults.push(`${file.path} uses ${impure[0]}: it must depend on its arguments alone`);
  if (/^\w+\/main\.ts$/.test(file.path) && /^export /m.test(code)) faults.push(`${file.path} exports: it only starts`);
  return faults;
}

/** Circles of files that import each other, each told once, by a way round it. */
function circlesOf(files: readonly SourceFile[]): string[] {
  const imports = new Map(files.map((file) => [file.path, importsOf(file)]));
  const circles: string[] = [], done = new Set<string>();
  const visit = (path: string, way: readonly string[]) => {
    const at = way.indexOf(path);
    if (at >= 0) circles.push([...way.slice(at), path].join(" -> "));
    if (at >= 0 || done.has(path)) return;
    for (const imported of imports.get(path) ?? []) visit(imported, [...way, path]);
    done.add(path);
  };
  for (const path of imports.keys()) visit(path, []);
  return circles;
}

async function sourceFiles(folder: string): Promise<SourceFile[]> {
  const root = new URL("../../", import.meta.url);
  const files: SourceFile[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(`${folder}/`, root))) {
    const path = `${folder}/${name}`;
    if (isDirectory) files.push(...await sourceFiles(path));
    // This file quotes imports that are not its own.
    else if (/\.tsx?$/.test(name) && name !== "architecture_test.ts") {
      files.push({ path, code: await Deno.readTextFile(new URL(path, root)) });
    }
  }
  return files;
}

const ROOMS = ["common", "ring", "client", "server", "scripts"] as const;

Deno.test("every folder imports only from folders further down, and none of what it may not know", async () => {
  const files = (await Promise.all([...ROOMS, "tests"].map(sourceFiles))).flat();
  assert.ok(files.length > 300, `${files.length} files are read`);
  assert.deepEqual(files.flatMap(faultsOf), []);
});

Deno.test("no files of a room import each other in a circle, be it for types alone", async () => {
  const files = (await Promise.all(ROOMS.map(sourceFiles))).flat();
  assert.deepEqual(circlesOf(files), []);
});

Deno.test("the check of circles finds each way round", () => {
  const file = (name: string, ...others: readonly string[]) => ({
    path: `common/${name}.ts`,
    code: others.map((other) => `import type { A } from "./${other}.ts";`).join("\n"),
  });
  const found = circlesOf([
    file("a", "b"),
    file("b", "c", "d"),
    file("c", "b"),
    file("d", "e"),
    file("e", "a"),
    file("f", "e"),
  ]);
  assert.deepEqual(found, [
    "common/b.ts -> common/c.ts -> common/b.ts",
    "common/a.ts -> common/b.ts -> common/d.ts -> common/e.ts -> common/a.ts",
  ]);
  assert.deepEqual(circlesOf([file("a", "b", "c"), file("b", "c"), file("c")]), []);
});

Deno.test("every folder that has a floor is there", async () => {
  const files = (await Promise.all([...ROOMS, "tests"].map(sourceFiles))).flat();
  const folders = new Set(files.map(({ path }) => dirname(path)));
  assert.deepEqual(FLOORS.filter((folder) => !folders.has(folder)), []);
});

for (
  const [path, code, faults] of [
    ["client/push.ts", 'import { a } from "../server/store/push_store.ts";', 1],
    ["server/pushes/upload.ts", 'import type { A } from "../../client/push.ts";', 1],
    ["server/pushes/upload.ts", 'import { a } from "../options.ts";', 1],
    ["server/store/layout.ts", 'import type { A } from "../pushes/push.ts";', 1],
    ["server/parlour/sofa.ts", 'import { a } from "../store/layout.ts";', 1],
    ["common/log.ts", 'export { a } from "../ring/ring.ts";', 1],
    ["common/log.ts", 'export { a } from "./http/http.ts";', 1],
    ["client/transforms/rename.ts", 'const a = await import("../../ring/ring.ts");', 1],
    ["ring/ring.ts", 'import {\n  a,\n} from "../server/store/push_store.ts";', 1],
    ["ring/ring.ts", 'import { a } from "../common/exposition/protobuf.ts";', 1],
    ["ring/membership/fence.ts", 'import { a } from "../ring_machine.ts";', 1],
    ["server/server.ts", 'import "./main.ts";', 1],
    ["server/server.ts", 'import { a } from "../scripts/certs.ts";', 1],
    ["scripts/certs.ts", 'import { a } from "../tests/support/random.ts";', 1],
    ["tests/support/random.ts", 'import { a } from "../fuzz/check.ts";', 1],
    ["tests/fuzz/check.ts", 'import { a } from "../common/fnv_test.ts";', 1],
    ["server/main.ts", "export const a = 1;", 1],
    ["server/limits/rate_limit.ts", "const now = Date.now();", 1],
    ["server/limits/rate_limit.ts", "// The default is Date.now().\nconst a = 1;", 0],
    ["server/ring/forward.ts", 'import { a } from "../../ring/ring.ts";\nimport { b } from "../../common/log.ts";', 0],
    ["client/push.ts", '/** As `from "../server/store.ts"` would. */\nimport { a } from "npm-package";', 0],
    ["scripts/readme.ts", 'import { a } from "../server/options.ts";', 0],
    ["tests/ring/ring_test.ts", 'import { a } from "../simulation/ring_world.ts";', 0],
  ] as const
) {
  Deno.test(`the check of directions finds ${faults} in ${path}: ${code.split("\n")[0]}`, () => {
    assert.equal(faultsOf({ path, code }).length, faults);
  });
}

Deno.test("the task ok lints the documentation of every room", () => {
  for (const room of ROOMS) assert.ok(configuration.tasks.ok.includes(` ${room}/`), room);
});
