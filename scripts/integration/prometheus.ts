/**
 * A Prometheus to try things with, as one of the programs of a trial.
 *
 * @module
 */

import { join } from "node:path";
import { type ChildCommand, runToEnd } from "../process/child.ts";
import type { Crew } from "../process/crew.ts";
import { untilReady } from "../process/ready.ts";
import { dockerRemove, dockerRun } from "./docker.ts";
import type { ConfigFiles } from "./prometheus_config.ts";
import type { Runner } from "./prometheus_runner.ts";
import { evaluate, type VectorElement } from "./promql.ts";

/** How long it has to become ready; where Docker is, the image may have to come first. In milliseconds. */
const READY_MS = { docker: 300_000, binary: 30_000 };

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
  /** Whether it takes remote write. @default {false} */
  readonly takesRemoteWrite?: boolean;
  /** Features to switch on, by their names in `--enable-feature`. @default none */
  readonly features?: readonly string[];
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
  { name, port, folder, takesRemoteWrite = false, features = [] }: Omit<PrometheusPlan, "config">,
  { unique, user }: { readonly unique: string; readonly user?: string },
): PrometheusCommand {
  const config = join(folder, "config");
  const flags = ({ config, data, host }: { config: string; data: string; host: string }) => [
    `--config.file=${config}/prometheus.yml`,
    `--storage.tsdb.path=${data}`,
    `--web.listen-address=${host}:${port}`,
    ...(takesRemoteWrite ? ["--web.enable-remote-write-receiver"] : []),
    ...(features.length === 0 ? [] : [`--enable-feature=${features.join(",")}`]),
  ];
  if ("path" in runner) {
    const assets = runner.assets === undefined ? [] : [`--web.local-assets=${runner.assets}`];
    const args = [...flags({ config, data: join(folder, "data"), host: "127.0.0.1" }), ...assets];
    return { start: { name, path: runner.path, args } };
  }
  const container = {
    name: `telemeter-${name}-${unique}`,
    image: runner.image,
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
export interface QuerySample extends Pick<VectorElement, "labels"> {
  /** Its value. */
  readonly value: number;
}

/** A running Prometheus. */
export interface Prometheus extends AsyncDisposable {
  /** Where it answers, and shows its pages. */
  readonly url: URL;
  /** Evaluates a PromQL expression that yields a vector of numbers, as of now. */
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

async function query(url: URL, expression: string, options: { signal?: AbortSignal } = {}): Promise<QuerySample[]> {
  const elements = await evaluate(url, expression, options);
  return elements.map(({ labels, value }) => ({ labels, value: Number(value) }));
}
