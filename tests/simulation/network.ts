/**
 * A simulated network: links that carry messages in order like TCP, so that what is cut off waits and comes late, and dials as the
 * mesh defines them.
 *
 * Left out are certificates, frames, and the renewal of old links.
 *
 * @module
 */

import type { RingEvent } from "../../ring/protocol/effects.ts";
import {
  CLASS_LIMITS,
  type MeshLink,
  type MeshMessage,
  MESSAGE_TYPES,
  type Refusal,
} from "../../ring/protocol/mesh.ts";
import type { Random } from "../support/random.ts";
import type { Agenda } from "./agenda.ts";
import type { Node, Process } from "./process.ts";

/** As the transport has it: from the dial to the end of the HELLOs. */
const HELLO_TIMEOUT_MS = 5_000;
/** After how long a silence the transport gives a link up. */
const SILENT_MS = 30_000;
/** Up to which silence a link counts as live when another to the same process comes up. */
const FRESH_MS = 3_000;
/** After a cut TCP sends again at some time, at the latest this much later. */
const RETRANSMIT_MS = 1_500;

/** A connection. */
interface Wire {
  readonly dialler: string;
}

/** One end of a link. */
export interface End {
  readonly peer: Process;
  readonly out: Channel;
  /** Equal at both ends. */
  readonly wire: Wire;
  /** Those on which what still comes counts: this one, and others that it has taken the place of while they were live. */
  readonly live: ReadonlySet<Wire>;
  mesh: MeshLink;
  heardAt: number;
}

interface Parcel {
  readonly isData: boolean;
  readonly bytes: number;
  readonly deliver: () => void;
}

interface Channel {
  readonly from: Process;
  readonly to: Process;
  /** When the last parcel of control and of data arrives. */
  readonly last: [number, number];
  /** What is queued of control and of data, in bytes. */
  readonly queued: [number, number];
  /** What waits for a cut to end. */
  held: Parcel[];
}

/** What the network works with. */
export interface NetworkOptions {
  readonly agenda: Agenda;
  readonly random: Random;
  readonly delayMs: number;
  readonly resolve: (address: string) => Node | undefined;
  /** Hands an event to a running process. */
  readonly handle: (process: Process, event: RingEvent) => void;
}

/** The network between the nodes of a world. */
export class Network {
  readonly #options: NetworkOptions;
  // By 256 × from + to: how many cuts there are, and the delays.
  readonly #cuts = new Map<number, number>();
  readonly #delays = new Map<number, number[]>();
  // When the last cut or delay of a direction ended.
  readonly #disturbedAt = new Map<number, number>();
  readonly #channels = new Set<Channel>();

  /** Starts with nothing wrong. */
  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** Whether nothing gets from one node to another. */
  isCut(from: Node, to: Node): boolean {
    return (this.#cuts.get(from.index * 256 + to.index) ?? 0) > 0;
  }

  /** For how long nothing has been cut or slow between two nodes, in milliseconds. */
  undisturbedMs(a: Node, b: Node): number {
    const now = this.#options.agenda.now;
    const ofOne = (from: Node, to: Node) => {
      const key = from.index * 256 + to.index;
      if ((this.#cuts.get(key) ?? 0) > 0 || (this.#delays.get(key)?.length ?? 0) > 0) return 0;
      return now - (this.#disturbedAt.get(key) ?? -Infinity);
    };
    return Math.min(ofOne(a, b), ofOne(b, a));
  }

  /** Cuts a direction, as often as it is called, until healed as often. */
  cut(from: number, to: number) {
    const key = from * 256 + to;
    this.#cuts.set(key, (this.#cuts.get(key) ?? 0) + 1);
  }

  /** Takes back one cut. */
  heal(from: number, to: number) {
    const key = from * 256 + to, left = (this.#cuts.get(key) ?? 0) - 1;
    this.#cuts.set(key, left);
    if (left > 0) return;
    this.#disturbedAt.set(key, this.#options.agenda.now);
    for (const channel of this.#channels) {
      if (channel.held.length > 0 && channel.from.node.index === from && channel.to.node.index === to) {
        this.#options.agenda.after(this.#options.random.below(RETRANSMIT_MS), () => this.#flush(channel));
      }
    }
  }

  /** Makes a direction slower, until it is called to take that back. */
  slow(from: number, to: number, { delayMs }: { delayMs: number }): () => void {
    const key = from * 256 + to, delays = this.#delays.get(key) ?? [];
    this.#delays.set(key, delays);
    delays.push(delayMs);
    return () => {
      delays.splice(delays.indexOf(delayMs), 1);
      this.#disturbedAt.set(key, this.#options.agenda.now);
    };
  }

  /** Sends a message over the link with that name; false if there is none, or its queue is full. */
  send(from: Process, { to, message }: { to: string; message: MeshMessage }): boolean {
    const end = from.links.get(to);
    if (end === undefined) return false;
    const type = MESSAGE_TYPES[message.type].class, isData = type === "data";
    const bytes = 300 + message.body.length;
    if (end.out.queued[isData ? 1 : 0] + bytes > CLASS_LIMITS[type].queueBytes) return false;
    const { peer } = end;
    this.#put(end.out, {
      isData,
      bytes,
      deliver: () => {
        const theirs = peer.links.get(from.name);
        if (theirs?.peer !== from || !theirs.live.has(end.wire)) return;
        theirs.heardAt = this.#options.agenda.now;
        this.#options.handle(peer, { type: "message", link: theirs.mesh, message });
      },
    });
    return true;
  }

  /** Tries to link with whoever is at the address. */
  dial(from: Process, address: string) {
    if (from.dials.has(address)) return;
    from.dials.add(address);
    const { agenda, resolve } = this.#options;
    const node = resolve(address);
    const deadline = agenda.now + HELLO_TIMEOUT_MS;
    const timeout = () =>
      this.#dialFailed(from, address, { code: "unreachable", message: "It did not answer in time" });
    agenda.at(deadline, () => from.post(timeout));
    if (node === undefined || node.isDown || this.isCut(from.node, node) || this.isCut(node, from.node)) return;
    agenda.after(this.#delay(from.node, node), () => {
      const to = node.process;
      const isOpen = to !== undefined && (to.state === "running" || to.state === "stopped");
      if (!isOpen) {
        return from.post(() =>
          this.#dialFailed(from, address, {
            code: "unreachable",
            message: "Connection refused",
            nobodyListens: true,
          })
        );
      }
      to.post(() => {
        if (agenda.now < deadline && from.state !== "gone") this.#called(to, { by: from, address });
      });
    });
  }

