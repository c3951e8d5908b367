/**
 * Clients that push to a ring as it loses and regains servers, and that remember what was acknowledged.
 *
 * @module
 */

import { pause } from "../../common/pause.ts";

/** The series by which each push is known: its value is the number of the cluster's push. */
export const PROBE = "ring_probe";

/** What a {@linkcode Pusher} does. */
export interface PusherPlan {
  /** Where clients push: each push goes to the next one. */
  readonly servers: readonly URL[];
  /** Makes the token of a cluster. */
  readonly token: (id: string) => Promise<string>;
  /** How many clusters there are. */
  readonly clusters: number;
  /** Pushes a second, all clusters together, while they are answered in time. */
  readonly pushesPerSecond: number;
  /** Series of a push beside the probe. @default {8} */
  readonly series?: number;
}

/** How long a push may take, in milliseconds: the client then goes on with its next one, at another server. */
const PATIENCE_MS = 5_000;

/** Many clusters, each of which pushes one push at a time. */
export class Pusher {
  /** The highest number of a push that was acknowledged, by cluster. */
  readonly acknowledged = new Map<string, number>();
  /** Pushes by how they were answered: the status, or `none`. */
  readonly answers = new Map<string, number>();
  /** The time that the slowest acknowledged push took, in milliseconds. */
  slowestMs = 0;
  readonly #plan: Required<PusherPlan>;
  readonly #tokens = new Map<string, string>();
  readonly #sent = new Map<string, number>();
  readonly #frozen = new Set<string>();
  readonly #padding: string;
  #next = 0;
  #stop: AbortController | undefined;
  #work: Promise<unknown> = Promise.resolve();

  /** Pushes nothing yet. */
  constructor(plan: PusherPlan) {
    this.#plan = { series: 8, ...plan };
    const { series } = this.#plan;
    this.#padding = Array.from({ length: series }, (_, index) => `ring_padding{ID,part="${index}"} 1 TIME\n`).join("");
  }

  /** The ids of the clusters. */
  get ids(): string[] {
    return Array.from({ length: this.#plan.clusters }, (_, index) => `cluster-${index}`);
  }

  /** Pushes each cluster, as fast as it goes, until each was acknowledged once more. */
  async pushAll(): Promise<void> {
    const ids = this.ids.values();
    await Promise.all(Array.from({ length: 32 }, async () => {
      for (const id of ids) {
        const before = this.acknowledged.get(id) ?? 0;
        while ((this.acknowledged.get(id) ?? 0) === before) await this.#push(id);
      }
    }));
  }

  /** Pushes on and on. */
  start(): void {
    const { signal } = this.#stop = new AbortController();
    const { clusters, pushesPerSecond } = this.#plan;
    const workers = Math.min(clusters, 64), everyMs = 1_000 * workers / pushesPerSecond;
    this.#work = Promise.all(Array.from({ length: workers }, async (_, worker) => {
      const ids = this.ids.filter((_, index) => index % workers === worker);
      let dueMs = performance.now() + everyMs * worker / workers;
      for (let turn = 0; !signal.aborted; turn++) {
        const earlyMs = dueMs - performance.now();
        if (earlyMs > 0) await pause(earlyMs, signal);
        // Who was held up does not catch up: it would be a burst that no client makes.
        dueMs = Math.max(dueMs + everyMs, performance.now());
        const id = ids[turn % ids.length];
        if (!signal.aborted && !this.#frozen.has(id)) await this.#push(id);
      }
    }));
  }

  /** Every second cluster pushes no more, so that what it has lost stays lost. Resolves once none of its pushes is under way. */
  async freezeHalf(): Promise<void> {
    this.ids.filter((_, index) => index % 2 === 1).forEach((id) => this.#frozen.add(id));
    await this.stop();
    this.start();
  }

  /** Those that were frozen push again. */
  thaw(): void {
    this.#frozen.clear();
  }

  /** Stops to push. Resolves once none is under way. */
  async stop(): Promise<void> {
    this.#stop?.abort();
    await this.#work;
  }

  async #push(id: string): Promise<void> {
    const { servers } = this.#plan;
    const server = servers[this.#next++ % servers.length];
    const number = (this.#sent.get(id) ?? 0) + 1;
    this.#sent.set(id, number);
    const startedMs = performance.now();
    const status = await this.#send(server, { id, number });
    this.answers.set(status, (this.answers.get(status) ?? 0) + 1);
    if (status !== "200") return;
    this.slowestMs = Math.max(this.slowestMs, performance.now() - startedMs);
    this.acknowledged.set(id, number);
  }

  async #send(server: URL, { id, number }: { id: string; number: number }): Promise<string> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    try {
      let token = this.#tokens.get(id);
      if (token === undefined) {
        token = await this.#plan.token(id);
        this.#tokens.set(id, token);
      }
      const response = await fetch(new URL("upload", server), {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "text/plain; version=0.0.4" },
        body: this.#body(id, number),
        signal,
      });
      await response.body?.cancel();
      return String(response.status);
    } catch {
      return "none";
    }
  }

  #body(id: string, number: number): string {
    const label = `_id="${id}"`, time = String(Date.now());
    return `${PROBE}{${label}} ${number} ${time}\n` + this.#padding.replaceAll("ID", label).replaceAll("TIME", time);
  }
}
