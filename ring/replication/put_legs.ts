/**
 * Pushes on their way to peers, one request each: what they may take, and until when an answer counts.
 *
 * @module
 */

import type { RingContext } from "../membership/ring_context.ts";
import { type Clock, send } from "../protocol/effects.ts";
import type { MessageOf, Messages } from "../protocol/messages.ts";
import { madeBytes, type PushBytes } from "../protocol/push_bytes.ts";

/** How long a member may take to answer a push, in milliseconds: as long as it may seek copies, and some way there and back. */
export const ANSWER_MS = 3_000;

/** A push to a peer. */
export interface Leg {
  /** Who is to take it, or to pass it on. */
  readonly to: string;
  /** What it says. */
  readonly put: Omit<Messages["PUT"], "bytes">;
  /** The push. */
  readonly bytes: PushBytes;
  /** Told once of the answer, or that there will be none. */
  readonly done: (answer: MessageOf<"PUT_OK"> | MessageOf<"NACK"> | undefined, clock: Clock) => void;
}

/** What is under way to one peer. */
export interface LegLoad {
  /** How many pushes. */
  readonly requests: number;
  /** How many bytes they have. */
  readonly bytes: number;
}

/** Sends pushes, and waits for their answers. */
export class PutLegs {
  readonly #context: RingContext;
  readonly #legs = new Map<number, { readonly leg: Leg; readonly deadline: number }>();
  readonly #loads = new Map<string, LegLoad>();

  /** Starts with nothing under way. */
  constructor(context: RingContext) {
    this.#context = context;
  }

  /** What is under way to each peer. */
  get loads(): ReadonlyMap<string, LegLoad> {
    return this.#loads;
  }

  /** Whether there is room for another push to a peer. One may always be under way, however large it is. */
  hasRoom(to: string, { length }: PushBytes): boolean {
    const { peerRequests, peerBytes } = this.#context.limits;
    const load = this.#loads.get(to);
    return load === undefined || (load.requests < peerRequests && load.bytes + length <= peerBytes);
  }

  /** Sends a push. */
  send(leg: Leg, { now }: Clock) {
    const { to, put, bytes } = leg;
    const request = this.#context.nextRequest(), load = this.#loads.get(to) ?? { requests: 0, bytes: 0 };
    this.#legs.set(request, { leg, deadline: now + ANSWER_MS });
    this.#loads.set(to, { requests: load.requests + 1, bytes: load.bytes + bytes.length });
    this.#context.emit(send(to, { type: "PUT", request, ...put, bytes: madeBytes(bytes) }));
  }

  /** A member has answered. */
  answered(from: string, message: MessageOf<"PUT_OK"> | MessageOf<"NACK">, clock: Clock) {
    const leg = this.#legs.get(message.request)?.leg;
    if (leg?.to === from) this.#end(message.request, { leg, answer: message, clock });
  }

  /** Nothing will come from a member any more. */
  linkDown(name: string, clock: Clock) {
    for (const [request, { leg }] of this.#legs) if (leg.to === name) this.#end(request, { leg, clock });
  }

  /** Time has passed. */
  tick(clock: Clock) {
    for (const [request, { leg, deadline }] of this.#legs) {
      if (clock.now >= deadline) this.#end(request, { leg, clock });
    }
  }

  /** We have left: nothing gets an answer any more. */
  abandon(clock: Clock) {
    for (const [request, { leg }] of this.#legs) this.#end(request, { leg, clock });
  }

  #end(
    request: number,
    { leg, answer, clock }: { leg: Leg; answer?: MessageOf<"PUT_OK"> | MessageOf<"NACK">; clock: Clock },
  ) {
    this.#legs.delete(request);
    const { to, bytes } = leg, load = this.#loads.get(to)!;
    if (load.requests === 1) this.#loads.delete(to);
    else this.#loads.set(to, { requests: load.requests - 1, bytes: load.bytes - bytes.length });
    leg.done(answer, clock);
  }
}
