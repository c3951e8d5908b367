/**
 * The mesh over mutual-TLS WebSockets.
 *
 * @module
 */

import type { Registry } from "../../common/metrics.ts";
import { explain } from "../../common/explain.ts";
import type { Logger } from "../../common/log.ts";
import type { Address } from "../../common/option_kinds.ts";
import { plainFields } from "../../common/plain_text.ts";
import { type DialPurpose, Dials } from "./dials.ts";
import {
  FRAME_VERSIONS,
  type HelloHeader,
  type LinkRefusal,
  refusalOf,
  type TokenKeyIds,
  type VersionRange,
} from "./hello.ts";
import { Link, type LinkEnd, type LinkEvents, type LinkOptions } from "./link.ts";
import { type AcceptedConnection, listenForPeers, type RingListener } from "./listener.ts";
import type { Hello, Mesh, MeshHandlers, MeshMessage, Refusal } from "../protocol/mesh.ts";
import type { RingIdentity } from "./ring_identity.ts";
import { RefusalLog } from "./refusal_log.ts";
import { TRANSPORT_LIMITS, type TransportLimits } from "./transport_limits.ts";
import { TransportMetrics } from "./transport_metrics.ts";

/** What a {@linkcode Transport} works with. */
export interface TransportOptions {
  /** Where to listen. */
  readonly address: Address;
  /** What to say of ourselves; asked for with each connection. */
  readonly hello: () => Hello;
  /** The ring's name, which the flag calls the cluster's. */
  readonly cluster: string;
  /** The keys of our tokens. */
  readonly keys: TokenKeyIds;
  /** Our certificate and whom we trust. The caller disposes of it after the transport. */
  readonly identity: RingIdentity;
  /** The names of `--peer-allow`; all are let in if absent. */
  readonly peerAllow?: ReadonlySet<string>;
  /** Gets the metrics. */
  readonly registry: Registry;
  /** Gets a line for peers that are refused. */
  readonly log: Logger;
  /** Limits that differ from {@linkcode TRANSPORT_LIMITS}. */
  readonly limits?: Partial<TransportLimits>;
  /**
   * The versions of the frames to speak.
   *
   * @default {FRAME_VERSIONS}
   */
  readonly versions?: VersionRange;
  /**
   * The time in milliseconds, from any origin; never goes back.
   *
   * @default {performance.now}
   */
  readonly now?: () => number;
  /**
   * A number from 0 to 1.
   *
   * @default {Math.random}
   */
  readonly random?: () => number;
}

/** A link as the status page shows it. */
export interface LinkStatus {
  /** The peer's name. */
  readonly name: string;
  /** Where it is dialled. */
  readonly address: string;
  /** Who dialled. */
  readonly dialledBy: string;
  /** Since when the connection stands, in milliseconds. */
  readonly ageMs: number;
  /** How long nothing has come on it, in milliseconds. */
  readonly silentMs: number;
  /** The version of the frames. */
  readonly version: number;
  /** Bytes that wait. */
  readonly queued: { readonly control: number; readonly data: number };
}

/** {@linkcode Mesh} over `node:https` and npm:ws, with certificates of an authority of the ring's own. */
export class Transport implements Mesh {
  readonly #options: TransportOptions;
  readonly #limits: TransportLimits;
  readonly #now: () => number;
  readonly #refusals: RefusalLog;
  readonly #metrics: TransportMetrics;
  /** Those that are up, by name. */
  readonly #links = new Map<string, Link>();
  /** All that are not closed, and when to renew them. */
  readonly #open = new Map<Link, number>();
  readonly #dials: Dials;
  /** When a silent link may be tried beside again. */
  readonly #revivals = new WeakMap<Link, number>();
  readonly #events: LinkEvents;
  #handlers: MeshHandlers | undefined;
  #listener: RingListener | undefined;
  #sweeper: ReturnType<typeof setInterval> | undefined;
  #sweptAt = 0;

