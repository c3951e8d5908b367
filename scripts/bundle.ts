/**
 * Makes the server and the client a folder of JavaScript each in `bin/`, to be run by the Deno of a machine, and beside it a
 * script that starts Deno with the permissions of the task.
 *
 * Where Deno has no caches, it keeps most of the memory that it took to look through a program. So its parts are loaded one after
 * the other, and what is only loaded when it is called for stays in files of its own, which Deno does not look at before.
 *
 * @module
 */

import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import configuration from "../deno.json" with { type: "json" };
import { FailedError, run } from "../common/lifecycle.ts";
import { directory } from "../common/option_kinds.ts";
import type { OptionTable, Program } from "../common/options.ts";
import { EXECUTABLES } from "./compile.ts";
import { runToEnd } from "./process/child.ts";
import { taskWords } from "./process/tasks.ts";

/** The options of its command line. */
export const BUNDLE_OPTIONS = {
  to: { kind: directory, default: "bin", help: "Where they go: a cache is for those that lie there" },
  cache: { kind: directory, help: "Fill a cache of Deno's here (DENO_DIR), for programs that cannot write one" },
} as const satisfies OptionTable;

/** The program as `--help` shows it. */
export const BUNDLE: Program<typeof BUNDLE_OPTIONS> = {
  name: "bundle",
  summary: "Makes the server and the client, for machines that have Deno.",
  options: BUNDLE_OPTIONS,
};

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** What a bundle is made from. */
const SOURCES = ["deno.json", "deno.lock", "client", "common", "ring", "server"];

/** The part that starts the others, and the one that starts the program. */
const MAIN = "main.js", PROGRAM = "program.js";

/** The folder beside the script of a task that holds its program. */
const PARTS_SUFFIX = ".d";

/** Deno without a configuration or a lock, which would be those of whoever is beside the file. */
const BY_ITSELF = ["--no-config", "--no-lock", "--no-npm", "--no-remote"];

/** The flags of Deno with which a bundle runs: those of its task. */
function runFlags(task: keyof typeof EXECUTABLES): string[] {
  const unstable = configuration.unstable.map((feature) => `--unstable-${feature}`);
  return [...new Set([...taskWords(task).words.slice(0, -1), ...unstable, ...BY_ITSELF])];
}

/** The script that starts a bundle with the permissions of the task, wherever links to it lie. */
export function launcher(task: keyof typeof EXECUTABLES): string {
  const variables = Object.entries(taskWords(task).env).map(([name, value]) => `${name}=${value}`);
  const command = `${variables.join(" ")} exec deno run ${runFlags(task).join(" ")}`;
  return `#!/bin/sh\nself=$(readlink -f "$0")\n${command} "$self${PARTS_SUFFIX}/main.js" "$@"\n`;
}

/** Source code as the bundler can read it: it knows no imports that are deferred until they are used. */
export function withoutDeferral(code: string): string {
  return code.replaceAll(/^import defer \*/gm, "import *");
}

/**
 * What is called for while a program starts, or by a program that keeps the permission to read. Other parts stay named where Deno
 * sees them: only those need no permission, which programs give up once they run.
 */
const START_PARTS = ["command_line", "config_file", "guarded_server", "selector"];
const START_IMPORT = new RegExp(`\\bimport\\(("\\./(?:${START_PARTS.join("|")})-\\w+\\.js")\\)`, "g");

/** A bundle whose imports of the platform's modules, and of parts that a start may call for, wait until they are used. */
export function withDeferral(code: string): string {
  return code
    .replaceAll(/^import \* as ([\w$]+) from ("node:\w+");$/gm, "import defer * as $1 from $2;")
    // Deno looks through what it sees named here before the program starts.
    .replaceAll(START_IMPORT, "import(String($1))");
}

/** A bundle of which the parts that call for CommonJS modules of the platform do so when they need one, and not before. */
export function withDeferredRequire(code: string): string {
  return code.replace(
    /^import \{ createRequire as (\w+) \} from "node:module";\nvar __require = \1\(import\.meta\.url\);$/m,
    'import defer * as $1 from "node:module";\nvar __require = (name) => $1.createRequire(import.meta.url)(name);',
  );
}

/** The parts that a part cannot do without, itself the last, each behind those that it imports. */
export function loadingOrder(
  parts: ReadonlyMap<string, string>,
  name: string,
  before: readonly string[] = [],
): string[] {
  const order = [...before];
  for (const [, imported] of parts.get(name)!.matchAll(/^(?:\} from|import) "\.\/([^"]+)";$/gm)) {
    if (!order.includes(imported)) order.splice(0, order.length, ...loadingOrder(parts, imported, order));
  }
  return [...order, name];
}

