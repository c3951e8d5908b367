/** The directions in which the rooms may depend on each other, and the files that must stay pure. */

import assert from "node:assert/strict";
import { dirname, join } from "node:path/posix";
import configuration from "../../deno.json" with { type: "json" };

/** Who may import whom, besides itself. Scripts and tests may import everything, and nobody imports them. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  common: [],
  ring: ["common"],
  client: ["common"],
  server: ["common", "ring"],
};

/** Files whose decisions depend on their arguments alone, so that tests need no clock, network or disk for them. */
const PURE = [
  /^common\/(transforms\/.*|exposition\/.*|duration)\.ts$/,
  // All but the shell and the network: what a member decides.
  /^ring\/(?!(ring\.ts$|transport\/)).*\.ts$/,
  /^server\/(ingest\/.*|pushes\/rate_limit|exposition\/exposition_(index|groups))\.ts$/,
];
const IMPURE = /\b(Deno\.|setTimeout|setInterval|fetch\(|Date\.now|performance\.|Math\.random|crypto\.randomUUID)/;

/** What ring/ knows nothing of. */
const BEYOND_RING = /^common\/(exposition|transforms)\/.*\.ts$/;

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
  return [...specifiers].map(([, specifier]) => join(dirname(path), specifier)).filter((file) => file.endsWith(".ts"));
}

function faultsOf(file: SourceFile): string[] {
  const faults: string[] = [];
  const room = file.path.split("/")[0];
  for (const imported of importsOf(file)) {
    const other = imported.split("/")[0];
    if (room in MAY_IMPORT && other !== room && !MAY_IMPORT[room].includes(other)) {
      faults.push(`${file.path} imports ${imported}: ${room}/ may not depend on ${other}/`);
    }
    if (room === "ring" && BEYOND_RING.test(imported)) {
      faults.push(`${file.path} imports ${imported}: the ring knows nothing of what it carries`);
    }
    if (room !== "tests" && /(^|\/)main\.ts$/.test(imported)) {
      faults.push(`${file.path} imports ${imported}: a program is started, not imported`);
    }
  }
  const code = withoutComments(file.code);
  const impure = PURE.some((pattern) => pattern.test(file.path)) ? IMPURE.exec(code) : null;
  if (impure) faults.push(`${file.path} uses ${impure[0]}: it must depend on its arguments alone`);
  if (/^\w+\/main\.ts$/.test(file.path) && /^export /m.test(code)) faults.push(`${file.path} exports: it only starts`);
  return faults;
}

async function sourceFiles(folder: string): Promise<SourceFile[]> {
  const root = new URL("../..", import.meta.url);
  const files: SourceFile[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(`${folder}/`, root))) {
    const path = `${folder}/${name}`;
    if (isDirectory) files.push(...await sourceFiles(path));
    else if (name.endsWith(".ts")) files.push({ path, code: await Deno.readTextFile(new URL(path, root)) });
  }
  return files;
}

async function rooms(): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL("../..", import.meta.url))) {
    if (isDirectory && (name in MAY_IMPORT || name === "scripts")) names.push(name);
  }
  return names;
}

Deno.test("the rooms depend on each other in the allowed directions only", async () => {
  const files = (await Promise.all((await rooms()).map(sourceFiles))).flat();
  assert.ok(files.length > 20, `${files.length} files are read`);
  assert.deepEqual(files.flatMap(faultsOf), []);
});

for (
  const [path, code, faults] of [
    ["client/push.ts", 'import { a } from "../../server/store/push_store.ts";', 1],
    ["server/upload.ts", 'import type { A } from "../../client/push.ts";', 1],
    ["common/log.ts", 'export { a } from "../ring/gossip.ts";', 1],
    ["client/transforms/rename.ts", 'const a = await import("../../ring/gossip.ts");', 1],
    ["ring/gossip.ts", 'import {\n  a,\n} from "../../server/store/push_store.ts";', 1],
    ["ring/gossip.ts", 'import { a } from "../../common/exposition/protobuf.ts";', 1],
    ["server/server.ts", 'import "./main.ts";', 1],
    ["server/server.ts", 'import { a } from "../../scripts/integration/stack.ts";', 1],
    ["server/main.ts", "export const a = 1;", 1],
    ["server/limits/rate_limit.ts", "const now = Date.now();", 1],
    ["server/limits/rate_limit.ts", "// The default is Date.now().\nconst a = 1;", 0],
    ["server/forward.ts", 'import { a } from "../ring/gossip.ts";\nimport { b } from "../../common/log.ts";', 0],
    [
      "client/push.ts",
      '/** As `from "../../server/store/push_store.ts"` would. */\nimport { a } from "npm-package";',
      0,
    ],
    ["scripts/readme.ts", 'import { a } from "../../server/options.ts";', 0],
  ] as const
) {
  Deno.test(`the check of directions finds ${faults} in ${path}: ${code.split("\n")[0]}`, () => {
    assert.equal(faultsOf({ path, code }).length, faults);
  });
}

Deno.test("the task ok lints the documentation of every room", async () => {
  for (const room of await rooms()) assert.ok(configuration.tasks.ok.includes(` ${room}/`), room);
});
