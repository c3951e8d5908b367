/**
 * All of Telemeter on one machine, with a real Prometheus at each end:
 *
 *     source Prometheus ◀── client ──▶ server-0 ──▶ authorizer
 *                                      ▲   ▲▼ mutual TLS
 *               central Prometheus ────┴▶ server-1
 *
 * With remote write, the source Prometheus also sends to server-0 by itself, as a cluster of its own, and the servers forward
 * all that they show to one more Prometheus.
 *
 * @module
 */

import { join } from "node:path";
import { makeCertificates } from "../certificates/certificate_folder.ts";
import type { Child } from "../process/child.ts";
import { Crew } from "../process/crew.ts";
import { distinctPorts, localUrl } from "../process/free_port.ts";
import { type Prometheus, startPrometheus } from "./prometheus.ts";
import { centralConfig, receiverConfig, sourceConfig, type WriteTarget } from "./prometheus_config.ts";
import { hostSeenFrom, type Runner } from "./prometheus_runner.ts";
import { untilReady } from "../process/ready.ts";
import { clientFlags, CLUSTER_ID, LISTED, type Pace, WRITER_ID } from "./stack_plan.ts";
import { type Files, writeTrialFiles } from "./trial_files.ts";
import { type Server, serverFlags, type ServerPlan, trialServer } from "./trial_server.ts";
import { type ProgramTask, taskCommand } from "../process/tasks.ts";

/** For how many days the servers' certificates are good: so many that neither a page nor an alert warns of them. */
const CERTIFICATE_DAYS = 90;

/** What to start. */
export interface StackOptions {
  /** How to run Prometheus. */
  readonly runner: Runner;
  /** How often things happen. */
  readonly pace: Pace;
  /** How many servers there are: the client pushes to the first, the central Prometheus scrapes each. */
  readonly servers: number;
  /** A Prometheus to read in place of one of our own, and the bearer token that it asks for. */
  readonly source?: { readonly url: URL; readonly token?: string };
  /** What the servers are told besides. @default nothing */
  readonly moreServerFlags?: (files: Files) => readonly string[];
  /** Rules for the central Prometheus, as the text of a file. @default none */
  readonly rules?: string;
  /** Picks the port of a program that listens at `usual` by default. @default any free one */
  readonly portFor?: (usual: number) => number;
  /** Whether a source of ours also sends by remote write, and the servers forward. @default {false} */
  readonly hasRemoteWrite?: boolean;
  /** Gets a line for each program that is ready. */
  readonly say?: (line: string) => void;
  /** Ends the start early. */
  readonly signal?: AbortSignal;
}

/** The running whole. Disposing of it stops what still runs, the last started first, and removes its files. */
export interface Stack extends AsyncDisposable {
  /** The Prometheus whose series are sent, if it is one of ours. */
  readonly source?: Prometheus;
  /** Where the client shows its status. */
  readonly clientUrl: URL;
  /** Asks the client to stop, for good. */
  stopClient(): Promise<void>;
  /** Starts one more client, of another cluster, with flags behind the usual ones, and does not wait for it. */
  launchClient(client: { readonly id: string; readonly flags: readonly string[] }): Child;
  /** The Telemeter servers: the client pushes to the first, the central Prometheus scrapes each. */
  readonly servers: readonly Server[];
  /** The Prometheus where series arrive. */
  readonly central: Prometheus;
  /** The Prometheus to which the servers forward, if they do. */
  readonly receiver?: Prometheus;
  /** The salt of the anonymized labels. */
  readonly salt: string;
  /** All programs that were started. */
  readonly crew: Crew;
}

