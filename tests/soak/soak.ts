/**
 * One soak: good and hostile clients, scrapes, faults and restarts at random, first with faults, then without, so that what the
 * server takes of the machine can be compared.
 *
 * @module
 */

import { messageOf } from "../../common/explain.ts";
import type { Logger } from "../../common/log.ts";
import { parseExposition, seriesKey } from "../support/exposition_parser.ts";
import { eventually } from "../../scripts/process/eventually.ts";
import { Random } from "../support/random.ts";
import { PROBE, Pusher } from "../faults/pusher.ts";
import { type RingServer, RingServers } from "../faults/ring_servers.ts";
import { type Attack, ATTACKS, throwEachBomb } from "./attacks.ts";
import { type Footprint, footprintOf, median } from "./footprint.ts";

/** How a soak goes. */
export interface SoakPlan {
  /** What all chance in it follows from. */
  readonly seed: number;
  /** How long it lasts, in milliseconds: the first half with faults. */
  readonly durationMs: number;
  /** Good clusters. */
  readonly clusters: number;
  /** Their pushes a second. */
  readonly pushesPerSecond: number;
}

/** What came of it. */
export interface SoakReport {
  /** Pushes of good clusters by how they were answered. */
  readonly answers: ReadonlyMap<string, number>;
  /** What was done to the server, and how often. */
  readonly acts: ReadonlyMap<string, number>;
  /** Pages that were read and checked. */
  readonly pages: number;
  /** Medians of the memory early and late in the calm half, in bytes; absent if that was too short to tell. */
  readonly memory?: { readonly early: number; readonly late: number };
  /** The server before it had clients, and after it had them. */
  readonly footprints: { readonly before: Footprint; readonly after: Footprint };
  /** What must not have been. */
  readonly faults: readonly string[];
}

/** How much the memory may grow in the calm half. */
const MOST_GROWTH = 1.1;
/** A calm half shorter than this tells nothing of what is leaked: pools are still being filled. In milliseconds. */
const LEAST_CALM_MS = 60_000;
/** Descriptors and threads that may come to stay: a log, a pool. */
const MOST_MORE_HANDLES = 4;
/** How long the server may take to let go of its clients, in milliseconds: idle connections are cut after a minute. */
const LET_GO_MS = 120_000;
/** How long the good clients and one act take turns, in milliseconds. */
const TURN_MS = 1_000;

/** Soaks a server, until the plan is done or the signal is aborted. */
export async function soak(plan: SoakPlan, { log, signal }: { log: Logger; signal: AbortSignal }): Promise<SoakReport> {
  await using ring = await RingServers.create({ names: ["server"] });
  const [server] = ring.servers;
  await ring.start();
  const trial = new Trial(plan, { ring, server, log, signal });
  await trial.storm(plan.durationMs / 2);
  const before = await trial.restartInPeace();
  const memory = await trial.calm(plan.durationMs / 2);
  const after = await trial.end(before, { patient: plan.durationMs / 2 >= LEAST_CALM_MS });
  const { answers } = trial.pusher;
  return { answers, acts: trial.acts, pages: trial.pages, memory, footprints: { before, after }, faults: trial.faults };
}

class Trial {
  readonly pusher: Pusher;
  readonly acts = new Map<string, number>();
  readonly faults: string[] = [];
  pages = 0;
  readonly #random: Random;
  readonly #ring: RingServers;
  readonly #server: RingServer;
  readonly #log: Logger;
  readonly #signal: AbortSignal;

  constructor(
    { seed, clusters, pushesPerSecond }: SoakPlan,
    { ring, server, log, signal }: { ring: RingServers; server: RingServer; log: Logger; signal: AbortSignal },
  ) {
    this.#random = new Random(seed);
    this.#ring = ring;
    this.#server = server;
    this.#log = log;
    this.#signal = signal;
    const token = (id: string) => ring.token(id);
    this.pusher = new Pusher({ servers: [server.external], token, clusters, pushesPerSecond });
  }

