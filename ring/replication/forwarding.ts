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
 * @module
 */

import type { RingContext } from "../membership/ring_context.ts";
import { type Clock, type Outcome, type RejectReason, send } from "../protocol/effects.ts";
import type { MessageOf, Messages } from "../protocol/messages.ts";
import { madeBytes, type PushBytes } from "../protocol/push_bytes.ts";
import { firstSequence, type PushOrigin } from "../protocol/push_version.ts";
import type { Answer, PutHandler } from "./put_handler.ts";
import { keyHash } from "../placement/rendezvous.ts";

/** How long a member may take to answer a push, in milliseconds: as long as it may seek copies, and some way there and back. */
export const ANSWER_MS = 3_000;

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
  to?: string;
  deadline: number;
}

/** Forwards pushes. */
export class Forwarding {
  readonly #context: RingContext;
  readonly #putHandler: PutHandler;
  readonly #flights = new Map<number, Flight>();
  readonly #inFlight = new Map<string, { requests: number; bytes: number }>();
  #bytes = 0;
  #sequence: number;

  /** Starts with nothing in flight. `putHandler` takes what is our own. */
  constructor(context: RingContext, { putHandler }: { putHandler: PutHandler }) {
    this.#context = context;
    this.#putHandler = putHandler;
    this.#sequence = firstSequence(context.random());
  }

  /** What is in flight: to each peer, and in all. */
  get inFlight(): { bytes: number; peers: ReadonlyMap<string, { readonly requests: number; readonly bytes: number }> } {
    return { bytes: this.#bytes, peers: this.#inFlight };
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
    const flight: Flight = { token, id, origin, bytes, hops: 0, deadline: 0 };
    this.#attempt(flight, { to: placement.owner, clock });
  }

  /** A member has answered. */
  answered(from: string, message: MessageOf<"PUT_OK"> | MessageOf<"NACK">, clock: Clock) {
    const flight = this.#flights.get(message.request);
    if (flight === undefined || flight.to !== from) return;
    this.#land(message.request, flight);
    this.#conclude(flight, { answer: message, clock });
  }

  /** Nothing will come from a member any more. */
  linkDown(name: string) {
    for (const [request, flight] of this.#flights) {
      if (flight.to === name) this.#unanswered(request, flight);
    }
  }

  /** Time has passed. */
  tick(clock: Clock) {
    for (const [request, flight] of this.#flights) {
      if (clock.now >= flight.deadline) this.#unanswered(request, flight);
    }
  }

  /** We have left: what is under way gets no answer. */
  abandon() {
    for (const [request, flight] of this.#flights) {
      this.#land(request, flight);
      this.#end(flight, this.#rejected("unreachable"));
    }
  }

  #attempt(flight: Flight, { to, clock }: { to: string; clock: Clock }) {
    const context = this.#context;
    const { name, limits } = context;
    const { id, origin, bytes } = flight;
    if (to === name) {
      return this.#putHandler.take({ id, origin, bytes }, {
        clock,
        done: (answer, clock) => this.#conclude(flight, { answer, clock }),
      });
    }
    if (flight.hops >= MAX_HOPS) return this.#end(flight, this.#rejected("unreachable"));
    if (!context.isLinked(to)) return this.#end(flight, this.#rejected("unreachable"));
    const load = this.#inFlight.get(to) ?? { requests: 0, bytes: 0 };
    if (load.requests >= limits.peerRequests || (load.bytes > 0 && load.bytes + bytes.length > limits.peerBytes)) {
      return this.#end(flight, this.#rejected("busy"));
    }
    const request = context.nextRequest();
    flight.hops++;
    flight.to = to;
    flight.deadline = clock.now + ANSWER_MS;
    this.#flights.set(request, flight);
    this.#inFlight.set(to, { requests: load.requests + 1, bytes: load.bytes + bytes.length });
    const put: Messages["PUT"] = {
      id,
      origin,
      view: context.view().digest,
      hops: flight.hops,
      heardAt: context.clockOf(to, clock.now),
      bytes: madeBytes(bytes),
    };
    context.emit(send(to, { type: "PUT", request, ...put }));
  }

  #unanswered(request: number, flight: Flight) {
    this.#land(request, flight);
    this.#end(flight, this.#rejected("unreachable"));
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
      case "FENCED":
        return this.#end(flight, this.#rejected("unreachable"));
      case "REFUSED":
        return this.#end(flight, {
          ...this.#rejected("refused"),
          refused: { reason: reason ?? "invalid", detail: detail ?? "" },
        });
    }
  }

  #land(request: number, { to, bytes }: Flight) {
    this.#flights.delete(request);
    const load = this.#inFlight.get(to!)!;
    if (load.requests === 1) this.#inFlight.delete(to!);
    else this.#inFlight.set(to!, { requests: load.requests - 1, bytes: load.bytes - bytes.length });
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
