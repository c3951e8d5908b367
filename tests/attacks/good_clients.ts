/**
 * Clients of good will, each of one cluster, that push at a steady rate, one push at a time, and take note of how long that takes.
 *
 * @module
 */

import type { ClientKind } from "./attack.ts";

/** What came of their pushes. */
export interface Outcome {
  /** Those that were acknowledged. */
  readonly taken: number;
  /** Those that were answered otherwise, by status. */
  readonly refused: ReadonlyMap<string, number>;
  /** Those that were not answered in time, or whose connection broke. */
  readonly failed: number;
  /** The median of the times, and what 99 of a hundred stay below, in milliseconds. What failed counts with its time. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** What they work with. */
export interface GoodClientsOptions {
  /** Where they push, in turn. */
  readonly externals: readonly URL[];
  /** Makes a token. */
  readonly token: (id: string) => Promise<string>;
  /** How many there are. */
  readonly clients: number;
  /** Pushes a second, of all together. */
  readonly rate: number;
  /** What they do. */
  readonly kind: ClientKind;
}

/** How long an answer is waited for, in milliseconds. */
const PATIENCE_MS = 10_000;
/** How long a client leaves between an answer and its next push, in milliseconds: the server's own limit is a little shorter. */
const GAP_MS = 150;
/** Series of a push. */
const SERIES = 50;

/** The clients. */
export class GoodClients {
  readonly #options: GoodClientsOptions;
  readonly #tokens = new Map<string, string>();
  /** When each client may push again. */
  readonly #free = new Map<number, Promise<unknown>>();
  #turn = 0;
  #fresh = 0;

  /** Clients that do nothing yet. */
  constructor(options: GoodClientsOptions) {
    this.#options = options;
  }

  /** Has them push for a while, and waits for the last answer. */
  async push(ms: number): Promise<Outcome> {
    const { rate } = this.#options, startedMs = performance.now();
    const times: number[] = [], refused = new Map<string, number>(), all: Promise<void>[] = [];
    let taken = 0, failed = 0;
    const one = async (turn: number) => {
      const beganMs = performance.now();
      try {
        const status = await this.#act(turn);
        if (status === "200") taken++;
        else refused.set(status, (refused.get(status) ?? 0) + 1);
      } catch {
        failed++;
      }
      times.push(performance.now() - beganMs);
    };
    for (let count = 0; count < rate * ms / 1_000; count++) {
      const dueMs = startedMs + 1_000 * count / rate;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - performance.now())));
      // Who was held up does not catch up in a burst that no client makes.
      const turn = this.#turn++, client = turn % this.#options.clients;
      const done = (this.#free.get(client) ?? Promise.resolve()).then(() => one(turn));
      this.#free.set(client, done.then(() => new Promise((resolve) => setTimeout(resolve, GAP_MS))));
      all.push(done);
    }
    await Promise.all(all);
    await Promise.all(this.#free.values());
    times.sort((a, b) => a - b);
    const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))];
    return { taken, refused, failed, p50Ms: at(0.5), p99Ms: at(0.99) };
  }

  async #act(turn: number): Promise<string> {
    const { externals, clients, kind, token } = this.#options;
    const external = externals[turn % externals.length], signal = AbortSignal.timeout(PATIENCE_MS);
    let id = `good-${turn % clients}`, bearer = this.#tokens.get(id);
    if (kind === "authorize") {
      id = `good-${this.#fresh++}`;
      const url = new URL(`authorize?id=${id}`, external);
      const answer = await fetch(url, { method: "POST", headers: { authorization: "Bearer initial" }, signal });
      if (!answer.ok) {
        await answer.body?.cancel();
        return `authorize ${answer.status}`;
      }
      bearer = (await answer.json()).token as string;
    }
    if (bearer === undefined || kind === "new token") this.#tokens.set(id, bearer = await token(id));
    const now = Date.now();
    const body = Array.from({ length: SERIES }, (_, i) => `good{_id="${id}",i="${i}"} ${turn} ${now}\n`).join("");
    const headers = {
      authorization: `Bearer ${bearer}`,
      "content-type": "text/plain; version=0.0.4",
      ...kind === "connect" && { connection: "close" },
    };
    const client = kind === "connect" ? Deno.createHttpClient({ poolMaxIdlePerHost: 0 }) : undefined;
    try {
      const response = await fetch(new URL("upload", external), {
        method: "POST",
        headers,
        body,
        signal,
        ...client && { client },
      });
      await response.body?.cancel();
      return String(response.status);
    } finally {
      client?.close();
    }
  }
}