  /** Closes the link with that name from one end. */
  cutLink(process: Process, { name, reason }: { name: string; reason: string }) {
    const end = process.links.get(name);
    if (end !== undefined) this.#close(process, { end, reason });
  }

  /** Closes every link of a process that ends; peers learn of it unless its power fails. */
  closeAll(process: Process, { power }: { power: boolean }) {
    for (const end of process.links.values()) if (!power) this.#sayClosed(process, end);
    process.links.clear();
    for (const channel of this.#channels) {
      if (channel.to === process) this.#channels.delete(channel);
    }
  }

  /** A node is back after its power failed: peers that still have links with what ran there learn that these are gone. */
  reboot(node: Node, peers: Iterable<Process>) {
    for (const peer of peers) {
      const end = peer.links.get(node.name);
      if (end === undefined || end.peer.node !== node || end.peer.state !== "gone") continue;
      this.#options.agenda.after(this.#options.random.below(2_000), () => {
        if (peer.links.get(node.name) === end) peer.post(() => this.#drop(peer, { end, reason: "Connection reset" }));
      });
    }
  }

  /** A process goes on that was stopped: the silence was its own. */
  excuse(process: Process) {
    for (const end of process.links.values()) end.heardAt = this.#options.agenda.now;
  }

  #called(to: Process, { by, address }: { by: Process; address: string }) {
    const { agenda, handle } = this.#options;
    const old = to.links.get(by.name);
    const again = old?.peer === by;
    const out = this.#channel(to, by);
    const reply = (deliver: () => void) => this.#put(out, { isData: false, bytes: 0, deliver });
    if (again && !this.#prefers(by.name, old)) {
      return reply(() => {
        const mine = by.links.get(to.name);
        if (mine?.peer === to) this.#linked(by, { end: mine, address });
      });
    }
    const refusal = to.admit(by.hello);
    if (refusal !== undefined) return reply(() => this.#dialFailed(by, address, refusal));
    const wire = { dialler: by.name }, live = this.#live(wire, again ? old : undefined);
    const end: End = { peer: by, out, wire, live, mesh: again ? old.mesh : { peer: by.hello }, heardAt: agenda.now };
    to.links.set(by.name, end);
    this.#watch(to, end);
    const hello = to.hello;
    reply(() => {
      if (!by.dials.has(address)) return this.#sayClosed(by, { ...end, peer: to, out: this.#channel(by, to) });
      this.#answered(by, { to, hello, wire, address });
    });
    if (again) return;
    if (old !== undefined) handle(to, { type: "linkDown", link: old.mesh, reason: "The member has restarted" });
    handle(to, { type: "linkUp", link: end.mesh });
  }

  #answered(
    by: Process,
    { to, hello, wire, address }: { to: Process; hello: Process["hello"]; wire: End["wire"]; address: string },
  ) {
    const { agenda, handle } = this.#options;
    const old = by.links.get(to.name);
    const again = old?.peer === to;
    const out = this.#channel(by, to);
    const mesh = again ? old.mesh : { peer: hello, dialled: address };
    const live = this.#live(wire, again ? old : undefined);
    const end: End = { peer: to, out, wire, live, mesh, heardAt: agenda.now };
    if (again && !this.#prefers(by.name, old)) {
      // Both have dialled at once, and the other link stays.
      this.#sayClosed(by, end);
      return this.#linked(by, { end: old, address });
    }
    if (!again) {
      const refusal = by.admit(hello);
      if (refusal !== undefined) {
        this.#sayClosed(by, end);
        return this.#dialFailed(by, address, { ...refusal, ...(hello.name === by.name ? {} : { isOurs: true }) });
      }
    }
    by.links.set(to.name, end);
    this.#watch(by, end);
    if (old !== undefined && !again) {
      handle(by, { type: "linkDown", link: old.mesh, reason: "The member has restarted" });
    }
    this.#linked(by, { end, address });
  }

  #linked(process: Process, { end, address }: { end: End; address: string }) {
    if (!process.dials.delete(address)) return;
    end.mesh = { peer: end.mesh.peer, dialled: address };
    this.#options.handle(process, { type: "linkUp", link: end.mesh });
  }

  #dialFailed(process: Process, address: string, refusal: Refusal) {
    if (process.dials.delete(address)) this.#options.handle(process, { type: "dialFailed", address, refusal });
  }

  /** A link that has been silent for long is cut when another takes its place, and what is on its way on it is lost. */
  #live(wire: Wire, old: End | undefined): ReadonlySet<Wire> {
    const isLive = old !== undefined && this.#options.agenda.now - old.heardAt <= FRESH_MS;
    return new Set(isLive ? [...old.live, wire] : [wire]);
  }

  #prefers(dialler: string, old: End): boolean {
    return this.#options.agenda.now - old.heardAt > FRESH_MS || dialler <= old.wire.dialler;
  }

  #watch(process: Process, end: End) {
    const { agenda } = this.#options;
    // Sums of fractions may fall short of what they should be.
    agenda.at(Math.max(end.heardAt + SILENT_MS, agenda.now + 1), () => {
      if (process.links.get(end.peer.name) !== end) return;
      if (process.isRunning && agenda.now - end.heardAt >= SILENT_MS) {
        return this.#close(process, { end, reason: "Nothing came for too long" });
      }
      if (!process.isRunning) end.heardAt = agenda.now;
      this.#watch(process, end);
    });
  }

  #close(process: Process, { end, reason }: { end: End; reason: string }) {
    this.#sayClosed(process, end);
    // The mesh calls nothing from within a call.
    this.#options.agenda.after(0, () => process.post(() => this.#drop(process, { end, reason })));
  }

  #sayClosed(process: Process, { peer, out, wire }: End) {
    this.#put(out, {
      isData: false,
      bytes: 0,
      deliver: () => {
        const theirs = peer.links.get(process.name);
        if (theirs?.wire === wire) this.#drop(peer, { end: theirs, reason: "Closed by the peer" });
      },
    });
  }

  #drop(process: Process, { end, reason }: { end: End; reason: string }) {
    if (process.links.get(end.peer.name) !== end) return;
    process.links.delete(end.peer.name);
    this.#options.handle(process, { type: "linkDown", link: end.mesh, reason });
  }

  #channel(from: Process, to: Process): Channel {
    const channel: Channel = { from, to, last: [0, 0], queued: [0, 0], held: [] };
    this.#channels.add(channel);
    return channel;
  }

  #put(channel: Channel, parcel: Parcel) {
    const queue = parcel.isData ? 1 : 0;
    channel.queued[queue] += parcel.bytes;
    if (channel.held.length > 0 || this.isCut(channel.from.node, channel.to.node)) {
      channel.held.push(parcel);
    } else this.#carry(channel, parcel);
  }

  #carry(channel: Channel, parcel: Parcel) {
    const { agenda } = this.#options;
    const queue = parcel.isData ? 1 : 0;
    const at = Math.max(channel.last[queue], agenda.now + this.#delay(channel.from.node, channel.to.node));
    channel.last[queue] = at;
    agenda.at(at, () => {
      if (channel.held.length > 0 || this.isCut(channel.from.node, channel.to.node)) {
        channel.held.push(parcel);
        return;
      }
      channel.queued[queue] -= parcel.bytes;
      channel.to.post(parcel.deliver);
    });
  }

  #flush(channel: Channel) {
    if (this.isCut(channel.from.node, channel.to.node)) return;
    const held = channel.held;
    channel.held = [];
    for (const parcel of held) this.#carry(channel, parcel);
  }

  #delay(from: Node, to: Node): number {
    const { delayMs, random } = this.#options;
    const delays = this.#delays.get(from.index * 256 + to.index);
    const extra = delays === undefined || delays.length === 0 ? 0 : Math.max(...delays);
    return extra + delayMs * (1 + 3 * random.unit() ** 4);
  }
}
