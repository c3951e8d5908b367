/**
 * What a process takes of the machine (Linux).
 *
 * @module
 */

/** One look at a process. */
export interface Footprint {
  /** Memory that is resident, in bytes. */
  readonly residentBytes: number;
  /** Open files and sockets. */
  readonly descriptors: number;
  /** Threads. */
  readonly threads: number;
}

/**
 * Looks at a process, by way of programs: Deno lets itself see `/proc` only when it may do everything.
 *
 * @throws {Error} if there is none, or no `/proc`.
 */
export async function footprintOf(pid: number): Promise<Footprint> {
  const status = await outputOf("cat", `/proc/${pid}/status`);
  const number = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
  const descriptors = (await outputOf("ls", `/proc/${pid}/fd`)).split("\n").length - 1;
  return { residentBytes: 1_024 * number("VmRSS"), descriptors, threads: number("Threads") };
}

async function outputOf(program: string, path: string): Promise<string> {
  const { success, stdout } = await new Deno.Command(program, { args: [path], stderr: "null" }).output();
  if (!success) throw new Error(`Cannot read '${path}': there is no such process, or no /proc`);
  return new TextDecoder().decode(stdout);
}

/** Bytes as people read them. */
export function mebibytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(0);
}
