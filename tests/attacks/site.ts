/**
 * The servers under attack, as processes: of this checkout or of another one.
 *
 * @module
 */

import { join } from "node:path";
import { flagOf } from "../../common/options.ts";
import { taskWords } from "../../scripts/process/tasks.ts";
import { RingServers, type RingServersPlan } from "../faults/ring_servers.ts";
import { type Footprint, footprintOf } from "../soak/footprint.ts";
import { type Attack, SLOW_TOKEN } from "./attack.ts";

/** How long the upstream authorizer takes for the slow token, in milliseconds. */
const SLOW_MS = 5_000;
/** Who may be in the ring, and never runs: its certificate is the attacker's. */
const OUTSIDER = "outsider";

/** What servers take. */
export interface Taken extends Footprint {
  /** The most memory that they have had since the peak was forgotten, in bytes. */
  readonly peakBytes: number;
  /** What they have logged, in bytes. */
  readonly logBytes: number;
}

/** Servers, and what they need. */
export class Site implements AsyncDisposable {
  /** The servers. */
  readonly ring: RingServers;
  /** Those that run. */
  readonly servers: RingServers["servers"];
  readonly #logs: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(ring: RingServers, { logs, stack }: { logs: string; stack: AsyncDisposableStack }) {
    this.ring = ring;
    this.servers = ring.servers.slice(0, -1);
    this.#logs = logs;
    this.#stack = stack;
  }

  /** Starts what an attack is to be done to, from the sources in a folder. */
  static async open({ servers, flags = [], authorizes = false }: Attack, { dir }: { dir: string }): Promise<Site> {
    await using stack = new AsyncDisposableStack();
    const logs = stack.adopt(
      await Deno.makeTempDir({ prefix: "telemeter-attacks-" }),
      (folder) => Deno.remove(folder, { recursive: true }),
    );
    const authorizer = authorizes ? stack.use(openAuthorizer()) : undefined;
    const known = await knownFlags(dir);
    const ring = stack.use(
      await RingServers.create({
        names: [...Array.from({ length: servers }, (_, index) => `server-${index}`), OUTSIDER],
        alone: servers === 1,
        flags: [
          "--ratelimit=100ms",
          ...authorizer === undefined ? [] : [`--authorize=http://127.0.0.1:${authorizer.addr.port}/`],
          ...flags,
        ].filter((flag) => known.has(flag.split("=", 1)[0])),
        command: await loggedCommands(dir, logs),
      }),
    );
    const site = new Site(ring, { logs, stack: stack.move() });
    await ring.start(site.servers);
    return site;
  }

  /** What the servers take together now. */
  async taken(): Promise<Taken> {
    const all = await Promise.all(this.servers.map(async ({ name, child: { pid } }) => ({
      ...await footprintOf(pid),
      peakBytes: await peakOf(pid),
      logBytes: (await Deno.stat(join(this.#logs, name))).size,
    })));
    const sum = (of: (taken: Taken) => number) => all.map(of).reduce((a, b) => a + b, 0);
    return {
      residentBytes: sum(({ residentBytes }) => residentBytes),
      descriptors: sum(({ descriptors }) => descriptors),
      threads: sum(({ threads }) => threads),
      peakBytes: sum(({ peakBytes }) => peakBytes),
      logBytes: sum(({ logBytes }) => logBytes),
    };
  }

  /** Lets the peak of the memory start again from what it is now (Linux, man 5 proc_pid_clear_refs). */
  async forgetPeak(): Promise<void> {
    for (const { child: { pid } } of this.servers) {
      await new Deno.Command("sh", { args: ["-c", `echo 5 > /proc/${pid}/clear_refs`] }).output();
    }
  }

  /** What the attacker has: the certificate of a member that does not run. */
  async outsider(): Promise<{ ca: string; cert: string; key: string; keyId: string }> {
    return { ...await this.ring.credentials(OUTSIDER), keyId: await this.ring.keyId() };
  }

  /** Ends everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

/** The flags that a server of some sources knows. */
async function knownFlags(dir: string): Promise<Set<string>> {
  const options = await Deno.readTextFile(join(dir, "server/options.ts"));
  return new Set(Array.from(options.matchAll(/^ {2}(\w+): \{/gm), ([, name]) => flagOf(name)));
}

/** What starts servers of some sources, as their task does, with their logs in a folder. */
async function loggedCommands(dir: string, logs: string): Promise<RingServersPlan["command"]> {
  const { tasks } = JSON.parse(await Deno.readTextFile(join(dir, "deno.json")));
  const { env, words } = taskWords("server", tasks);
  const script = 'log=$1; shift; exec "$@" >>"$log" 2>&1';
  return (name, flags) => {
    const args = ["-c", script, "sh", join(logs, name), Deno.execPath(), "run", ...words, ...flags];
    return { name, path: "sh", args, cwd: dir, env };
  };
}

async function peakOf(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/status`] }).output();
  return 1_024 * Number(/^VmHWM:\s+(\d+)/m.exec(new TextDecoder().decode(stdout))?.[1] ?? NaN);
}

/** An upstream authorizer that knows the good token, and takes its time for the slow one. */
function openAuthorizer(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { authorization_token: token } = await request.json();
    if (token === SLOW_TOKEN) await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
    if (token !== "initial" && token !== SLOW_TOKEN) return Response.json({ name: "NotAuthorized" }, { status: 401 });
    return Response.json({ account_id: token, labels: {} });
  });
}
