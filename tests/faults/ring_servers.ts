/**
 * The servers of one ring, as processes on the loopback interface, each of which may be ended, paused and started again.
 *
 * @module
 */

import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { readSigningKey } from "../../server/authorization/token_keys.ts";
import { TokenSigner } from "../../server/authorization/tokens.ts";
import { makeCertificates } from "../../scripts/certificates/certificate_folder.ts";
import { Child, type ChildCommand } from "../../scripts/process/child.ts";
import { freePort } from "../../scripts/process/free_port.ts";
import { untilReady } from "../../scripts/process/ready.ts";
import { taskCommand } from "../../scripts/process/tasks.ts";
import { Wire } from "./wire.ts";

/** What the servers are. */
export interface RingServersPlan {
  /** Their names: each knows all others from the start, whether they run or not. */
  readonly names: readonly string[];
  /** Further flags of each. @default none */
  readonly flags?: readonly string[];
  /** Which of them only vote. @default none */
  readonly witnesses?: readonly string[];
  /** Whether peers reach each of them over a {@linkcode Wire}. @default {false} */
  readonly wired?: boolean;
  /** Whether all list one more address, {@linkcode RingServers.vacant}, at which nobody listens at first. @default {false} */
  readonly listsVacant?: boolean;
  /** Where the first of them is to be reached. @default a free port */
  readonly at?: string;
  /** Whether the first of them is no member of any ring. @default {false} */
  readonly alone?: boolean;
  /** What starts a server. @default the task of this checkout */
  readonly command?: (name: string, flags: readonly string[]) => ChildCommand;
}

/** Servers that share a key, an authority, and a folder. None runs before it is started. */
export class RingServers implements AsyncDisposable {
  /** The servers, in the order of the names. */
  readonly servers: readonly RingServer[];
  /** The wires to them, in the same order, if there are any. */
  readonly wires: readonly Wire[];
  /** An address that they may list, at which nobody listens. */
  readonly vacant: string;
  readonly #folder: string;
  readonly #flags: readonly string[];
  readonly #signer: TokenSigner;
  readonly #alone: boolean;
  readonly #command: RingServersPlan["command"];
  readonly #all: RingServer[];

