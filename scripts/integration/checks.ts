/**
 * What must hold from end to end, each claim checked by queries to the Prometheus where series arrive.
 *
 * @module
 */

import { parseDuration } from "../../common/duration.ts";
import { eventually } from "../process/eventually.ts";
import type { QuerySample } from "./prometheus.ts";
import { ALERT_NAME, RECORDED_NAME, REPLICA_LABEL } from "./prometheus_config.ts";
import type { Stack } from "./stack.ts";
import { ANONYMIZED_LABEL, CLUSTER_ID, type Pace, UNLISTED_NAME } from "./stack_plan.ts";
import type { Server } from "./trial_server.ts";

/** What the checks work on. */
export interface CheckOptions {
  /** How often things happen in the stack. */
  readonly pace: Pace;
  /** Aborted when the trial is to end early. */
  readonly signal: AbortSignal;
}

/** One claim. */
export interface Check {
  /** What holds, as a sentence for the trial's report. */
  readonly claim: string;
  /** Throws if the claim does not hold. */
  readonly check: () => Promise<void>;
}

/** How long what is to come may take, in milliseconds: the pace is seconds, but machines may be slow. */
const SOON_MS = 30_000;
/** How soon a server that ends as by a crash has an heir, in milliseconds. */
const TAKEOVER_MS = 25_000;
/** In this time the central Prometheus has read each server once more, in milliseconds. */
const TWO_SCRAPES_MS = 2_500;
/** How much later than at the end of its TTL a series may be seen to end, in milliseconds: a scrape, on a slow machine. */
const LATE_MS = 10_000;

/**
 * The checks of a stack that reads a source of its own. They build on each other: run them in order, up to the first
 * that throws. Towards the end they stop the client and kill servers.
 */