  /** Attacks, crashes, restarts and pauses, with pushes under way. */
  async storm(ms: number): Promise<void> {
    await this.pusher.pushAll();
    this.pusher.start();
    const faults: Readonly<Record<string, () => Promise<void>>> = {
      "kill -9": async () => {
        await this.#server.kill();
        await this.#start();
      },
      "SIGTERM": async () => {
        await this.#server.stop();
        await this.#start();
      },
      "SIGSTOP": async () => {
        this.#server.pause();
        await pause(this.#random.between(200, 3_000));
        this.#server.resume();
      },
    };
    await this.#share(ms, async () => {
      if (this.#random.chance(0.3)) {
        const name = this.#random.pick(Object.keys(faults));
        this.#count(name);
        await faults[name]();
      } else await this.#attack();
    });
    await this.pusher.stop();
  }

  /** Starts the server afresh, and looks at it before it has clients. */
  async restartInPeace(): Promise<Footprint> {
    await this.#server.stop();
    await this.#start();
    await this.#checkPage();
    return await footprintOf(this.#server.child.pid);
  }

  /** Attacks, with pushes under way and no fault. Returns the medians of its second and its last quarter. */
  async calm(ms: number): Promise<SoakReport["memory"]> {
    const token = (id: string) => this.#ring.token(id);
    await throwEachBomb({ target: this.#server.external, token });
    this.pusher.start();
    const resident: number[] = [];
    await this.#share(ms, async () => {
      await this.#attack();
      resident.push((await footprintOf(this.#server.child.pid)).residentBytes);
    });
    await this.pusher.stop();
    if (ms < LEAST_CALM_MS || resident.length < 8) return undefined;
    const quarter = Math.floor(resident.length / 4);
    const memory = { early: median(resident.slice(quarter, 2 * quarter)), late: median(resident.slice(-quarter)) };
    if (memory.late > MOST_GROWTH * memory.early) {
      this.#fault(`the memory grew from ${mebibytes(memory.early)} to ${mebibytes(memory.late)} MiB`);
    }
    return memory;
  }

  /** Checks what the server shows at last and, if patient, that it lets go of everybody. */
  async end(before: Footprint, { patient }: { patient: boolean }): Promise<Footprint> {
    await this.#checkPage();
    const { pid } = this.#server.child;
    if (patient) await this.#untilLetGo(before);
    const after = await footprintOf(pid);
    await this.#server.stop();
    return after;
  }

  async #untilLetGo(before: Footprint): Promise<void> {
    const { pid } = this.#server.child;
    const isAsBefore = ({ descriptors, threads }: Footprint) =>
      descriptors <= before.descriptors + MOST_MORE_HANDLES && threads <= before.threads + MOST_MORE_HANDLES;
    try {
      await eventually("the server to let go of its clients", async () => isAsBefore(await footprintOf(pid)), {
        timeoutMs: LET_GO_MS,
        signal: this.#signal,
      });
    } catch {
      if (this.#signal.aborted) return;
      const { descriptors, threads } = await footprintOf(pid);
      this.#fault(
        `${descriptors} descriptors and ${threads} threads are left of ${before.descriptors} and ${before.threads}`,
      );
    }
  }

  /** Does one thing after another, and reads the page after each. */
  async #share(ms: number, act: () => Promise<void>): Promise<void> {
    const endMs = performance.now() + ms;
    while (performance.now() < endMs && !this.#signal.aborted) {
      const nextMs = performance.now() + TURN_MS;
      await act();
      await this.#checkPage();
      await pause(Math.min(nextMs, endMs) - performance.now());
    }
  }

  async #attack(): Promise<void> {
    const name = this.#random.pick(Object.keys(ATTACKS));
    this.#count(name);
    const attack: Attack = ATTACKS[name];
    const token = (id: string) => this.#ring.token(id);
    await attack({ target: this.#server.external, token, random: this.#random.fork() });
  }

  async #start(): Promise<void> {
    this.#server.launch();
    await this.#server.ready();
  }

  /** Whether the page reads as one, and shows every push that had been acknowledged when it was asked for, or a later one. */
  async #checkPage(): Promise<void> {
    const acknowledged = new Map(this.pusher.acknowledged);
    try {
      const response = await fetch(new URL("federate", this.#server.internal), { signal: AbortSignal.timeout(30_000) });
      const page = parseExposition(await response.bytes());
      this.pages++;
      const samples = page.get(PROBE)?.samples;
      for (const [id, number] of acknowledged) {
        const shown = samples?.get(seriesKey(PROBE, [["_id", id], ["instance", ""], ["job", ""]]))?.value;
        if (shown === undefined || shown < number) {
          this.#fault(`push ${number} of ${id} was acknowledged; shown is ${shown}`);
        }
      }
    } catch (error) {
      this.#fault(`the page cannot be read: ${messageOf(error)}`);
    }
  }

  #count(act: string): void {
    this.acts.set(act, (this.acts.get(act) ?? 0) + 1);
    this.#log.debug("Acting on the server", { act });
  }

  #fault(what: string): void {
    this.faults.push(what);
    this.#log.error("Found a fault", { what, done: Object.fromEntries(this.acts) });
  }
}

/** Bytes as people read them. */
export function mebibytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(0);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
