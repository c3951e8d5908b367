/**
 * A container as production has it: no privileges, nothing writable but its volumes.
 *
 * @module
 */

import { FailedError } from "../../common/lifecycle.ts";
import { eventually } from "../process/eventually.ts";
import { runToEnd } from "../process/child.ts";

/** What runs. */
export interface HardenedContainerOptions {
  /** Unique on this engine. */
  readonly name: string;
  /** The image. */
  readonly image: string;
  /** Folders of this machine that it reads, by the place where it sees them. */
  readonly mounts: Readonly<Record<string, string>>;
  /** Volumes that it writes, by the place where it sees them. @default none */
  readonly volumes?: Readonly<Record<string, string>>;
  /** What goes behind the image's entry point. */
  readonly args: readonly string[];
}

/** How it ended. */
export interface ContainerEnd {
  /** The exit code of its program. */
  readonly exitCode: number;
  /** Everything that it wrote. */
  readonly log: string;
}

/** How long it may take until it is healthy, in milliseconds. */
const HEALTHY_MS = 60_000;
/** What a container may take to stop before it is killed, in seconds. */
const STOP_SECONDS = 40;

/** A container that runs; disposing of it removes it. */
export class HardenedContainer implements AsyncDisposable {
  readonly #name: string;

  private constructor(name: string) {
    this.#name = name;
  }

  /** Starts it on the network of this machine. */
  static async start(options: HardenedContainerOptions): Promise<HardenedContainer> {
    const { name, image, mounts, volumes = {}, args } = options;
    await docker([
      "run",
      "--detach",
      `--name=${name}`,
      "--network=host",
      "--read-only",
      "--cap-drop=ALL",
      "--security-opt=no-new-privileges",
      // Else a machine with SELinux hides the mounted files from the container.
      "--security-opt=label=disable",
      // The image asks every 30 s.
      "--health-interval=1s",
      ...Object.entries(mounts).map(([inside, outside]) =>
        `--mount=type=bind,source=${outside},target=${inside},readonly`
      ),
      ...Object.entries(volumes).map(([inside, volume]) => `--mount=type=volume,source=${volume},target=${inside}`),
      image,
      ...args,
    ]);
    return new HardenedContainer(name);
  }

  /** Waits until the health check of the image says that it is well. */
  async healthy({ signal }: { signal: AbortSignal }): Promise<void> {
    const state = "{{.State.Status}} {{.State.Health.Status}}";
    await eventually(`${this.#name} is healthy`, async () => {
      const found = (await docker(["inspect", `--format=${state}`, this.#name])).trim();
      if (!found.startsWith("running")) throw new FailedError(`${this.#name} is ${found}: ${await this.log()}`);
      return found === "running healthy";
    }, { timeoutMs: HEALTHY_MS, intervalMs: 500, signal });
  }

  /** Everything that it wrote up to now. */
  async log(): Promise<string> {
    return (await runToEnd("docker", ["logs", this.#name]))?.output ?? "";
  }

  /** Runs a command in it and returns what that wrote; undefined if it failed. */
  async inside(command: readonly string[]): Promise<string | undefined> {
    const outcome = await runToEnd("docker", ["exec", this.#name, ...command]);
    return outcome?.success ? outcome.stdout : undefined;
  }

  /** Asks it to stop and waits until it has. */
  async stop(): Promise<ContainerEnd> {
    await docker(["stop", `--time=${STOP_SECONDS}`, this.#name]);
    const exitCode = Number(await docker(["inspect", "--format={{.State.ExitCode}}", this.#name]));
    return { exitCode, log: await this.log() };
  }

  /** Removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await runToEnd("docker", ["rm", "--force", this.#name]);
  }
}

/**
 * Runs a command of Docker and returns what it wrote.
 *
 * @throws {FailedError} if it fails.
 */
export async function docker(args: readonly string[], { signal }: { signal?: AbortSignal } = {}): Promise<string> {
  const outcome = await runToEnd("docker", args, { timeoutMs: 600_000, signal });
  if (outcome?.success) return outcome.stdout;
  throw new FailedError(`docker ${args[0]} failed: ${outcome?.output.trim() ?? "there is no such program"}`);
}