export function integrationChecks(stack: Stack, { pace, signal }: CheckOptions): Check[] {
  const { central, servers, salt } = stack;
  const ours = `_id="${CLUSTER_ID}"`;
  // What servers tell of a source outlasts its series, and alerts that name it are made where series arrive.
  const pushedSeries = `{${ours},__name__!~"telemeter_source_.+|ALERTS.*"}`;
  let lastSampleMs = 0;

  const arrival = (selector: string, { after = 0 }: { after?: number } = {}): Promise<QuerySample[]> =>
    eventually(`${selector} to arrive`, async (signal) => {
      const series = await central.query(`${selector} and timestamp(${selector}) > ${after / 1_000}`, { signal });
      return series.length > 0 ? series : undefined;
    }, { timeoutMs: SOON_MS, signal });

  const end = (selector: string, { timeoutMs }: { timeoutMs: number }): Promise<true> =>
    eventually(
      `${selector} to end`,
      async (signal) => (await central.query(selector, { signal })).length === 0,
      { timeoutMs, signal },
    );

  const absence = async (selector: string): Promise<void> => {
    const series = await central.query(selector, { signal });
    expect(series.length === 0, `there is ${JSON.stringify(series[0]?.labels)}`);
  };

  /** What the client last pushed, in the text format, once that has a text and has come out at the far end. */
  const pushed = async (text: string): Promise<string> => {
    const page = await eventually(`the client to push ${text}`, async (signal) => {
      const page = await (await fetch(new URL("federate", stack.clientUrl), { signal })).text();
      return page.includes(text) ? page : undefined;
    }, { timeoutMs: SOON_MS, signal });
    await arrival(`up{${ours}}`, { after: Date.now() });
    return page;
  };

  /** Whether a server shows the series now; one that has no part in the ring shows nothing. */
  const shows = async ({ internal }: Server, signal: AbortSignal): Promise<boolean> => {
    try {
      const page = new URL("federate", internal);
      page.searchParams.set("match[]", pushedSeries);
      const response = await fetch(page, { signal });
      return (await response.text()).includes(ours) && response.ok;
    } catch (error) {
      if (signal.aborted) throw error;
      return false;
    }
  };

  const soleOwner = (): Promise<Server> =>
    eventually("exactly one server to show the series", async (signal) => {
      const shown = await Promise.all(servers.map((server) => shows(server, signal)));
      return shown.filter(Boolean).length === 1 ? servers[shown.indexOf(true)] : undefined;
    }, { timeoutMs: SOON_MS, signal });

  let owner: Server;
  const watch = new Watch(servers, { shows, signal });

  return [
    {
      claim: `the series arrive with ${ours}`,
      check: async () => {
        const [up] = await arrival(`up{${ours}}`);
        expect(up.value === 1, `up is ${up.value}, not 1 as at the source`);
        await arrival(`{__name__="${RECORDED_NAME}",${ours}}`);
      },
    },
    {
      claim: "ALERTS arrives as alerts",
      check: async () => {
        await arrival(`alerts{${ours},alertname="${ALERT_NAME}",alertstate="firing"}`);
        await absence(`ALERTS{${ours},alertname="${ALERT_NAME}"}`);
      },
    },
    {
      claim: `the label ${ANONYMIZED_LABEL} arrives as the hash of salt and value, the value nowhere`,
      check: async () => {
        const value = stack.source!.url.host;
        await arrival(`up{${ours},${ANONYMIZED_LABEL}="${await hashOf(salt + value)}"}`);
        await absence(`{${ours},${ANONYMIZED_LABEL}="${value}"}`);
      },
    },
    {
      claim: "a series without instance and job gets none of the server's",
      check: async () => {
        await arrival(`{__name__="${RECORDED_NAME}",${ours},instance=""}`);
        await arrival(`alerts{${ours},instance="",job=""}`);
      },
    },
    {
      claim: `the label ${REPLICA_LABEL} is pushed and elided`,
      check: async () => {
        await pushed(`${REPLICA_LABEL}="`);
        await absence(`{${ours},${REPLICA_LABEL}!=""}`);
      },
    },
    {
      claim: `the series ${UNLISTED_NAME} is pushed and not on the allow-list`,
      check: async () => {
        await pushed(`\n${UNLISTED_NAME}{`);
        await absence(`{__name__="${UNLISTED_NAME}",${ours}}`);
      },
    },
    {
      claim: "one of the servers shows the series, whichever the client pushes to",
      check: async () => {
        owner = await soleOwner();
        watch.start();
      },
    },
    {
      claim: `the other server shows the series within ${TAKEOVER_MS / 1_000} s after the owner was killed`,
      check: async () => {
        await owner.kill();
        const heir = servers.find((server) => server !== owner)!;
        await eventually(`${heir.name} to show the series`, async (signal) => await shows(heir, signal), {
          timeoutMs: TAKEOVER_MS,
          signal,
        });
        await arrival(`up{${ours}}`, { after: Date.now() });
      },
    },
    {
      claim: "when the killed server is back, exactly one shows the series, and at no time both did",
      check: async () => {
        await owner.start({ signal });
        await arrival(`up{${ours}}`, { after: Date.now() });
        await soleOwner();
        await watch.end();
      },
    },
    {
      claim: "servers that are killed and started again show the series before any new push",
      check: async () => {
        const page = await pushed("\nup{");
        lastSampleMs = Number(/^up\{.*\} 1 (\d+)$/m.exec(page)?.[1]);
        await stack.stopClient();
        await Promise.all(servers.map((server) => server.kill()));
        await end(pushedSeries, { timeoutMs: SOON_MS });
        await Promise.all(servers.map((server) => server.start({ signal })));
        // The last to join may just have taken the series over: they end at the next scrape of the one before, and go on.
        await soleOwner();
        const after = Date.now() + TWO_SCRAPES_MS;
        await arrival(`up{${ours}}`, { after });
        await arrival(`{__name__="${RECORDED_NAME}",${ours}}`, { after });
        await arrival(`alerts{${ours}}`, { after });
      },
    },
    {
      claim: `the series end ${pace.ttl} after the last sample that the client pushed`,
      check: async () => {
        const endMs = lastSampleMs + parseDuration(pace.ttl);
        await end(pushedSeries, { timeoutMs: endMs - Date.now() + LATE_MS });
        expect(Date.now() >= endMs, `they ended ${endMs - Date.now()} ms too early`);
        const targets = await central.query('up{job="telemeter"}', { signal });
        const scraped = targets.filter(({ value }) => value === 1);
        expect(scraped.length === servers.length, "they ended because Prometheus could not scrape a server");
      },
    },
  ];
}

/** Watches that never two servers show the series at the same time. */
class Watch {
  readonly #servers: readonly Server[];
  readonly #shows: (server: Server, signal: AbortSignal) => Promise<boolean>;
  readonly #signal: AbortSignal;
  #watching: Promise<string | undefined> | undefined;
  #ended = false;

  constructor(
    servers: readonly Server[],
    { shows, signal }: { shows: (server: Server, signal: AbortSignal) => Promise<boolean>; signal: AbortSignal },
  ) {
    this.#servers = servers;
    this.#shows = shows;
    this.#signal = signal;
  }

  start(): void {
    this.#watching = this.#watch();
    // Its fault is told at the end.
    this.#watching.catch(() => {});
  }

  /** Throws if two showed the series at the same time. */
  async end(): Promise<void> {
    this.#ended = true;
    const fault = await this.#watching;
    expect(fault === undefined, fault ?? "");
  }

  async #watch(): Promise<string | undefined> {
    while (!this.#ended) {
      for (const a of this.#servers) {
        for (const b of this.#servers) {
          // Pages are read one after the other: only if the first still shows it after the second did, both do.
          const shown = a !== b && await this.#look(a) && await this.#look(b) && await this.#look(a);
          if (shown) return `${a.name} and ${b.name} showed the series at the same time`;
        }
      }
    }
    return undefined;
  }

  #look(server: Server): Promise<boolean> {
    return this.#shows(server, this.#signal);
  }
}

function expect(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

/** The hash of `docs/wire.md` by its words: base64url without padding of the first 9 bytes of SHA-256. */
async function hashOf(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return btoa(String.fromCharCode(...digest.subarray(0, 9))).replaceAll("+", "-").replaceAll("/", "_");
}
