/**
 * The trial's programs, running: one exposer and its Prometheus, and from there by each way to each central Prometheus.
 *
 *     exposer ◀── source 3.5 ◀─┬─ client ──▶ alone ◀──────────┬─ central 3.5, by protobuf and by text
 *                              └─ client ──▶ ring-0 ◀─────────┼─ central 2.42, by protobuf
 *                                              ▲▼ ◀───────────┴─ central 2.42, by text
 *                                            ring-1
 *
 * @module
 */

import { join } from "node:path";
import { makeCertificates } from "../../certificates/certificate_folder.ts";
import type { Child } from "../../process/child.ts";
import { Crew } from "../../process/crew.ts";
import { distinctPorts, localUrl } from "../../process/free_port.ts";
import { untilReady } from "../../process/ready.ts";
import { taskCommand } from "../../process/tasks.ts";
import { startPrometheus } from "../prometheus.ts";
import { hostSeenFrom, type Release, type Runner } from "../prometheus_runner.ts";
import { writeTrialFiles } from "../trial_files.ts";
import { type Server, serverFlags, type ServerPlan, trialServer } from "../trial_server.ts";
import type { Arrival } from "./answers.ts";
import {
  centralConfig,
  type CentralPlan,
  CENTRALS,
  clientFlags,
  SOURCE,
  sourceConfig,
  TRIAL_SELECTOR,
  type Way,
  WAYS,
} from "./chain_plan.ts";
import { type Exposer, startExposer } from "./exposer.ts";

/** What to start. */
export interface ChainOptions {
  /** How to run each release; a central Prometheus of another is left out. */
  readonly runners: Readonly<Partial<Record<Release, Runner>>> & { readonly [SOURCE.release]: Runner };
  /** Gets a line for each program that is ready. */
  readonly say: (line: string) => void;
  /** Ends the start early. */
  readonly signal: AbortSignal;
}

/** A way with its running programs. */
export interface RunningWay extends Way {
  /** The servers, in the way's order. */
  readonly running: readonly Server[];
  /** Stops its client, if that runs. */
  stopClient(): Promise<void>;
  /** Starts its client. */
  startClient(): Promise<void>;
}

/** The running whole. Disposing of it stops what still runs and removes its files. */
export interface Chain extends AsyncDisposable {
  /** What the source scrapes. */
  readonly exposer: Exposer;
  /** Where the source answers. */
  readonly source: URL;
  /** The ways. */
  readonly ways: readonly RunningWay[];
  /** The central ones that run. */
  readonly centrals: readonly { readonly plan: CentralPlan; readonly url: URL }[];
  /** Each central Prometheus in each form by each way. */
  readonly arrivals: readonly (Arrival & { readonly central: CentralPlan })[];
  /** All programs that were started. */
  readonly crew: Crew;
}

/** How long servers show a sample: longer than the trial takes. */
const TTL = "10m";

/**
 * Starts everything.
 *
 * @throws {Error} if a program does not become ready, after stopping the others.
 */
export async function startChain({ runners, say, signal }: ChainOptions): Promise<Chain> {
  const port = distinctPorts();
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "telemeter-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const { files } = await writeTrialFiles(folder);
  const crew = stack.use(new Crew());

  const sourceRunner = runners[SOURCE.release];
  const host = hostSeenFrom(sourceRunner);
  const exposer = stack.use(startExposer({ hostname: host === "127.0.0.1" ? host : "0.0.0.0" }));
  const config = sourceConfig({ exposer: `${host}:${exposer.port}` });
  const sourcePlan = { ...SOURCE, port: port(), folder: join(folder, SOURCE.name), config };
  const authorizer = localUrl(port());
  const stub = crew.start(taskCommand("authorization-server", [authorizer.host, files.tokens]));
  const [source] = await Promise.all([
    startPrometheus(sourceRunner, sourcePlan, { crew, signal }).then((source) => stack.use(source)),
    stub.line(/Listening/),
  ]);
  say(`source              ${source.url}  Prometheus ${SOURCE.release}, whose series are sent`);

  const names = WAYS.flatMap(({ servers }) => servers);
  await makeCertificates({ dir: files.certificates, names, hosts: ["127.0.0.1"], days: 1 });
  const ways = WAYS.map((way): RunningWay => {
    const plans = way.servers.map((name): ServerPlan => ({
      name,
      external: localUrl(port()),
      internal: localUrl(port()),
      cluster: localUrl(port()).host,
    }));
    const running = plans.map((plan) => {
      const others = plans.filter((other) => other !== plan);
      const flags = serverFlags({ plan, others, authorizer, files, ttl: TTL, listed: [TRIAL_SELECTOR] });
      return trialServer(plan, { flags, crew });
    });
    const listen = localUrl(port());
    const flags = clientFlags({ listen, from: source.url, to: plans[0].external, way, files });
    let client: Child;
    return {
      ...way,
      running,
      stopClient: () => crew.stop(client),
      startClient: async () => {
        client = crew.start({ ...taskCommand("client", flags), name: `client-${way.id}` });
        await untilReady(client, new URL("healthz/ready", listen), { signal });
      },
    };
  });
  await Promise.all(ways.flatMap(({ running }) => running.map((server) => server.start({ signal }))));
  await Promise.all(ways.map((way) => way.startClient()));
  for (const { id, name, running } of ways) {
    say(`${id.padEnd(19)} ${running.map(({ internal }) => internal).join(" and ")}  the way through ${name}`);
  }

  const internals = ways.flatMap(({ running }) => running.map(({ internal }) => internal.port));
  const centrals = await Promise.all(
    CENTRALS.filter(({ release }) => runners[release] !== undefined).map(async (plan) => {
      const runner = runners[plan.release]!;
      const servers = internals.map((port) => `${hostSeenFrom(runner)}:${port}`);
      const { name, features, forms, release } = plan;
      const config = centralConfig({ forms, servers });
      const place = { name, features, port: port(), folder: join(folder, name), config };
      const { url } = stack.use(await startPrometheus(runner, place, { crew, signal }));
      say(`${name.padEnd(19)} ${url}  Prometheus ${release}, where they arrive`);
      return { plan, url };
    }),
  );
  const arrivals = centrals.flatMap(({ plan, url }) =>
    plan.forms.flatMap((form) => WAYS.map((way) => ({ central: plan, url, form, way })))
  );
  const owned = stack.move();
  return {
    exposer,
    source: source.url,
    ways,
    centrals,
    arrivals,
    crew,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