/** A program in parts, of which `main.js` loads the others one after the other, and `program.js` last. */
export function loadedInOrder(parts: ReadonlyMap<string, string>): Map<string, string> {
  const names = loadingOrder(parts, MAIN).slice(0, -1).concat(PROGRAM);
  const loader =
    `// Deno keeps the memory that it takes to look through parts of a program: so it does at one at a time.
for (
  const part of ${JSON.stringify(names.map((name) => `./${name}`), undefined, 4).replace("\n]", ",\n  ]")}
) await import(part);
`;
  const program = parts.get(MAIN)!.replaceAll("import.meta.main", "true");
  return new Map([...parts, [MAIN, loader], [PROGRAM, program]]);
}

/** A bundle that is the same whoever makes it: the bundler notes where each package lay on its machine. */
export function withoutPlaces(code: string): string {
  return code.replaceAll(/^(\/\/ | *")(?:\.\.\/)+[^"\n]*?\/npm\/[^/"\n]+\//gm, "$1npm:");
}

async function copySources(to: string, path = ""): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(join(ROOT, path))) {
    const inside = join(path, name);
    if (path === "" && !SOURCES.includes(name)) continue;
    if (isDirectory) await copySources(to, inside);
    else {
      await Deno.mkdir(dirname(join(to, inside)), { recursive: true });
      await Deno.writeTextFile(join(to, inside), withoutDeferral(await Deno.readTextFile(join(ROOT, inside))));
    }
  }
}

/**
 * The parts of a program, by the names of their files: `main.js` starts it.
 *
 * @throws {FailedError} with what the bundler says, if it fails.
 */
export async function bundle(
  task: keyof typeof EXECUTABLES,
  { signal }: { signal: AbortSignal },
): Promise<ReadonlyMap<string, string>> {
  const work = await Deno.makeTempDir({ prefix: "telemeter-bundle-" });
  try {
    await copySources(work);
    const output = join(work, "bundle");
    const args = ["bundle", "--frozen", "--platform=deno", "--code-splitting", `--outdir=${output}`, `${task}/main.ts`];
    const outcome = await runToEnd(Deno.execPath(), args, { cwd: work, signal });
    signal.throwIfAborted();
    if (!outcome?.success) throw new FailedError(`Cannot bundle the ${task}:\n${outcome?.output}`);
    const parts = new Map<string, string>();
    for await (const { name } of Deno.readDir(output)) {
      const code = withoutPlaces(await Deno.readTextFile(join(output, name)));
      parts.set(name, withDeferredRequire(withDeferral(code)));
    }
    return loadedInOrder(parts);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** Puts a bundle and its script where `path` says. Parts of an older one stay: whoever runs it may not have loaded all of them. */
export async function install(
  task: keyof typeof EXECUTABLES,
  { path, signal }: { path: string; signal: AbortSignal },
): Promise<void> {
  const folder = path + PARTS_SUFFIX;
  await Deno.mkdir(folder, { recursive: true });
  for (const [name, code] of await bundle(task, { signal })) await Deno.writeTextFile(join(folder, name), code);
  // A compiled one may be there, that runs.
  await Deno.writeTextFile(`${path}.new`, launcher(task), { mode: 0o755 });
  await Deno.rename(`${path}.new`, path);
}

/**
 * Fills a cache of Deno's with what it finds when it looks through the parts of a bundle: a start that has that takes 4 MB less.
 * It holds for the bundle at this path, and for this version of Deno, whether or not it can be written.
 *
 * @throws {FailedError} with what Deno says, if it fails.
 */
export async function fillCache(
  task: keyof typeof EXECUTABLES,
  { path, denoDir, signal }: { path: string; denoDir: string; signal: AbortSignal },
): Promise<void> {
  const folder = path + PARTS_SUFFIX;
  // Each by its name: main.js names none of the others where Deno would see it.
  const parts = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => join(folder, name));
  const steps = [
    ["cache", ...BY_ITSELF, ...parts.toSorted()],
    // Ends, as every program does, without closing the databases of the cache: SQLite opens closed ones only where it may write.
    ["run", ...runFlags(task), join(folder, MAIN), "--version"],
  ];
  for (const args of steps) {
    const outcome = await runToEnd(Deno.execPath(), args, { env: { DENO_DIR: denoDir }, signal });
    signal.throwIfAborted();
    if (!outcome?.success) throw new FailedError(`Cannot fill the cache ${denoDir}:\n${outcome?.output}`);
  }
}

if (import.meta.main) {
  await run(BUNDLE, async ({ values, signal, print }) => {
    for (const task of Object.keys(EXECUTABLES) as (keyof typeof EXECUTABLES)[]) {
      const path = join(resolve(ROOT, values.to), basename(EXECUTABLES[task]));
      await install(task, { path, signal });
      if (values.cache !== undefined) await fillCache(task, { path, denoDir: resolve(ROOT, values.cache), signal });
      print(`${path}\n`);
    }
  }, { startsPrograms: true });
}
