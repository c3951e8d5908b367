/**
 * Ways to run a Prometheus on this machine: in Docker, from the PATH, or out of Debian's package.
 *
 * @module
 */

import { join } from "node:path";
import { messageOf } from "../../common/explain.ts";
import { runToEnd } from "../process/child.ts";
import { unpackDebianPackage } from "./debian_package.ts";
import { type Engine, findEngine, hasImage } from "./docker.ts";

/** A way to run Prometheus on this machine. */
export type Runner =
  | { readonly engine: Engine; readonly image: string }
  /** `assets` is where its web pages lie if not inside the binary or where it was built for. */
  | { readonly path: string; readonly assets?: string };

/** The releases that are tried, and where each can be had. */
export const RELEASES = {
  /** With long-term support: UTF-8 names, and native histograms behind a flag. */
  "3.5": { image: "prom/prometheus:v3.5.0", suite: "sid" },
  /** From before UTF-8 names. */
  "2.42": { image: "prom/prometheus:v2.42.0", suite: "bookworm" },
} as const;

/** A release of Prometheus, without its last number. */
export type Release = keyof typeof RELEASES;

/**
 * Finds a way to run any Prometheus: an answering Docker engine, else the PATH, else Debian's package, unpacked into the
 * user's cache folder.
 *
 * @throws {Error} naming the three ways if none is open.
 */
export async function findPrometheus({ say = () => {} }: { say?: (line: string) => void } = {}): Promise<Runner> {
  const engine = await findEngine();
  if (engine !== undefined) return { engine, image: RELEASES["3.5"].image };
  if (await versionOf("prometheus") !== undefined) return { path: "prometheus" };
  try {
    // Its web pages need what lies beside it; the program itself only needs the C library.
    return await debianPrometheus(cached("prometheus"), { beside: /^(libjs|fonts)-/, say });
  } catch (cause) {
    throw new Error(
      "Cannot find a Prometheus. There are three ways to have one: start a Docker engine; or put the program prometheus " +
        "on the PATH; or run this on Debian or Ubuntu with apt-get, which fetches the package without installing it " +
        `(${messageOf(cause)})`,
      { cause },
    );
  }
}

/**
 * Finds a way to run one release: the PATH, else Debian's package of the suite that has it, unpacked into the user's cache
 * folder, else its image, where a Docker engine has or gets it.
 *
 * @throws {Error} saying why there is none.
 */
export async function findRelease(
  release: Release,
  { say = () => {} }: { say?: (line: string) => void } = {},
): Promise<Runner> {
  const isRelease = (version: string | undefined) => version?.startsWith(`${release}.`) ?? false;
  if (isRelease(await versionOf("prometheus"))) return { path: "prometheus" };
  const { suite, image } = RELEASES[release];
  let why: string;
  try {
    const runner = await debianPrometheus(cached(`prometheus-${release}`), { suite, isRelease, say });
    const version = await versionOf(runner.path);
    if (isRelease(version)) return runner;
    why = `Debian's ${suite} has ${version}`;
  } catch (error) {
    why = messageOf(error);
  }
  const engine = await findEngine();
  if (engine !== undefined && await hasImage(image)) return { engine, image };
  throw new Error(
    `it is not on the PATH, no Docker engine has the image ${image}, and the package cannot be had: ${why}`,
  );
}

/** Debian's Prometheus, unpacked into a folder unless a usable one is there already. */
async function debianPrometheus(
  folder: string,
  { suite, beside, isRelease = (version) => version !== undefined, say }: {
    readonly suite?: string;
    readonly beside?: RegExp;
    readonly isRelease?: (version: string | undefined) => boolean;
    readonly say: (line: string) => void;
  },
): Promise<{ readonly path: string; readonly assets: string }> {
  const runner = { path: join(folder, "usr/bin/prometheus"), assets: join(folder, "usr/share/prometheus/web") };
  if (isRelease(await versionOf(runner.path))) return runner;
  say(`Fetching Debian's package of Prometheus${suite === undefined ? "" : ` from ${suite}`} into ${folder}`);
  try {
    await unpackDebianPackage({ name: "prometheus", suite, beside }, folder);
  } catch (error) {
    // Another process may have unpacked it in the meantime.
    if (!isRelease(await versionOf(runner.path))) throw error;
  }
  if (await versionOf(runner.path) === undefined) {
    throw new Error(`the program in ${folder} does not run on this machine`);
  }
  return runner;
}

/** What a Prometheus says of its version; undefined if there is none that runs. */
async function versionOf(path: string): Promise<string | undefined> {
  const outcome = await runToEnd(path, ["--version"], { timeoutMs: 10_000 });
  if (!outcome?.success) return undefined;
  return /version (\S+)/.exec(outcome.output)?.[1] ?? "an unknown version";
}

/** Where in the cache folder of the user something is kept. */
export function cached(name: string): string {
  const home = Deno.env.get("XDG_CACHE_HOME") || (Deno.env.get("HOME") ? join(Deno.env.get("HOME")!, ".cache") : "");
  if (home === "") throw new Error("neither XDG_CACHE_HOME nor HOME says where to keep it");
  return join(home, "telemeter", name);
}

/** Says which way of running it was found. */
export function describeRunner(runner: Runner): string {
  if ("engine" in runner) return `in Docker, from the image ${runner.image}`;
  return runner.path === "prometheus" ? "from the PATH" : `from Debian's package, unpacked at ${runner.path}`;
}

/** The name by which a Prometheus of this runner reaches this machine. */
export function hostSeenFrom(runner: Runner): string {
  return "engine" in runner && !runner.engine.hostNetwork ? "host.docker.internal" : "127.0.0.1";
}
