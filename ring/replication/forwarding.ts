/**
 * Brings pushes of our clients to their owner, and ends each in exactly one outcome.
 *
 * ```text
 * push ──▶ owner ──── PUT_OK ──────────────────────▶ stored, dup, stale
 *            │ └───── NOT_OWNER ──▶ the owner that it names ──▶ (as owner, but the last attempt)
 *            │
 *            └─────── anything else ───────────────▶ rejected
 * ```
 *
 * Where our own link with the owner is cut, it goes through a member that has vouched for the owner (`relay.ts`).
 *
 * @module
 */

import type { RingContext } from "../membership/ring_context.ts";
import type { Clock, Outcome, RejectReason } from "../protocol/effects.ts";
import type { PushBytes } from "../protocol/push_bytes.ts";
import { firstSequence, type PushOrigin } from "../protocol/push_version.ts";
import type { Answer, PutHandler } from "./put_handler.ts";
import { keyHash } from "../placement/rendezvous.ts";
import type { LegLoad, PutLegs } from "./put_legs.ts";

/** How often a push may be sent. */
export const MAX_HOPS = 2;

/** When a push is worth another try after it reached nobody, in milliseconds; spread at random up to twice as much. */
export const RETRY_MS = 5_000;

interface Flight {
  readonly token: number;
  readonly id: string;
  readonly origin: PushOrigin;
  readonly bytes: PushBytes;
  hops: number;
}

/** What {@linkcode Forwarding} works with, besides the ring's context. */
export interface ForwardingOptions {
  /** Takes what is our own. */
  readonly putHandler: PutHandler;
  /** Takes what is others'. */
  readonly legs: PutLegs;
}

/** Forwards pushes. */
export class Forwarding {
  readonly #context: RingContext;
  readonly #putHandler: PutHandler;
  readonly #legs: PutLegs;
  #bytes = 0;
  #sequence: number;

  /** Starts with nothing in flight. */
  constructor(context: RingContext, { putHandler, legs }: ForwardingOptions) {
    this.#context = context;
    this.#putHandler = putHandler;
    this.#legs = legs;
    this.#sequence = firstSequence(context.random());
  }

  /** What is in flight: to each peer, what we pass on for others included, and of our clients in all. */
  get inFlight(): { bytes: number; peers: ReadonlyMap<string, LegLoad> } {
    return { bytes: this.#bytes, peers: this.#legs.loads };
  }

  /** Takes a push of a client. */
  push({ token, id, bytes }: { token: number; id: string; bytes: PushBytes }, clock: Clock): void {
    const context = this.#context;
    const { name, limits } = context;
    const reject = (reason: RejectReason) => context.emit(settle(token, this.#rejected(reason)));
    if (bytes.length > limits.pushBytes) return reject("too-big");
    const placement = context.view().place(keyHash(id));
    if (placement === undefined || context.isFenced(clock.now)) return reject("fenced");
    if (this.#bytes > 0 && this.#bytes + bytes.length > limits.totalBytes) return reject("busy");
    this.#bytes += bytes.length;
    const origin = { ingress: name, sequence: ++this.#sequence };
    const flight: Flight = { token, id, origin, bytes, hops: 0 };
    this.#attempt(flight, { to: placement.owner, clock });
  }

  #attempt(flight: Flight, { to, clock }: { to: string; clock: Clock }) {
    const context = this.#context;
    const { id, origin, bytes } = flight;
    if (to === context.name) {
      return this.#putHandler.take({ id, origin, bytes }, {
        clock,
        done: (answer, clock) => this.#conclude(flight, { answer, clock }),
      });
    }
    const way = flight.hops < MAX_HOPS ? context.wayTo(to, clock.now) : undefined;
    if (way === undefined) return this.#end(flight, this.#rejected("unreachable"));
    if (!this.#legs.hasRoom(way, bytes)) return this.#end(flight, this.#rejected("busy"));
    flight.hops++;
    this.#legs.send({
      to: way,
      put: {
        id,
        origin,
        view: context.view().digest,
        hops: flight.hops,
        heardAt: context.clockOf(way, clock.now),
        ...(way === to ? {} : { to }),
      },
      bytes,
      done: (answer, clock) =>
        answer === undefined
          ? this.#end(flight, this.#rejected("unreachable"))
          : this.#conclude(flight, { answer, clock }),
    }, clock);
  }

  #conclude(flight: Flight, { answer, clock }: { answer: Answer; clock: Clock }) {
    if (answer.type === "PUT_OK") {
      const { result, remark } = answer;
      return this.#end(flight, { result, ...(remark ? { remark } : {}) });
    }
    const { code, owner, retryMs, reason, detail } = answer;
    switch (code) {
      case "NOT_OWNER":
        if (flight.hops === 1 && owner !== undefined && owner !== this.#context.name) {
          return this.#attempt(flight, { to: owner, clock });
        }
        return this.#end(flight, this.#rejected("views-differ"));
      case "BUSY":
        return this.#end(flight, { ...this.#rejected("owner-busy"), retryMs: retryMs ?? RETRY_MS });
      case "TOO_BIG":
        return this.#end(flight, this.#rejected("too-big"));
      case "STORE_FAILED":
        return this.#end(flight, this.#rejected("store"));
      case "NO_COPY":
        return this.#end(flight, { ...this.#rejected("no-copy"), retryMs: retryMs ?? RETRY_MS });
      case "LATE":
      case "NO_WAY":
      case "FENCED":
        return this.#end(flight, this.#rejected("unreachable"));
      case "REFUSED":
        return this.#end(flight, {
          ...this.#rejected("refused"),
          refused: { reason: reason ?? "invalid", detail: detail ?? "" },
        });
    }
  }

  #end({ token, bytes }: Flight, outcome: Outcome) {
    this.#bytes -= bytes.length;
    this.#context.emit(settle(token, outcome));
  }

  #rejected(reason: RejectReason): Outcome & { result: "rejected" } {
    return { result: "rejected", reason, retryMs: Math.round(RETRY_MS * (1 + this.#context.random())) };
  }
}

function settle(token: number, outcome: Outcome) {
  return { do: "settle", token, outcome } as const;
}
