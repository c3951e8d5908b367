/**
 * Programs in Docker: whether an engine answers, and the command lines for one container.
 *
 * @module
 */

import { runToEnd } from "../process/child.ts";

/** A Docker engine that answers. */
export interface Engine {
  /**
   * Whether containers may use this machine's own network. Docker Desktop runs them in a virtual machine, where ports are
   * published one by one and this machine is `host.docker.internal`.
   */
  readonly hostNetwork: boolean;
}

/** How long an engine has to answer, in milliseconds: one that is there takes a fraction of a second. */
const ANSWER_MS = 5_000;
/** How long an image has to come, in milliseconds. */
const PULL_MS = 300_000;

/** Looks for an engine; undefined if none answers, or one whose containers cannot reach this machine. */
export async function findEngine(): Promise<Engine | undefined> {
  const format = "{{.OperatingSystem}}|{{json .SecurityOptions}}";
  const info = await runToEnd("docker", ["info", "--format", format], { timeoutMs: ANSWER_MS });
  return info?.success ? engineOf(info.stdout) : undefined;
}

/** Reads what `docker info` says of the operating system and the security options. */
export function engineOf(info: string): Engine | undefined {
  const [system, security = ""] = info.trim().split("|");
  if (system === "") return undefined;
  // A rootless engine keeps its containers from this machine's loopback addresses, where all of our programs listen.
  if (security.includes("name=rootless")) return undefined;
  return { hostNetwork: !system.startsWith("Docker Desktop") };
}

/** Whether the engine has an image, or gets it now. */
export async function hasImage(image: string): Promise<boolean> {
  if ((await runToEnd("docker", ["image", "inspect", image], { timeoutMs: ANSWER_MS }))?.success) return true;
  return (await runToEnd("docker", ["pull", "--quiet", image], { timeoutMs: PULL_MS }))?.success ?? false;
}

/** A container to run. */
export interface Container {
  /** Unique on this engine. */
  readonly name: string;
  /** The image, with its tag. */
  readonly image: string;
  /** The port it listens on, inside and out. */
  readonly port: number;
  /** Folders of this machine that it reads, by the place where it sees them. */
  readonly mounts: Readonly<Record<string, string>>;
  /** Folders that it may write and that go with it. */
  readonly scratch: readonly string[];
  /** The user it runs as, `UID:GID`: the owner of the mounted files. @default the image's user */
  readonly user?: string;
  /** What goes behind the image's entry point. */
  readonly args: readonly string[];
}

/** The arguments of `docker` that run a container in the foreground and remove it when it ends. */
export function dockerRun({ hostNetwork }: Engine, container: Container): string[] {
  const { name, image, port, mounts, scratch, user, args } = container;
  return [
    "run",
    "--rm",
    `--name=${name}`,
    ...(hostNetwork
      ? ["--network=host"]
      : [`--publish=127.0.0.1:${port}:${port}`, "--add-host=host.docker.internal:host-gateway"]),
    ...(user === undefined ? [] : [`--user=${user}`]),
    // Else a machine with SELinux hides the mounted files from the container.
    "--security-opt=label=disable",
    ...Object.entries(mounts).map(([inside, outside]) =>
      `--mount=type=bind,source=${outside},target=${inside},readonly`
    ),
    ...scratch.map((folder) => `--tmpfs=${folder}:mode=1777`),
    image,
    ...args,
  ];
}

/** The arguments of `docker` that end a container, if it is still there. */
export function dockerRemove(name: string): string[] {
  return ["rm", "--force", "--volumes", name];
}
