/**
 * A Prometheus for a ring, but a faster one: scrapes all pages again and again, and adds up what they show.
 *
 * @module
 */

import { PROBE } from "./pusher.ts";
import { type Page, ShownAccount } from "./shown_account.ts";

/** A server whose page is read. */
export interface PageSource {
  /** What it is called. */
  readonly name: string;
  /** Where its pages are. */
  readonly internal: URL;
}

/** What the latest round has found. */
export interface Findings {
  /** Clusters that exactly one page shows. */
  readonly once: number;
  /** Clusters that several pages show. */
  readonly twice: number;
  /** Clusters that show less than what was acknowledged before the round began, or nothing. */
  readonly behind: readonly string[];
}

const INTERVAL_MS = 250;
/**
 * For how long a page is waited for: far longer than a round, so that one which a server held back while it was paused is
 * seen when it comes.
 */
const PATIENCE_MS = 20_000;
/** Scrapes of one server under way at a time. */
const MAX_UNDER_WAY = 8;
const LINE = new RegExp(`^${PROBE}\\{[^}]*_id="([^"]+)"[^}]*\\} (\\d+)$`, "gm");

/** Scrapes until it is disposed of. */
export class Observer implements AsyncDisposable {
  /** What it has seen. */
  account: ShownAccount = new ShownAccount(performance.now());
  readonly #sources: readonly PageSource[];
  readonly #acknowledged: ReadonlyMap<string, number>;
  readonly #stop = new AbortController();
  readonly #underWay = new Map<Promise<void>, PageSource>();
  readonly #waiting = new Set<{ check: (findings: Findings) => boolean; resolve: () => void }>();
  #arrived = new Map<string, Page[]>();
  #latest: Findings | undefined;
  #timer: ReturnType<typeof setInterval>;
  #due: ReadonlyMap<string, number>;

  /** Begins at once. `acknowledged` is read in each round. */
  constructor(sources: readonly PageSource[], acknowledged: ReadonlyMap<string, number>) {
    this.#sources = sources;
    this.#acknowledged = acknowledged;
    this.#due = new Map(acknowledged);
    this.#timer = setInterval(() => this.#round(), INTERVAL_MS);
    this.#scrapeAll();
  }

  /**
   * Waits for a round whose findings fit, the next one at the earliest.
   *
   * @throws {Error} if there is none in time, with the latest findings.
   */
  async until(
    what: string,
    check: (findings: Findings) => boolean,
    { timeoutMs }: { timeoutMs: number },
  ): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const wait = { check, resolve };
    this.#waiting.add(wait);
    const timer = setTimeout(() => {
      const { once, twice, behind } = this.#latest ?? { once: 0, twice: 0, behind: [] };
      const first = behind.slice(0, 5).join(", ");
      reject(
        new Error(
          `Waited ${timeoutMs / 1_000} s in vain for ${what}: ${once} clusters are on one page, ${twice} on several, ` +
            `${behind.length} behind what was acknowledged (${first})`,
        ),
      );
    }, timeoutMs);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(wait);
    }
  }

  /** Waits until exactly one page shows each cluster, with nothing of what was acknowledged lost. */
  async untilWhole({ timeoutMs }: { timeoutMs: number }): Promise<void> {
    const isWhole = ({ once, twice, behind }: Findings) =>
      once === this.#acknowledged.size && twice === 0 && behind.length === 0;
    await this.until("each cluster to be on one page, up to date", isWhole, { timeoutMs });
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    await Promise.all(this.#underWay.keys());
  }

  #round(): void {
    const pages = this.#arrived;
    this.#arrived = new Map();
    const showing = this.account.add({ atMs: performance.now(), due: this.#due.keys(), pages });
    const highest = (id: string) =>
      Math.max(0, ...[...pages.values()].flatMap((ofServer) => ofServer.map((page) => page.get(id) ?? 0)));
    const counts = Array.from(showing.values(), ({ size }) => size);
    this.#latest = {
      once: counts.filter((count) => count === 1).length,
      twice: counts.filter((count) => count > 1).length,
      behind: [...this.#due].filter(([id, number]) => highest(id) < number).map(([id]) => id),
    };
    for (const { check, resolve } of this.#waiting) if (check(this.#latest)) resolve();
    this.#scrapeAll();
  }

  #scrapeAll(): void {
    this.#due = new Map(this.#acknowledged);
    for (const source of this.#sources) {
      if (Array.from(this.#underWay.values()).filter((other) => other === source).length >= MAX_UNDER_WAY) continue;
      const scrape = this.#scrape(source).finally(() => this.#underWay.delete(scrape));
      this.#underWay.set(scrape, source);
    }
  }

  async #scrape({ name, internal }: PageSource): Promise<void> {
    const url = new URL(`federate?match[]=${PROBE}`, internal);
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(PATIENCE_MS)]);
    try {
      const response = await fetch(url, { signal });
      const text = await response.text();
      if (!response.ok) return;
      const page = new Map(text.matchAll(LINE).map(([, id, number]) => [id, Number(number)]));
      this.#arrived.set(name, [...this.#arrived.get(name) ?? [], page]);
    } catch {
      // It does not run, or is paused: it shows nothing.
    }
  }
}