  /** Neither listens nor dials before it is started. */
  constructor(options: TransportOptions) {
    const { registry, log, identity, now = () => performance.now() } = options;
    const limits = { ...TRANSPORT_LIMITS, ...options.limits };
    this.#options = options;
    this.#limits = limits;
    this.#now = now;
    this.#refusals = new RefusalLog({ registry, log, now });
    this.#metrics = new TransportMetrics(registry, () => ({ links: this.#links.size, queued: this.#queued() }));
    this.#dials = new Dials({
      identity,
      limits,
      metrics: this.#metrics,
      adopt: (connection, { address, settle }) => this.#adopt({ ...connection, address, dialled: address, settle }),
      onFailed: (address, refusal, purpose) => this.#onDialFailed(address, refusal, purpose),
    });
    this.#events = {
      judge: (link, theirs) => this.#judge(link, theirs),
      up: (link) => this.#onUp(link),
      message: (link, message) => this.#onMessage(link, message),
      ended: (link, end) => this.#onEnded(link, end),
    };
  }

  /** Where it listens: the port that was chosen if none was asked for. */
  get address(): Address {
    const { hostname, port } = this.#listener ?? this.#options.address;
    return { hostname, port };
  }

  /** The links that are up. */
  status(): LinkStatus[] {
    const now = this.#now();
    return Array.from(this.#links, ([name, link]) => ({
      name,
      address: link.mesh!.peer.address,
      dialledBy: this.#diallerOf(link),
      ageMs: Math.round(now - link.since),
      silentMs: Math.round(link.silence(now)),
      version: link.version,
      queued: { ...link.queued },
    }));
  }

  /** Listens, and links from then on. Rejects if it cannot listen. */
  async start(handlers: MeshHandlers): Promise<void> {
    const { address, identity } = this.#options, limits = this.#limits;
    this.#handlers = handlers;
    const onConnection = (connection: AcceptedConnection) => this.#onConnection(connection);
    const refusals = this.#refusals, now = this.#now;
    this.#listener = await listenForPeers({ address, identity, limits, refusals, now, onConnection });
    this.#sweptAt = this.#now();
    this.#sweeper = setInterval(() => this.#sweep(), sweepIntervalMs(limits));
  }

  /** Tries once to link with whoever is at the address. */
  dial(address: string): void {
    if (this.#handlers !== undefined) this.#dials.start(address, { announced: true, renews: false });
  }

  /** Queues a message; false if it will not be sent. */
  send(name: string, message: MeshMessage): boolean {
    return this.#links.get(name)?.send(message) ?? false;
  }

  /** Closes a link and says why. */
  cut(name: string, refusal: Refusal): void {
    const link = this.#links.get(name);
    if (link === undefined) return;
    this.#links.delete(name);
    link.refuse(refusal);
    queueMicrotask(() => this.#tell((handlers) => handlers.linkDown(link.mesh!, refusal.message)));
  }

  /** Sends what waits for a little while, closes all links, and stops listening. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#handlers = undefined;
    clearInterval(this.#sweeper);
    this.#dials.close({ code: "unreachable", message: "This member is stopping" });
    for (const link of this.#open.keys()) {
      if (link.mesh === undefined) link.destroy();
      else link.finish();
    }
    await Promise.all(Array.from(this.#open.keys(), ({ closed }) => closed));
    this.#links.clear();
    await this.#listener?.[Symbol.asyncDispose]();
  }

  #onConnection(connection: AcceptedConnection): void {
    if (this.#handlers === undefined) connection.webSocket.terminate();
    else this.#adopt(connection);
  }

  #adopt(
    connection: Pick<LinkOptions, "webSocket" | "socket" | "address" | "certificateNames" | "dialled" | "settle">,
  ) {
    const { hello, cluster, keys, versions = FRAME_VERSIONS, random = Math.random } = this.#options;
    const ours: HelloHeader = { ...hello(), cluster, keys, versions };
    const limits = this.#limits, metrics = this.#metrics, now = this.#now, events = this.#events;
    const link = new Link({ ...connection, ours, limits, metrics, now, events });
    // Not all that came up together are renewed together.
    this.#open.set(link, link.since + limits.renewMs * (0.9 + 0.1 * random()));
    void link.closed.then(() => this.#open.delete(link));
    return link;
  }

  #judge(link: Link, theirs: HelloHeader): LinkRefusal | undefined {
    const { options: { ours, certificateNames } } = link, { peerAllow } = this.#options;
    const objection = refusalOf({ theirs, ours, certificateNames, peerAllow });
    if (objection) return objection;
    const old = this.#links.get(theirs.name);
    if (old?.peer?.boot === theirs.boot && !this.#prefers(link, old)) return duplicateFor(ours.name);
    if (old === undefined && this.#links.size >= this.#limits.maxLinks) {
      return { code: "unreachable", reason: "links", message: `${ours.name} has reached its limit of links` };
    }
    // Without handlers, or with those that fail, nobody is let in.
    let refusal: Refusal | undefined = { code: "unreachable", message: `${ours.name} is stopping` };
    this.#tell((handlers) => refusal = handlers.admit(helloOf(theirs)));
    return refusal && { ...(refusal as Refusal), reason: "not-admitted" };
  }

  #onUp(link: Link): void {
    const { dialled } = link.options, theirs = link.peer!, { name } = theirs, old = this.#links.get(name);
    const again = old?.peer?.boot === theirs.boot;
    // Another one may have come up since the HELLO. The peer may use this one until it sees the other.
    if (old && again && !this.#prefers(link, old)) {
      link.mesh = old.mesh;
      link.finish({ yielding: old.options.dialled !== undefined });
      if (dialled !== undefined) this.#endDial(dialled, old);
      return;
    }
    this.#links.set(name, link);
    link.mesh = again ? old!.mesh : { peer: helloOf(theirs), ...(dialled === undefined ? {} : { dialled }) };
    if (old && again) {
      link.inherit(old);
      // The one who was dialled ends the old link, since by then both know of the new one.
      if (old.silence(this.#now()) > this.#limits.freshMs) old.destroy();
      else old.finish({ yielding: dialled !== undefined });
    } else {
      if (old) {
        old.refuse({ code: "name-taken", message: `Another process has the name ${name} now` });
        this.#tell((handlers) => handlers.linkDown(old.mesh!, "The member has restarted"));
      }
      this.#tell((handlers) => handlers.linkUp(link.mesh!));
    }
    if (dialled !== undefined) this.#endDial(dialled, link, { silent: !again });
    for (const address of this.#dials.awaiting(name)) this.#endDial(address, link);
  }

  #onMessage(link: Link, message: MeshMessage): void {
    const { name, boot } = link.peer!, current = this.#links.get(name);
    // What still comes on a link that was replaced counts as long as it is of the same process.
    if (current?.peer?.boot === boot) this.#tell((handlers) => handlers.message(current.mesh!, message));
  }

  #onEnded(link: Link, end: LinkEnd): void {
    const { message, fault } = end;
    const { address, dialled, certificateNames } = link.options;
    const claimed = link.peer?.name, name = certificateNames.find((name) => name === claimed);
    // One of the seeds may be our own address: a member that dials itself is not to blame.
    if (fault !== undefined && fault !== "self") this.#refusals.add({ address, name, reason: fault, message });
    if (name !== undefined && this.#links.get(name) === link) {
      this.#links.delete(name);
      this.#tell((handlers) => handlers.linkDown(link.mesh!, message));
    } else if (dialled !== undefined && this.#dials.has(dialled, { by: link })) {
      this.#onDialEnded(dialled, link, end);
    }
  }

  #onDialEnded(
    address: string,
    { peer, options: { certificateNames, ours } }: Link,
    { message, refusal, isOurs }: LinkEnd,
  ): void {
    const code = refusal?.code ?? "unreachable";
    if (code !== "duplicate") {
      // That somebody else has our own name does say something of us.
      const isOfPeer = isOurs && peer?.name !== ours.name;
      return this.#dials.fail(address, { code, message, ...(isOfPeer ? { isOurs } : {}) });
    }
    const linked = peer?.name ?? certificateNames.find((name) => name === refusal?.name);
    const there = linked === undefined ? undefined : this.#links.get(linked);
    if (there) this.#endDial(address, there);
    else this.#dials.awaitLink(address, linked);
  }

  /** The dial came to a link. */
  #endDial(address: string, link: Link, { silent = false }: { silent?: boolean } = {}): void {
    const purpose = this.#dials.succeed(address);
    if (silent || !purpose?.announced) return;
    link.mesh = { peer: link.mesh!.peer, dialled: address };
    this.#tell((handlers) => handlers.linkUp(link.mesh!));
  }

  #onDialFailed(address: string, refusal: Refusal, { announced, renews }: DialPurpose): void {
    if (announced) this.#tell((handlers) => handlers.dialFailed(address, refusal));
    if (!renews) return;
    const retryAt = this.#now() + this.#limits.renewMs / 100;
    for (const link of this.#links.values()) if (link.options.dialled === address) this.#open.set(link, retryAt);
    this.#options.log.warn(
      "Cannot renew a link to a peer: trying again",
      plainFields({ address, error: refusal.message }),
    );
  }

  /** Whether a new link takes the place of one to the same process. Both ends come to the same answer. */
  #prefers(newer: Link, old: Link): boolean {
    if (old.silence(this.#now()) > this.#limits.freshMs) return true;
    const [ofNewer, ofOld] = [newer, old].map((link) => this.#diallerOf(link));
    return ofNewer === ofOld || ofNewer < ofOld;
  }

  #diallerOf({ options: { dialled, ours }, peer }: Link): string {
    return dialled === undefined ? peer!.name : ours.name;
  }

  #sweep(): void {
    const now = this.#now(), late = now - this.#sweptAt > 2 * sweepIntervalMs(this.#limits) + 1_000;
    this.#sweptAt = now;
    for (const [link, renewAt] of this.#open) {
      if (late) link.excuse(now);
      else link.sweep(now);
      if (this.#links.get(link.peer?.name ?? "") !== link) continue;
      if (now >= renewAt) this.#renew(link, now);
      this.#revive(link, now);
    }
  }

  #renew(link: Link, now: number): void {
    const { options: { dialled }, peer } = link;
    if (now - link.since >= 2 * this.#limits.renewMs) {
      this.cut(peer!.name, { code: "unreachable", message: "The link is too old and could not be renewed" });
    } else if (dialled !== undefined) this.#dials.start(dialled, { announced: false, renews: true });
  }

  /** Something between the two ends may have forgotten a link, or one end may not be reached any more by the way it was. */
  #revive(link: Link, now: number): void {
    const { doubtMs } = this.#limits;
    if (link.silence(now) < doubtMs || now < (this.#revivals.get(link) ?? 0)) return;
    this.#revivals.set(link, now + doubtMs);
    this.#dials.start(link.options.dialled ?? link.peer!.address, { announced: false, renews: false });
  }

  #queued(): { control: number; data: number } {
    const sum = { control: 0, data: 0 };
    for (const { queued: { control, data } } of this.#links.values()) {
      sum.control += control;
      sum.data += data;
    }
    return sum;
  }

  #tell(event: (handlers: MeshHandlers) => void): void {
    try {
      if (this.#handlers) event(this.#handlers);
    } catch (error) {
      this.#options.log.error("Cannot handle an event of the ring", { error: explain(error) });
    }
  }
}

function sweepIntervalMs({ pingMs, renewMs }: TransportLimits): number {
  return Math.min(1_000, Math.max(10, Math.min(pingMs, renewMs) / 8));
}

function duplicateFor(name: string): LinkRefusal {
  return { code: "duplicate", reason: "duplicate", message: `${name} is already linked with this process`, name };
}

function helloOf({ name, boot, incarnation, address, host }: Hello): Hello {
  return { name, boot, incarnation, address, host };
}
