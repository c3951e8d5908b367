/**
 * Makes the server and the client one file each in `bin/`, to be run by the Deno of a machine: a script that starts Deno with the
 * permissions of the task, and behind it the whole program.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import configuration from "../deno.json" with { type: "json" };
import { FailedError, run } from "../common/lifecycle.ts";
import type { Program } from "../common/options.ts";
import { EXECUTABLES } from "./compile.ts";
import { runToEnd } from "./process/child.ts";
import { taskWords } from "./process/tasks.ts";

/** The program as `--help` shows it. */
export const BUNDLE: Program<Record<never, never>> = {
  name: "bundle",
  summary: "Makes the server and the client one file each in bin/, for machines that have Deno.",
  options: {},
};

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** What a bundle is made from. */
const SOURCES = ["deno.json", "deno.lock", "client", "common", "ring", "server"];

/**
 * The lines that a bundle starts with: to a shell, a command that starts Deno with the permissions of the task; to JavaScript, a
 * text and a comment.
 */
export function launcher(task: keyof typeof EXECUTABLES): string {
  const { words, env } = taskWords(task);
  const variables = Object.entries(env ?? {}).map(([name, value]) => `${name}=${value}`);
  const unstable = configuration.unstable.map((feature) => `--unstable-${feature}`);
  // Without a configuration or a lock, which would be those of whoever is beside the file.
  const flags = new Set([...words.slice(0, -1), ...unstable, "--no-config", "--no-lock", "--no-npm", "--no-remote"]);
  return `#!/bin/sh\n":" //; ${variables.join(" ")} exec deno run ${[...flags].join(" ")} --ext=js "$0" "$@"\n`;
}

/** Source code as the bundler can read it: it knows no imports that are deferred until they are used. */
export function withoutDeferral(code: string): string {
  return code.replaceAll(/^import defer \*/gm, "import *");
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
 * A program as one file.
 *
 * @throws {FailedError} with what the bundler says, if it fails.
 */
export async function bundle(
  task: keyof typeof EXECUTABLES,
  { signal }: { signal: AbortSignal },
): Promise<string> {
  const work = await Deno.makeTempDir({ prefix: "telemeter-bundle-" });
  try {
    await copySources(work);
    const output = join(work, "bundle.js");
    const args = ["bundle", "--frozen", "--platform=deno", `--output=${output}`, `${task}/main.ts`];
    const outcome = await runToEnd(Deno.execPath(), args, { cwd: work, signal });
    signal.throwIfAborted();
    if (!outcome?.success) throw new FailedError(`Cannot bundle the ${task}:\n${outcome?.output}`);
    return launcher(task) + withoutPlaces(await Deno.readTextFile(output));
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

if (import.meta.main) {
  await run(BUNDLE, async ({ signal, print }) => {
    await Deno.mkdir(join(ROOT, "bin"), { recursive: true });
    for (const task of Object.keys(EXECUTABLES) as (keyof typeof EXECUTABLES)[]) {
      const path = join(ROOT, EXECUTABLES[task]);
      // Whoever runs the old one keeps it.
      await Deno.writeTextFile(`${path}.new`, await bundle(task, { signal }), { mode: 0o755 });
      await Deno.rename(`${path}.new`, path);
      print(`${EXECUTABLES[task]}\n`);
    }
  }, { startsPrograms: true });
}
