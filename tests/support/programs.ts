/**
 * Our programs as processes, started as their tasks start them, on free ports of 127.0.0.1.
 *
 * @module
 */

import { join } from "node:path";
import { Child } from "../../scripts/process/child.ts";
import { type ProgramTask, taskCommand } from "../../scripts/process/tasks.ts";

/** A folder that goes with the test. */
export interface Folder extends AsyncDisposable {
  /** Where it is. */
  readonly path: string;
  /** Writes a file into it, which only its owner may read, and returns the file's path. */
  write(name: string, text: string): Promise<string>;
}

/** Makes an empty folder. */
export async function tempFolder(): Promise<Folder> {
  const path = await Deno.makeTempDir({ prefix: "telemeter-test-" });
  return {
    path,
    async write(name, text) {
      await Deno.writeTextFile(join(path, name), text, { mode: 0o600 });
      return join(path, name);
    },
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

/** A program that runs; disposing of it stops it. */
export interface RunningProgram extends AsyncDisposable {
  /** Its process, whose log can be waited for. */
  readonly child: Child;
}

/** A server that runs. */
export interface RunningServer extends RunningProgram {
  /** Where clients come. */
  readonly external: URL;
  /** Where `/federate` is. */
  readonly internal: URL;
}

/** Starts a program and waits for the line that says where it listens. A flag given later stands over one given before. */
async function startProgram(
  task: ProgramTask,
  args: readonly string[],
  { env }: { env?: Readonly<Record<string, string>> } = {},
): Promise<{ child: Child; listens: string }> {
  const command = taskCommand(task, args);
  const child = new Child({ ...command, env: { ...command.env, ...env } });
  try {
    return { child, listens: (await child.line(/ msg=Listening (.*)$/))[1] };
  } catch (error) {
    await child.kill();
    throw error;
  }
}

/** Reads a URL out of the line that says where a program listens. */
function urlOf(listens: string, field: string): URL {
  const url = new RegExp(`(?:^| )${field}=(\\S+)`).exec(listens)?.[1];
  if (url === undefined) throw new Error(`The program does not say its ${field}: ${listens}`);
  return new URL(url);
}

/** Starts a server that keeps its pushes in `storageDir`, with variables added to the environment. */
export async function startServer(
  flags: readonly string[],
  { storageDir, env }: { readonly storageDir: string; readonly env?: Readonly<Record<string, string>> },
): Promise<RunningServer> {
  const places = ["--listen=127.0.0.1:0", "--listen-internal=127.0.0.1:0", `--storage-dir=${storageDir}`];
  // Whoever wants them on the page says so, further on.
  places.push("--source-metrics=false");
  const { child, listens } = await startProgram("server", [...places, ...flags], { env });
  return {
    child,
    external: urlOf(listens, "external"),
    internal: urlOf(listens, "internal"),
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

/** Starts a client, with variables added to the environment. */
export async function startClient(
  flags: readonly string[],
  { env }: { env?: Readonly<Record<string, string>> } = {},
): Promise<RunningProgram & { readonly url: URL }> {
  const { child, listens } = await startProgram("client", ["--listen=127.0.0.1:0", ...flags], { env });
  return { child, url: urlOf(listens, "url"), [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

/** Starts the stub of the authorizer, which knows the tokens of a file in `folder`. */
export async function startAuthorizer(
  tokens: readonly string[],
  { folder }: { readonly folder: Folder },
): Promise<RunningProgram & { readonly url: URL }> {
  const file = await folder.write("tokens.json", JSON.stringify(tokens.map((token) => ({ token }))));
  const { child, listens } = await startProgram("authorization-server", ["127.0.0.1:0", file]);
  return { child, url: urlOf(listens, "url"), [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

/** Runs a program to its end: one that refuses to start, or only prints. */
export async function runProgram(
  task: ProgramTask,
  args: readonly string[],
  { env }: { env?: Readonly<Record<string, string>> } = {},
): Promise<{ readonly code: number; readonly output: string }> {
  const command = taskCommand(task, args);
  const child = new Child({ ...command, env: { ...command.env, ...env } });
  const { code } = await child.exited;
  return { code, output: child.lines.join("\n") };
}
