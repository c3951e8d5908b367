/**
 * A Prometheus to try things with: in Docker, from the PATH, or out of Debian's package.
 *
 * @module
 */

import { join } from "node:path";
import { messageOf } from "../../common/explain.ts";
import { type ChildCommand, runToEnd } from "../process/child.ts";
import type { Crew } from "../process/crew.ts";
import { unpackDebianPackage } from "./debian_package.ts";
import { dockerRemove, dockerRun, type Engine, findEngine } from "./docker.ts";
import type { ConfigFiles } from "./prometheus_config.ts";
import { untilReady } from "../process/ready.ts";

/** The image that is run where Docker is: a release with long-term support. */
const IMAGE = "prom/prometheus:v3.5.0";
/** How long it has to become ready; where Docker is, the image may have to come first. In milliseconds. */
const READY_MS = { docker: 300_000, binary: 30_000 };

/** A way to run Prometheus on this machine. */
export type Runner =
  | { readonly engine: Engine }
  /** `assets` is where its web pages lie if not inside the binary or where it was built for. */
  | { readonly path: string; readonly assets?: string };

/**
 * Finds a way to run Prometheus: an answering Docker engine, else the PATH, else Debian's package, unpacked into the
 * user's cache folder.
 *
 * @throws {Error} naming the three ways if none is open.
 */
export async function findPrometheus({ say = () => {} }: { say?: (line: string) => void } = {}): Promise<Runner> {
  const engine = await findEngine();
  if (engine !== undefined) return { engine };
  if (await runs("prometheus")) return { path: "prometheus" };
  try {
    return await debianPrometheus(join(cacheFolder(), "telemeter", "prometheus"), { say });
  } catch (cause) {
    throw new Error(
      "Cannot find a Prometheus. There are three ways to have one: start a Docker engine; or put the program prometheus " +
        "on the PATH; or run this on Debian or Ubuntu with apt-get, which fetches the package without installing it " +
        `(${messageOf(cause)})`,
      { cause },
    );
  }
}

/** Debian's Prometheus, unpacked into a folder unless it is there already. */
async function debianPrometheus(
  folder: string,
  { say = () => {} }: { say?: (line: string) => void } = {},
): Promise<Runner> {
  const runner = { path: join(folder, "usr/bin/prometheus"), assets: join(folder, "usr/share/prometheus/web") };
  if (await runs(runner.path)) return runner;
  say(`Fetching Debian's package of Prometheus into ${folder}`);
  // Its web pages need these; the program itself only needs the C library.
  try {
    await unpackDebianPackage({ name: "prometheus", beside: /^(libjs|fonts)-/ }, folder);
  } catch (error) {
    // Another process may have unpacked it in the meantime.
    if (!await runs(runner.path)) throw error;
  }
  if (!await runs(runner.path)) throw new Error(`the program in ${folder} does not run on this machine`);
  return runner;
}

async function runs(path: string): Promise<boolean> {
  return (await runToEnd(path, ["--version"], { timeoutMs: 10_000 }))?.success ?? false;
}

function cacheFolder(): string {
  const home = Deno.env.get("XDG_CACHE_HOME") || (Deno.env.get("HOME") ? join(Deno.env.get("HOME")!, ".cache") : "");
  if (home === "") throw new Error("neither XDG_CACHE_HOME nor HOME says where to keep it");
  return home;
}

/** Says which way of running it was found. */
export function describeRunner(runner: Runner): string {
  if ("engine" in runner) return `in Docker, from the image ${IMAGE}`;
  return runner.path === "prometheus" ? "from the PATH" : `from Debian's package, unpacked at ${runner.path}`;
}

/** The name by which a Prometheus of this runner reaches this machine. */
export function hostSeenFrom(runner: Runner): string {
  return "engine" in runner && !runner.engine.hostNetwork ? "host.docker.internal" : "127.0.0.1";
}

/** What one Prometheus is to be. */
export interface PrometheusPlan {
  /** What people call it; lower case, without blanks. */
  readonly name: string;
  /** Where it listens, on 127.0.0.1. */
  readonly port: number;
  /** Its configuration files. */
  readonly config: ConfigFiles;
  /** A folder of its own, absolute; the caller removes it. */
  readonly folder: string;
}

