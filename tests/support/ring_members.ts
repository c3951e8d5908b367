/**
 * Members of a ring on the loopback interface, with certificates in files, and what happens to each of them.
 *
 * @module
 */

import { join } from "node:path";
import { Registry } from "prom-client";
import type { Hello, MeshHandlers, MeshMessage, Refusal } from "../../ring/protocol/mesh.ts";
import { RingIdentity } from "../../ring/transport/ring_identity.ts";
import { Transport, type TransportOptions } from "../../ring/transport/transport.ts";
import { makeCertificates } from "../../scripts/certificates/certificate_folder.ts";
import { type LogRecord, recordingLog } from "./recording_log.ts";

/** What a handler of the mesh was called with. */
export type MeshEvent =
  | { readonly kind: "up"; readonly name: string; readonly boot: string; readonly dialled?: string }
  | { readonly kind: "down"; readonly name: string; readonly reason: string }
  | { readonly kind: "failed"; readonly address: string; readonly refusal: Refusal }
  | { readonly kind: "message"; readonly from: string; readonly message: MeshMessage };

/** A member. */
export interface RingMember extends AsyncDisposable {
  readonly name: string;
  /** Where it listens. */
  readonly address: string;
  readonly transport: Transport;
  readonly identity: RingIdentity;
  readonly boot: string;
  readonly records: LogRecord[];
  /** All that has happened. */
  readonly events: MeshEvent[];
  /** The first event that fits and was not returned yet, waiting for it if need be. */
  next<Kind extends MeshEvent["kind"]>(kind: Kind, fits?: (event: MeshEvent) => boolean): Promise<EventOf<Kind>>;
  /** Dials, and waits until that link is up. */
  link(to: RingMember): Promise<void>;
  /** A counter or gauge by its line up to the value, 0 if there is none. */
  metric(line: string): Promise<number>;
}

type EventOf<Kind extends MeshEvent["kind"]> = Extract<MeshEvent, { kind: Kind }>;

/** How a member differs from the others. */
export type MemberOptions =
  & Partial<Pick<TransportOptions, "peerAllow" | "limits" | "versions" | "cluster" | "keys" | "now">>
  & {
    /** The name in HELLO, if it is not the certificate's. */
    readonly poses?: string;
    readonly boot?: string;
    readonly port?: number;
    /** Answers or refuses, beside what is recorded. */
    readonly handlers?: Partial<MeshHandlers>;
    /** The folder of certificates, if it is another one. */
    readonly dir?: string;
  };

/** The folder of certificates of one test file, and the members that it makes. */
export class RingFolder implements AsyncDisposable {
  /** Where the certificates are. */
  readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  /** Makes certificates for members of these names. */
  static async create(...names: string[]): Promise<RingFolder> {
    const dir = await Deno.makeTempDir();
    await makeCertificates({ dir, names, hosts: ["localhost", "127.0.0.1"], days: 1 });
    return new RingFolder(dir);
  }

  /** The text of a file. */
  read(file: string): Promise<string> {
    return Deno.readTextFile(join(this.dir, file));
  }

  /** A member's certificate and key, and its authority. */
  async credentials(name: string): Promise<{ ca: string; cert: string; key: string }> {
    const [ca, cert, key] = await Promise.all(["ca.crt", `${name}.crt`, `${name}.key`].map((file) => this.read(file)));
    return { ca, cert, key };
  }

  /** Starts a member on a free port. */
  async member(name: string, options: MemberOptions = {}): Promise<RingMember> {
    const { log, records } = recordingLog();
    const { dir = this.dir, boot = randomBoot(), port = 0, poses, handlers, ...rest } = options;
    const [caPath, certPath, keyPath] = ["ca.crt", `${name}.crt`, `${name}.key`].map((file) => join(dir, file));
    const identity = await RingIdentity.load({ name, caPath, certPath, keyPath, log, every: () => () => {} });
    const registry = new Registry();
    const hello = (): Hello => {
      const { hostname, port } = transport.address;
      return { name: poses ?? name, boot, incarnation: 1, address: `${hostname}:${port}`, host: "one" };
    };
    const transport = new Transport({
      address: { hostname: "127.0.0.1", port },
      cluster: "test",
      keys: { signing: "key", verifying: ["key"] },
      hello,
      identity,
      registry,
      log,
      ...rest,
    });
    const diary = new Diary();
    await transport.start({
      admit: (peer) => handlers?.admit?.(peer),
      linkUp: (link) => {
        const { peer: { name, boot }, dialled } = link;
        diary.write({ kind: "up", name, boot, ...(dialled === undefined ? {} : { dialled }) });
        handlers?.linkUp?.(link);
      },
      linkDown: (link, reason) => diary.write({ kind: "down", name: link.peer.name, reason }),
      dialFailed: (address, refusal) => diary.write({ kind: "failed", address, refusal }),
      message: (link, message) => {
        diary.write({ kind: "message", from: link.peer.name, message });
        handlers?.message?.(link, message);
      },
    });
    const address = `127.0.0.1:${transport.address.port}`;
    return {
      name,
      address,
      transport,
      identity,
      boot,
      records,
      events: diary.events,
      next: (kind, fits) => diary.next(kind, fits),
      link: async (to) => {
        transport.dial(to.address);
        await diary.next("up", (event) => event.kind === "up" && event.dialled === to.address);
      },
      metric: async (line) => {
        const found = (await registry.metrics()).split("\n").find((text) => text.startsWith(`${line} `));
        return Number(found?.slice(line.length + 1) ?? 0);
      },
      [Symbol.asyncDispose]: async () => {
        await transport[Symbol.asyncDispose]();
        identity[Symbol.dispose]();
      },
    };
  }

  /** Removes the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.dir, { recursive: true });
  }
}

/** Events, and those who wait for one. */
class Diary {
  readonly events: MeshEvent[] = [];
  readonly #fresh: MeshEvent[] = [];
  readonly #waiting: { fits: (event: MeshEvent) => boolean; resolve: (event: MeshEvent) => void }[] = [];

  write(event: MeshEvent): void {
    this.events.push(event);
    const at = this.#waiting.findIndex(({ fits }) => fits(event));
    if (at < 0) this.#fresh.push(event);
    else this.#waiting.splice(at, 1)[0].resolve(event);
  }

  next<Kind extends MeshEvent["kind"]>(
    kind: Kind,
    fits: (event: MeshEvent) => boolean = () => true,
  ): Promise<EventOf<Kind>> {
    const wanted = (event: MeshEvent) => event.kind === kind && fits(event);
    const at = this.#fresh.findIndex(wanted);
    if (at >= 0) return Promise.resolve(this.#fresh.splice(at, 1)[0] as EventOf<Kind>);
    return new Promise((resolve) =>
      this.#waiting.push({ fits: wanted, resolve: (event) => resolve(event as EventOf<Kind>) })
    );
  }
}

/** 32 random hexadecimal digits. */
export function randomBoot(): string {
  return crypto.randomUUID().replaceAll("-", "");
}

/** A message of no consequence. */
export function message(fields: Partial<MeshMessage> = {}): MeshMessage {
  return { type: "PING", request: 0, header: {}, body: new Uint8Array(0), ...fields };
}
