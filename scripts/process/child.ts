/**
 * A program that runs as a child of this one: what it writes is kept, and it ends with us.
 *
 * @module
 */

/** What to start. */
export interface ChildCommand {
  /** What people call it. */
  readonly name: string;
  /** The executable: a path, or a name to look up in `PATH`. */
  readonly path: string;
  /** What goes behind it. */
  readonly args: readonly string[];
  /** Where it runs. @default here */
  readonly cwd?: string | URL;
  /** Variables to add to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The lines that are kept of what a child writes, the newest. */
const KEPT_LINES = 10_000;
/** How long a child has to end after SIGTERM before SIGKILL, in milliseconds. */
const GRACE_MS = 10_000;

interface Watch {
  readonly pattern: RegExp;
  readonly found: (match: RegExpExecArray) => void;
}

/** A running child. Disposing of it asks it to stop and waits until it is gone. */
export class Child implements AsyncDisposable {
  /** What people call it. */
  readonly name: string;
  /** Its process id. */
  readonly pid: number;
  /** Settles when the child is gone and all that it wrote is in {@linkcode lines}. */
  readonly exited: Promise<Deno.CommandStatus>;
  #process: Deno.ChildProcess;
  #lines: string[] = [];
  #watches = new Set<Watch>();
  #gone = false;

  /** Starts the child. It is no member of our process group: Ctrl-C reaches us alone, and we stop things in order. */
  constructor({ name, path, args, cwd, env }: ChildCommand) {
    this.name = name;
    const command = new Deno.Command(path, {
      args: [...args],
      cwd,
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      detached: true,
    });
    this.#process = command.spawn();
    this.pid = this.#process.pid;
    const written = [this.#read(this.#process.stdout), this.#read(this.#process.stderr)];
    this.exited = this.#process.status.then(async (status) => {
      this.#gone = true;
      await Promise.all(written);
      return status;
    });
  }

  /** What the child wrote to standard output and standard error, line by line, the newest {@linkcode KEPT_LINES}. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Whether the child has ended. */
  get gone(): boolean {
    return this.#gone;
  }

  /**
   * Waits for a line that matches, one already written or one to come.
   *
   * @throws {Error} if the child ends or the time is up before there is one, with the child's last lines.
   */
  async line(pattern: RegExp, { timeoutMs = 30_000 }: { timeoutMs?: number } = {}): Promise<RegExpExecArray> {
    for (const line of this.#lines) {
      const match = pattern.exec(line);
      if (match) return match;
    }
    const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
    const watch = { pattern, found: resolve };
    this.#watches.add(watch);
    const fail = (why: string) =>
      reject(
        new Error(`The program ${this.name} wrote no line like ${pattern} ${why}; its last lines:\n${this.tail()}`),
      );
    const timer = setTimeout(() => fail(`within ${timeoutMs / 1_000} s`), timeoutMs);
    this.exited.then(({ code, signal }) => fail(`before it ended (${signal ?? `exit code ${code}`})`));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#watches.delete(watch);
    }
  }

  /** The last lines, as a text to show. */
  tail(lines = 40): string {
    return this.#lines.slice(-lines).join("\n");
  }

  /** Sends a signal, to this child alone; one that has ended takes none. */
  signal(signal: Deno.Signal): void {
    if (this.#gone) return;
    try {
      this.#process.kill(signal);
    } catch (error) {
      // It ended since we last heard of it.
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Ends the child at once, as a crash does, and waits until it is gone. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.exited;
  }

  /** Asks the child to stop and waits until it is gone; one that does not stop in time is killed. */
  async stop({ graceMs = GRACE_MS }: { graceMs?: number } = {}): Promise<Deno.CommandStatus> {
    this.signal("SIGTERM");
    // A paused child would not hear of it.
    this.signal("SIGCONT");
    const timer = setTimeout(() => this.signal("SIGKILL"), graceMs);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Stops the child. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      lines.forEach((line) => this.#add(line));
    }
    if (rest !== "") this.#add(rest);
  }

  #add(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > 2 * KEPT_LINES) this.#lines = this.#lines.slice(-KEPT_LINES);
    for (const { pattern, found } of this.#watches) {
      const match = pattern.exec(line);
      if (match) found(match);
    }
  }
}

/** How a command went that was run to its end. */
export interface Outcome {
  /** Whether the exit code was 0. */
  readonly success: boolean;
  /** What it wrote to standard output. */
  readonly stdout: string;
  /** Standard output and standard error, as a text to show. */
  readonly output: string;
}

/** Runs a command to its end; undefined if there is no such executable. */
export async function runToEnd(
  path: string,
  args: readonly string[],
  { cwd, env, timeoutMs = 300_000, signal }: Pick<ChildCommand, "cwd" | "env"> & {
    timeoutMs?: number;
    signal?: AbortSignal;
  } = {},
): Promise<Outcome | undefined> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), timeoutMs);
  try {
    const { success, stdout, stderr } = await new Deno.Command(path, {
      args: [...args],
      cwd,
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal: signal === undefined ? over.signal : AbortSignal.any([over.signal, signal]),
    }).output();
    const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    return { success, stdout: out, output: out + err };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