/** How to start a Prometheus, and how to make sure that it is gone where killing the child is not enough. */
export interface PrometheusCommand {
  /** Runs it in the foreground. */
  readonly start: ChildCommand;
  /** Removes it once the child is gone, if that did not. */
  readonly remove?: { readonly path: string; readonly args: readonly string[] };
}

/** The command line for a plan. `user` owns the files, as `UID:GID`. */
export function prometheusCommand(
  runner: Runner,
  { name, port, folder }: Pick<PrometheusPlan, "name" | "port" | "folder">,
  { unique, user }: { readonly unique: string; readonly user?: string },
): PrometheusCommand {
  const config = join(folder, "config");
  const flags = ({ config, data, host }: { config: string; data: string; host: string }) => [
    `--config.file=${config}/prometheus.yml`,
    `--storage.tsdb.path=${data}`,
    `--web.listen-address=${host}:${port}`,
  ];
  if ("path" in runner) {
    const assets = runner.assets === undefined ? [] : [`--web.local-assets=${runner.assets}`];
    const args = [...flags({ config, data: join(folder, "data"), host: "127.0.0.1" }), ...assets];
    return { start: { name, path: runner.path, args } };
  }
  const container = {
    name: `telemeter-${name}-${unique}`,
    image: IMAGE,
    port,
    mounts: { "/etc/prometheus": config },
    scratch: ["/prometheus"],
    user,
    args: flags({
      config: "/etc/prometheus",
      data: "/prometheus",
      host: runner.engine.hostNetwork ? "127.0.0.1" : "0.0.0.0",
    }),
  };
  return {
    start: { name, path: "docker", args: dockerRun(runner.engine, container) },
    remove: { path: "docker", args: dockerRemove(container.name) },
  };
}

/** One series of an instant query's answer. */
export interface QuerySample {
  /** Its labels, `__name__` among them. */
  readonly labels: Readonly<Record<string, string>>;
  /** Its value. */
  readonly value: number;
}

/** A running Prometheus. */
export interface Prometheus extends AsyncDisposable {
  /** Where it answers, and shows its pages. */
  readonly url: URL;
  /** Evaluates a PromQL expression that yields a vector, as of now. */
  query(expression: string, options?: { signal?: AbortSignal }): Promise<QuerySample[]>;
}

/** Starts a Prometheus as one of a crew and waits until it is ready. Disposing of it stops it. */
export async function startPrometheus(
  runner: Runner,
  plan: PrometheusPlan,
  { crew, signal }: { readonly crew: Crew; readonly signal?: AbortSignal },
): Promise<Prometheus> {
  await Deno.mkdir(join(plan.folder, "config"), { recursive: true });
  for (const [name, text] of Object.entries(plan.config)) {
    await Deno.writeTextFile(join(plan.folder, "config", name), text);
  }
  const [uid, gid] = [Deno.uid(), Deno.gid()];
  const command = prometheusCommand(runner, plan, {
    unique: crypto.randomUUID().slice(0, 8),
    user: uid === null || gid === null ? undefined : `${uid}:${gid}`,
  });
  await using stack = new AsyncDisposableStack();
  if (command.remove !== undefined) {
    const { path, args } = command.remove;
    stack.defer(async () => void await runToEnd(path, args));
  }
  const child = crew.start(command.start);
  stack.defer(() => crew.stop(child));
  const url = new URL(`http://127.0.0.1:${plan.port}/`);
  const timeoutMs = "path" in runner ? READY_MS.binary : READY_MS.docker;
  await untilReady(child, new URL("-/ready", url), { timeoutMs, signal });
  const owned = stack.move();
  return {
    url,
    query: (expression, options) => query(url, expression, options),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function query(url: URL, expression: string, { signal }: { signal?: AbortSignal } = {}): Promise<QuerySample[]> {
  const at = new URL("api/v1/query", url);
  at.searchParams.set("query", expression);
  const response = await fetch(at, { signal });
  const answer = await response.json();
  if (answer.status !== "success" || answer.data.resultType !== "vector") {
    throw new Error(`Cannot evaluate ${expression}: ${answer.error ?? `it yields a ${answer.data?.resultType}`}`);
  }
  return answer.data.result.map(({ metric, value }: { metric: Record<string, string>; value: [number, string] }) => ({
    labels: metric,
    value: Number(value[1]),
  }));
}