  private constructor(
    folder: string,
    signer: TokenSigner,
    { names, flags = [], witnesses = [], wired = false, listsVacant = false, at, alone = false, command }:
      RingServersPlan,
  ) {
    this.#alone = alone;
    this.#command = command;
    this.#signer = signer;
    this.#folder = folder;
    this.#flags = [
      "--ratelimit=0",
      "--source-metrics=false",
      `--shared-key=${join(folder, "shared-key.pem")}`,
      ...flags,
    ];
    const clusters = names.map((_, index) => index === 0 && at !== undefined ? at : `127.0.0.1:${freePort()}`);
    const ports = names.map(() => wired ? freePort() : undefined);
    this.vacant = `127.0.0.1:${freePort()}`;
    const seeds = listsVacant ? [...clusters, this.vacant] : clusters;
    this.servers = names.map((name, index) =>
      this.#make(name, {
        cluster: clusters[index],
        behind: ports[index],
        seeds,
        store: name,
        isWitness: witnesses.includes(name),
      })
    );
    this.wires = ports.flatMap((port) => port === undefined ? [] : [new Wire({ to: port })]);
    this.#all = [...this.servers];
  }

  /** Makes certificates and a key for them. */
  static async create(plan: RingServersPlan): Promise<RingServers> {
    const folder = await Deno.makeTempDir({ prefix: "telemeter-ring-" });
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    await Deno.writeTextFile(join(folder, "shared-key.pem"), pem, { mode: 0o600 });
    await makeCertificates({ dir: join(folder, "certs"), names: [...plan.names], hosts: ["127.0.0.1"], days: 1 });
    const ring = new RingServers(folder, new TokenSigner(await readSigningKey(pem)), plan);
    await Promise.all(ring.wires.map((wire, index) => wire.open(Number(ring.servers[index].cluster.split(":")[1]))));
    return ring;
  }

  /** A token for a cluster. Servers give one address few: it would take thousands of clusters minutes to ask for theirs. */
  async token(id: string): Promise<string> {
    const labels = new Map([["_id", id]]);
    return await this.#signer.sign({ labels, subject: id, expireSeconds: 86_400, now: Date.now() });
  }

  /** Another server of the same name and certificate, with ports and a store of its own. */
  twin({ name }: RingServer, { cluster = `127.0.0.1:${freePort()}` }: { readonly cluster?: string } = {}): RingServer {
    const seeds = this.servers.map(({ cluster }) => cluster);
    const twin = this.#make(name, { cluster, seeds, store: `${name}-twin` });
    this.#all.push(twin);
    return twin;
  }

  /** What one shows who poses as one of them: its certificate, its key, and the authority. */
  async credentials(name: string): Promise<{ ca: string; cert: string; key: string }> {
    const read = (file: string) => Deno.readTextFile(join(this.#folder, "certs", file));
    return { ca: await read("ca.crt"), cert: await read(`${name}.crt`), key: await read(`${name}.key`) };
  }

  /** The thumbprint of the key that they sign tokens with. */
  async keyId(): Promise<string> {
    return (await readSigningKey(await this.signingKey())).id;
  }

  /** The key that they sign tokens with (PEM). */
  async signingKey(): Promise<string> {
    return await Deno.readTextFile(join(this.#folder, "shared-key.pem"));
  }

  /** Starts all, or those given, at the same time, and waits until they are ready. */
  async start(servers: readonly RingServer[] = this.servers): Promise<void> {
    await Promise.all(servers.map(async (server) => {
      server.launch();
      await server.ready();
    }));
  }

  /** Ends all at once, without their leave, and removes their files. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((server) => server.retire()));
    await Promise.all(this.wires.map((wire) => wire[Symbol.asyncDispose]()));
    await Deno.remove(this.#folder, { recursive: true });
  }

  #make(
    name: string,
    { cluster, behind, seeds, store, isWitness = false }: {
      cluster: string;
      behind?: number;
      seeds: readonly string[];
      store: string;
      isWitness?: boolean;
    },
  ) {
    const at = (file: string) => join(this.#folder, "certs", file);
    const ofRing = this.#alone ? [] : [
      `--name=${name}`,
      ...behind === undefined
        ? [`--listen-cluster=${cluster}`]
        : [`--listen-cluster=127.0.0.1:${behind}`, `--advertise-cluster=${cluster}`],
      ...seeds.filter((seed) => seed !== cluster).map((seed) => `--join=${seed}`),
      ...isWitness ? ["--witness"] : [],
      `--cluster-ca=${at("ca.crt")}`,
      `--cluster-crt=${at(`${name}.crt`)}`,
      `--cluster-key=${at(`${name}.key`)}`,
    ];
    const flags = [...this.#flags, ...ofRing];
    return new RingServer({ name, cluster, storageDir: join(this.#folder, store), flags, command: this.#command });
  }
}

/** What a server is started with. */
export interface RingServerPlan {
  /** Its name in the ring. */
  readonly name: string;
  /** Where its peers connect, `HOST:PORT`. */
  readonly cluster: string;
  /** Where its pushes are kept. */
  readonly storageDir: string;
  /** Its other flags. */
  readonly flags: readonly string[];
  /** What starts it. @default the task of this checkout */
  readonly command?: RingServersPlan["command"];
}

/** One server, which keeps its ports and its store over restarts. */
export class RingServer {
  /** Its name in the ring. */
  readonly name: string;
  /** Where its peers connect, `HOST:PORT`. */
  readonly cluster: string;
  /** Where clients come. */
  readonly external: URL = local();
  /** Where `/federate` and the status pages are. */
  readonly internal: URL = local();
  /** Where its pushes are kept: made when it starts, if it is not there. */
  readonly storageDir: string;
  readonly #flags: readonly string[];
  readonly #command: RingServersPlan["command"];
  #child: Child | undefined;
  #retired = false;

  /** Starts nothing yet. */
  constructor({ name, cluster, storageDir, flags, command }: RingServerPlan) {
    this.name = name;
    this.#command = command;
    this.cluster = cluster;
    this.storageDir = storageDir;
    this.#flags = [
      ...flags,
      `--listen=${this.external.host}`,
      `--listen-internal=${this.internal.host}`,
      `--storage-dir=${storageDir}`,
    ];
  }

  /** Its process, the latest. */
  get child(): Child {
    if (this.#child === undefined) throw new Error(`The server ${this.name} was never started`);
    return this.#child;
  }

  /** Whether it runs, paused or not. */
  get running(): boolean {
    return this.#child?.gone === false;
  }

  /** Starts it. */
  launch(): void {
    if (this.running || this.#retired) throw new Error(`Cannot start the server ${this.name} now`);
    const command = this.#command?.(this.name, this.#flags) ?? taskCommand("server", this.#flags);
    this.#child = new Child({ ...command, name: this.name });
  }

  /** Waits until it shows what it owns. */
  async ready({ timeoutMs = 60_000 }: { timeoutMs?: number } = {}): Promise<void> {
    await untilReady(this.child, new URL("healthz/ready", this.internal), { timeoutMs });
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    await this.#child?.kill();
  }

  /** Ends it for good: whoever would start it again must not. */
  async retire(): Promise<void> {
    this.#retired = true;
    await this.kill();
  }

  /** Whether it shows what it owns now. */
  async isReady(): Promise<boolean> {
    const response = await fetch(new URL("healthz/ready", this.internal));
    await response.body?.cancel();
    return response.ok;
  }

  /** Asks it to leave the ring and to stop. */
  async stop(): Promise<void> {
    const { code } = await this.child.stop({ graceMs: 40_000 });
    if (code !== 0) {
      throw new Error(`The server ${this.name} ended with ${code}; its last lines:\n${this.child.tail()}`);
    }
  }

  /** The last lines of its log, since it was started last. */
  tail(lines: number): string {
    return this.#child?.tail(lines) ?? "";
  }

  /** Keeps it from running until {@linkcode RingServer.resume}. */
  pause(): void {
    this.child.signal("SIGSTOP");
  }

  /** Lets it run again. */
  resume(): void {
    this.child.signal("SIGCONT");
  }

  /** Deletes what it has kept, its part in the ring included. It must not run. */
  async deleteStore(): Promise<void> {
    await Deno.remove(this.storageDir, { recursive: true });
  }

  /** How many bytes it keeps. */
  async storedBytes(): Promise<number> {
    let bytes = 0;
    for await (const { name } of Deno.readDir(this.storageDir)) {
      bytes += (await Deno.stat(join(this.storageDir, name))).size;
    }
    return bytes;
  }

  /** The value of a series on `/metrics`, written as there; 0 if it is not there. */
  async metric(series: string): Promise<number> {
    const text = await (await fetch(new URL("metrics", this.internal))).text();
    const line = text.split("\n").find((line) => line.startsWith(`${series} `));
    return line === undefined ? 0 : Number(line.slice(series.length + 1));
  }
}

function local(): URL {
  return new URL(`http://127.0.0.1:${freePort()}/`);
}
