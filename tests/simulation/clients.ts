/**
 * Simulated clients: each pushes for one cluster, through any member that answers, and again if it is turned away.
 *
 * @module
 */

import type { Outcome } from "../../ring/protocol/effects.ts";
import type { Random } from "../support/random.ts";
import type { Agenda } from "./agenda.ts";
import type { Process } from "./process.ts";

/** How long a client waits for an answer, in milliseconds. */
const ANSWER_MS = 12_000;
/** How long it waits after a connection that was refused, in milliseconds. */
const REFUSED_MS = 1_000;

/** What a client wants to have stored. */
export interface Push {
  readonly id: string;
  /** Counts the pushes of the cluster. */
  readonly serial: number;
  /** Identifies the push wherever it goes: nobody in the world copies bytes. */
  readonly bytes: Uint8Array;
  /** Whether the store refuses it. */
  readonly isPoison: boolean;
}

/** A push on its way through one member. */
export interface Attempt {
  readonly push: Push;
  readonly token: number;
  readonly process: Process;
  /** The world's time, and for how long the process had been stopped by then. */
  readonly at: number;
  readonly stoppedMs: number;
}

/** What clients work with. */
export interface ClientsOptions {
  readonly agenda: Agenda;
  readonly random: Random;
  readonly clusters: number;
  readonly everyMs: number;
  readonly bytes: number;
  readonly poison: number;
  /** Processes that clients can find, running or not. */
  readonly processes: () => readonly Process[];
  /** Hands a push to a running process. */
  readonly push: (attempt: Attempt) => void;
  readonly onSettled: (attempt: Attempt, outcome: Outcome) => void;
}

interface Client {
  readonly id: string;
  /** After how many pushes it falls silent, so that what it pushed gets old. */
  readonly pushes: number;
  serial: number;
  /** The attempt whose answer it awaits. */
  current?: Attempt;
}

/** The clients of a world. */
export class Clients {
  readonly #options: ClientsOptions;
  readonly #clients: readonly Client[];
  #isOver = false;

  /** Starts with nothing pushed. */
  constructor(options: ClientsOptions) {
    this.#options = options;
    const { random, clusters } = options;
    this.#clients = Array.from({ length: clusters }, (_, index) => ({
      id: `cluster-${index}`,
      pushes: random.chance(0.2) ? random.size(8) : Infinity,
      serial: 0,
    }));
  }

  /** The ids of all clusters. */
  get ids(): string[] {
    return this.#clients.map(({ id }) => id);
  }

  /** Begins to push. */
  start() {
    const { agenda, random, everyMs } = this.#options;
    for (const client of this.#clients) agenda.after(random.unit() * everyMs, () => this.#next(client));
  }

  /** Ceases to push anything new, and anything again. */
  stop() {
    this.#isOver = true;
  }

  /** A member has answered. */
  settled(attempt: Attempt, outcome: Outcome) {
    this.#options.onSettled(attempt, outcome);
    const client = this.#clientOf(attempt);
    if (client === undefined) return;
    if (outcome.result !== "rejected" || outcome.reason === "refused") return this.#pause(client);
    this.#again(attempt.push, { client, afterMs: Math.min(outcome.retryMs ?? REFUSED_MS, ANSWER_MS) });
  }

  /** A member has ended without an answer. */
  lost(attempt: Attempt) {
    const client = this.#clientOf(attempt);
    if (client !== undefined) this.#again(attempt.push, { client, afterMs: REFUSED_MS });
  }

  #clientOf(attempt: Attempt): Client | undefined {
    const client = this.#clients.find(({ current }) => current === attempt);
    if (client !== undefined) client.current = undefined;
    return client;
  }

  #pause(client: Client) {
    const { agenda, random, everyMs } = this.#options;
    agenda.after(everyMs * (0.5 + random.unit()), () => this.#next(client));
  }

  #next(client: Client) {
    const { random, poison } = this.#options;
    if (client.serial >= client.pushes) return;
    const serial = ++client.serial;
    const bytes = new Uint8Array(this.#options.bytes);
    this.#try({ id: client.id, serial, bytes, isPoison: poison > 0 && random.chance(poison) }, client);
  }

  #again(push: Push, { client, afterMs }: { client: Client; afterMs: number }) {
    this.#options.agenda.after(afterMs, () => this.#try(push, client));
  }

  #try(push: Push, client: Client) {
    if (this.#isOver) return;
    const { agenda, random, processes } = this.#options;
    const process = random.pick(processes());
    if (process === undefined || process.state === "gone" || process.state === "starting") {
      return this.#again(push, { client, afterMs: REFUSED_MS });
    }
    const attempt: Attempt = {
      push,
      token: process.nextToken(),
      process,
      at: agenda.now,
      stoppedMs: process.stoppedMs,
    };
    client.current = attempt;
    // Whoever has given up has closed its connection.
    process.post(() => {
      if (client.current === attempt) this.#options.push(attempt);
    });
    agenda.after(ANSWER_MS, () => {
      if (client.current !== attempt) return;
      client.current = undefined;
      this.#try(push, client);
    });
  }
}
