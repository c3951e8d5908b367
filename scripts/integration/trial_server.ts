/**
 * A Telemeter server of a trial: where it listens, what it is told, and its life, which may be cut short.
 *
 * @module
 */

import { join } from "node:path";
import type { Child } from "../process/child.ts";
import type { Crew } from "../process/crew.ts";
import { untilReady } from "../process/ready.ts";
import { taskCommand } from "../process/tasks.ts";
import { REPLICA_LABEL } from "./prometheus_config.ts";
import type { Files } from "./trial_files.ts";

/** Where one server listens. */
export interface ServerPlan {
  /** What people, and the others, call it. */
  readonly name: string;
  /** Where clients come. */
  readonly external: URL;
  /** Where `/federate` and the status pages are. */
  readonly internal: URL;
  /** Where the other servers connect, `HOST:PORT`. */
  readonly cluster: string;
}

/** The flags of one server. With others it is in a ring with them. */
export function serverFlags({ plan, others, authorizer, files, ttl, listed }: {
  readonly plan: ServerPlan;
  readonly others: readonly ServerPlan[];
  readonly authorizer: URL;
  readonly files: Files;
  /** How long it shows a sample. */
  readonly ttl: string;
  /** Selectors of the series that it lets in. */
  readonly listed: readonly string[];
}): string[] {
  const { name, external, internal, cluster } = plan;
  const certificate = (file: string) => join(files.certificates, file);
  return [
    `--listen=${external.host}`,
    `--listen-internal=${internal.host}`,
    `--authorize=${authorizer}`,
    `--shared-key=${files.sharedKey}`,
    `--storage-dir=${join(files.folder, name)}`,
    ...listed.map((selector) => `--whitelist=${selector}`),
    `--elide-label=${REPLICA_LABEL}`,
    `--ttl=${ttl}`,
    // The limit stands against clients that push more often than agreed; this one agreed to push often.
    "--ratelimit=0",
    ...(others.length === 0 ? [] : [
      `--listen-cluster=${cluster}`,
      ...others.map(({ cluster }) => `--join=${cluster}`),
      `--name=${name}`,
      `--cluster-ca=${certificate("ca.crt")}`,
      `--cluster-crt=${certificate(`${name}.crt`)}`,
      `--cluster-key=${certificate(`${name}.key`)}`,
    ]),
  ];
}

/** One server, which may be killed and started again in its place. */
export interface Server extends ServerPlan {
  /** Ends it as a crash does. */
  kill(): Promise<void>;
  /** Starts it, with the same files and ports as before, and waits until it is ready. */
  start(options?: { signal?: AbortSignal }): Promise<void>;
}

/** A server that is to run as one of a crew; it has not started yet. */
export function trialServer(plan: ServerPlan, { flags, crew }: { flags: readonly string[]; crew: Crew }): Server {
  let child: Child;
  return {
    ...plan,
    start: async ({ signal } = {}) => {
      child = crew.start({ ...taskCommand("server", flags), name: plan.name });
      await untilReady(child, new URL("healthz/ready", plan.internal), { signal });
    },
    kill: () => crew.kill(child),
  };
}