/**
 * Starts everything, each program once those that it needs are ready.
 *
 * @throws {Error} if one does not become ready, after stopping the others.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { runner, pace, servers: count, source: foreign, hasRemoteWrite = false, say = () => {}, signal } = options;
  const portFor = distinctPorts(options.portFor);
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "telemeter-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const { files, token, salt } = await writeTrialFiles(folder, { sourceToken: foreign?.token });
  const crew = stack.use(new Crew());
  const launch = (task: ProgramTask, args: readonly string[]) => crew.start(taskCommand(task, args));
  const prometheus = (name: string, port: number) => ({ name, port, folder: join(folder, name) });

  const plans = Array.from({ length: count }, (_, index): ServerPlan => ({
    name: `server-${index}`,
    external: localUrl(portFor(9003)),
    internal: localUrl(portFor(9004)),
    cluster: localUrl(portFor(9006)).host,
  }));

  const place = prometheus("source", portFor(9090));
  const writesTo = hasRemoteWrite ? writeTarget(plans[0], { host: hostSeenFrom(runner), secret: token }) : undefined;
  const sourcePlan = { ...place, config: sourceConfig({ ...place, writesTo }) };
  const receiverPlan = { ...prometheus("receiver", portFor(9007)), config: receiverConfig(), takesRemoteWrite: true };
  const startSource = async () => stack.use(await startPrometheus(runner, sourcePlan, { crew, signal }));
  // One that remote-writes starts once there is somebody to take that.
  const [early, receiver] = await Promise.all([
    foreign || hasRemoteWrite ? undefined : startSource(),
    hasRemoteWrite
      ? startPrometheus(runner, receiverPlan, { crew, signal }).then((receiver) => stack.use(receiver))
      : undefined,
  ]);

  const authorizer = localUrl(portFor(9001));
  await launch("authorization-server", [authorizer.host, files.tokens]).line(/Listening/);
  say(`authorizer    ${authorizer}  a stub, which knows one token`);

  const { certificates: dir } = files;
  await makeCertificates({ dir, names: plans.map(({ name }) => name), hosts: ["127.0.0.1"], days: CERTIFICATE_DAYS });
  const servers = plans.map((plan): Server => {
    const others = plans.filter((other) => other !== plan);
    const usual = serverFlags({ plan, others, authorizer, files, ttl: pace.ttl, listed: LISTED });
    const forwards = receiver === undefined ? [] : [`--forward-url=${new URL("api/v1/write", receiver.url)}`];
    const flags = [...usual, ...forwards, ...options.moreServerFlags?.(files) ?? []];
    return trialServer(plan, { flags, crew });
  });
  // At the same time: each is ready once it has found the others.
  await Promise.all(servers.map((server) => server.start({ signal })));
  const source = foreign ? undefined : early ?? await startSource();
  const from = foreign?.url ?? source!.url;
  say(`source        ${from}  the Prometheus whose series are sent`);
  say(`page          ${servers[0].internal}  every source and how it fares: look here first`);
  for (const { name, external, internal } of servers) {
    say(`${name.padEnd(13)} ${external}  for clients, and ${new URL("federate", internal)} for Prometheus`);
  }

  const clientUrl = localUrl(portFor(9002));
  const fromToken = foreign?.token !== undefined;
  const clientPlan = { from, fromToken, to: servers[0].external, files, pace };
  const client = launch("client", clientFlags({ ...clientPlan, id: CLUSTER_ID, listen: clientUrl }));
  await untilReady(client, new URL("healthz/ready", clientUrl), { signal });
  say(`client        ${clientUrl}  reads the source and pushes to ${servers[0].name}`);

  const config = centralConfig({
    servers: servers.map(({ internal }) => `${hostSeenFrom(runner)}:${internal.port}`),
    rules: options.rules,
  });
  const plan = { ...prometheus("central", portFor(9005)), config };
  const central = stack.use(await startPrometheus(runner, plan, { crew, signal }));
  say(`central       ${central.url}  the Prometheus where they arrive`);

  if (receiver !== undefined) say(`receiver      ${receiver.url}  the Prometheus to which the servers forward`);

  const owned = stack.move();
  return {
    source,
    receiver,
    clientUrl,
    stopClient: () => crew.stop(client),
    launchClient: ({ id, flags }) =>
      launch("client", [...clientFlags({ ...clientPlan, id, listen: localUrl(portFor()) }), ...flags]),
    servers,
    central,
    salt,
    crew,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Where a source sends by itself, which reaches this machine by a name. */
function writeTarget({ external }: ServerPlan, { host, secret }: { host: string; secret: string }): WriteTarget {
  const server = new URL(external);
  server.hostname = host;
  return { url: new URL("api/v1/write", server), tokenUrl: new URL("oauth2/token", server), id: WRITER_ID, secret };
}
