/**
 * The dials that are under way: each ends in exactly one of a link and a refusal.
 *
 * @module
 */

import { type Address, address as addressKind } from "../../common/option_kinds.ts";
import type { Refusal } from "../protocol/mesh.ts";
import { DialError, type DialledConnection, dialPeer } from "./dial.ts";
import type { Link } from "./link.ts";
import type { RingIdentity } from "./ring_identity.ts";
import type { TransportLimits } from "./transport_limits.ts";
import type { TransportMetrics } from "./transport_metrics.ts";

/** What a dial is for. */
export interface DialPurpose {
  /** Whether a handler is told how it ends: what becomes of a link that there is already is our own affair. */
  readonly announced: boolean;
  /** Whether it is to take the place of a link that has grown old. */
  readonly renews: boolean;
}

/** What {@linkcode Dials} work with. */
export interface DialsOptions {
  /** Our certificate and whom we trust. */
  readonly identity: RingIdentity;
  /** The limits. */
  readonly limits: TransportLimits;
  /** Counts how dials end. */
  readonly metrics: TransportMetrics;
  /** Makes a link of a connection; `settle` ends its time limit. */
  readonly adopt: (connection: DialledConnection, dialled: { address: string; settle: () => void }) => Link;
  /** Called when a dial came to nothing. */
  readonly onFailed: (address: string, refusal: Refusal, purpose: DialPurpose) => void;
}

interface Dial {
  announced: boolean;
  readonly renews: boolean;
  readonly abort: AbortController;
  readonly deadline: ReturnType<typeof setTimeout>;
  link?: Link;
  /** Who says that it is linked with us already, which we have not heard of yet. */
  waitsFor?: string;
}

/** Dials addresses, at most once each at a time. */
export class Dials {
  readonly #options: DialsOptions;
  readonly #underWay = new Map<string, Dial>();

  /** Starts with none. */
  constructor(options: DialsOptions) {
    this.#options = options;
  }

  /** Whether an address is being dialled, and by this very link if one is given. */
  has(address: string, { by }: { by?: Link } = {}): boolean {
    const dial = this.#underWay.get(address);
    return dial !== undefined && (by === undefined || dial.link === by);
  }

  /** Dials an address. If that is under way already, it only becomes one that is announced, should this one be. */
  start(address: string, { announced, renews }: DialPurpose): void {
    const underWay = this.#underWay.get(address);
    if (underWay !== undefined) {
      underWay.announced ||= announced;
      return;
    }
    const abort = new AbortController();
    const overdue = () => this.fail(address, { code: "unreachable", message: "It did not answer in time" });
    const deadline = setTimeout(overdue, this.#options.limits.helloTimeoutMs);
    const dial: Dial = { announced, renews, abort, deadline };
    this.#underWay.set(address, dial);
    void this.#connect(address, dial);
  }

  /** The member that was dialled says that it is linked with us already: that link is what the dial comes to, once it is up. */
  awaitLink(address: string, name: string | undefined): void {
    this.#underWay.get(address)!.waitsFor = name;
  }

  /** The addresses whose dials wait for a link to this member. */
  awaiting(name: string): string[] {
    return Array.from(this.#underWay).filter(([, { waitsFor }]) => waitsFor === name).map(([address]) => address);
  }

  /** A dial came to a link. Returns what it was for, if it was under way. */
  succeed(address: string): DialPurpose | undefined {
    const dial = this.#underWay.get(address);
    if (dial === undefined) return undefined;
    this.#underWay.delete(address);
    clearTimeout(dial.deadline);
    this.#options.metrics.dialled("up");
    return dial;
  }

  /** A dial came to nothing. */
  fail(address: string, refusal: Refusal): void {
    const dial = this.#underWay.get(address);
    if (dial === undefined) return;
    this.#underWay.delete(address);
    clearTimeout(dial.deadline);
    dial.abort.abort(new Error(refusal.message));
    dial.link?.destroy();
    this.#options.metrics.dialled(refusal.code);
    this.#options.onFailed(address, refusal, dial);
  }

  /** Gives up all of them. */
  close(refusal: Refusal): void {
    for (const address of this.#underWay.keys()) this.fail(address, refusal);
  }

  async #connect(address: string, dial: Dial): Promise<void> {
    const { signal } = dial.abort;
    try {
      const connection = await this.#reach(address, signal);
      if (signal.aborted) return connection.webSocket.terminate();
      dial.link = this.#options.adopt(connection, { address, settle: () => clearTimeout(dial.deadline) });
    } catch (error) {
      if (signal.aborted) return;
      const code = error instanceof DialError ? error.code : "unreachable";
      const message = `Cannot reach ${address}: ${(error as Error).message}`;
      const nobodyListens = error instanceof DialError && error.nobodyListens;
      this.fail(address, { code, message, ...(nobodyListens ? { nobodyListens } : {}) });
    }
  }

  async #reach(address: string, signal: AbortSignal): Promise<DialledConnection> {
    const { limits, identity } = this.#options;
    if (this.#underWay.size > limits.maxDials) throw new Error("too many dials are under way");
    const target: Address = addressKind.read([address]);
    return await dialPeer(target, { credentials: identity.current, limits, signal });
  }
}
