/**
 * The halves of a soak, and what is looked at in them.
 *
 * @module
 */

import type { Logger } from "../../common/log.ts";
import { Pusher } from "../faults/pusher.ts";
import type { RingServer, RingServers } from "../faults/ring_servers.ts";
import { eventually } from "../../scripts/process/eventually.ts";
import { Random } from "../support/random.ts";
import { ATTACKS, clearAway, newcomersOf, throwEachBomb } from "./attacks.ts";
import { deedsOn, pass, Victim } from "./deeds.ts";
import { type Footprint, footprintOf } from "./footprint.ts";
import { faultsOfGrowth, growthOf, LEAST_WEIGHINGS, type Taken } from "./growth.ts";
import type { Inspectors } from "../support/inspector.ts";
import { type Look, lookAtPages } from "./pages.ts";
import type { SmallDisk } from "../support/small_disk.ts";
import type { SoakPlan } from "./soak_plan.ts";
import type { ServerReport, SoakReport } from "./soak_report.ts";
import { weigh, type Weighing } from "./weighing.ts";

/** How often servers are weighed in a calm half that is long, after its first quarter, in which pools fill. */
const WEIGHINGS = 24;
/** Descriptors and threads that may come to stay: a log, a pool. */
const MOST_MORE_HANDLES = 4;
/** How long the servers may take to let go of their clients, in milliseconds: idle connections are cut after a minute. */
const LET_GO_MS = 120_000;
/** How long the good clients and one act take turns, in milliseconds. */
const TURN_MS = 1_000;
/** Within which time a ring shows each cluster once again after anything, in milliseconds. */
const WHOLE_MS = 75_000;

interface Soaked {
  readonly server: RingServer;
  readonly victim: Victim;
  before: Footprint;
  after: Footprint;
  readonly weighings: Weighing[];
}

const UNSEEN: Footprint = { residentBytes: 0, descriptors: 0, threads: 0 };

/** A soak under way. */
export class Trial {
  readonly #acts = new Map<string, number>();
  readonly #faults: string[] = [];
  readonly #lost = new Set<string>();
  readonly #pusher: Pusher;
  readonly #random: Random;
  readonly #ring: RingServers;
  readonly #inspectors: Inspectors;
  readonly #soaked: readonly Soaked[];
  readonly #log: Logger;
  readonly #signal: AbortSignal;
  #pages = 0;

  /** Servers that run. */
  constructor(
    { seed, clusters, pushesPerSecond }: SoakPlan,
    { ring, inspectors, disks, log, signal }: {
      ring: RingServers;
      inspectors: Inspectors;
      disks: ReadonlyMap<string, SmallDisk>;
      log: Logger;
      signal: AbortSignal;
    },
  ) {
    this.#random = new Random(seed);
    this.#ring = ring;
    this.#soaked = ring.servers.map((server) => {
      const disk = disks.get(server.name);
      const victim = new Victim({ server, ...disk && { disk } });
      return { server, victim, before: UNSEEN, after: UNSEEN, weighings: [] };
    });
    this.#inspectors = inspectors;
    this.#log = log;
    this.#signal = signal;
    const servers = ring.servers.map(({ external }) => external);
    this.#pusher = new Pusher({ servers, token: (id) => ring.token(id), clusters, pushesPerSecond });
  }

  /** What has come of it so far. */
  get report(): SoakReport {
    const servers = this.#soaked.map(({ server: { name }, victim, before, after, weighings }): ServerReport => {
      const memory = weighings.length >= LEAST_WEIGHINGS && {
        heapBytes: growthOf(weighings, "heapBytes"),
        externalBytes: growthOf(weighings, "externalBytes"),
        residentBytes: growthOf(weighings, "residentBytes"),
      };
      return { name, footprints: { before, after }, slowestReady: victim.slowestReady, ...memory && { memory } };
    });
    return {
      answers: this.#pusher.answers,
      acts: this.#acts,
      pages: this.#pages,
      lost: this.#lost.size,
      servers,
      faults: this.#faults,
    };
  }

  /** Attacks, crashes, restarts, pauses and full disks, with pushes under way. */
  async storm(ms: number): Promise<void> {
    await this.#pusher.pushAll();
    this.#pusher.start();
    await this.#share(ms, async () => {
      if (this.#random.chance(0.7)) return await this.#attack();
      const { victim } = this.#random.pick(this.#soaked);
      const deeds = deedsOn(victim), name = this.#random.pick(Object.keys(deeds));
      this.#count(name);
      await deeds[name](victim, this.#random.fork());
    });
    await this.#pusher.stop();
  }

  /** Starts each server afresh, and looks at all before they have clients. */
  async restartInPeace(): Promise<void> {
    for (const { server, victim } of this.#soaked) {
      await server.stop();
      await victim.startAgain();
      await this.#checkPages();
    }
    for (const soaked of this.#soaked) soaked.before = await footprintOf(soaked.server.child.pid);
  }

  /** Attacks, with pushes under way and no fault; if it is long, what lives in the servers must not grow after its first quarter. */
  async calm(ms: number, { isLong }: { isLong: boolean }): Promise<void> {
    const token = (id: string) => this.#ring.token(id);
    if (isLong) await throwEachBomb({ target: this.#random.pick(this.#soaked).server.external, token });
    this.#pusher.start();
    await this.#share(ms / 4, () => this.#attack());
    const before = this.#taken(), rounds = isLong ? WEIGHINGS : 1;
    for (let i = 0; i < rounds && !this.#signal.aborted; i++) {
      if (isLong) await this.#weighAll();
      await this.#share(0.75 * ms / rounds, () => this.#attack());
    }
    await this.#pusher.stop();
    const { pushes, newcomers } = this.#taken();
    const taken = { pushes: pushes - before.pushes, newcomers: newcomers - before.newcomers };
    for (const { server: { name }, weighings } of this.#soaked) {
      for (const what of faultsOfGrowth(weighings, taken)) this.#fault(`${name}: ${what}`);
    }
  }

  /** Checks what the servers show at last and, if the calm was long, that they let go of everybody. */
  async end({ isLong }: { isLong: boolean }): Promise<void> {
    await this.#checkPages();
    if (isLong) await Promise.all(this.#soaked.map((soaked) => this.#untilLetGo(soaked)));
    for (const soaked of this.#soaked) soaked.after = await footprintOf(soaked.server.child.pid);
    for (const { server } of this.#soaked) await server.stop();
  }

  /** Weighs all servers, with little in place of what the bombs of late have them show. */
  async #weighAll(): Promise<void> {
    const { external: target } = this.#random.pick(this.#soaked).server;
    await clearAway({ target, token: (id) => this.#ring.token(id) });
    for (const { server, weighings } of this.#soaked) {
      const weighing = await weigh(server, this.#inspectors);
      weighings.push(weighing);
      this.#log.debug("Weighed a server", { server: server.name, ...weighing });
    }
  }

  /** What came in until now. A member of a ring takes a part of it. */
  #taken(): Taken {
    return { pushes: this.#pusher.answers.get("200") ?? 0, newcomers: newcomersOf(this.#acts) };
  }

  async #untilLetGo({ server, before }: Soaked): Promise<void> {
    const { pid } = server.child;
    const isAsBefore = ({ descriptors, threads }: Footprint) =>
      descriptors <= before.descriptors + MOST_MORE_HANDLES && threads <= before.threads + MOST_MORE_HANDLES;
    try {
      await eventually(`${server.name} to let go of its clients`, async () => isAsBefore(await footprintOf(pid)), {
        timeoutMs: LET_GO_MS,
        signal: this.#signal,
      });
    } catch {
      if (this.#signal.aborted) return;
      const { descriptors, threads } = await footprintOf(pid);
      this.#fault(
        `${server.name} has ${descriptors} descriptors and ${threads} threads left, ` +
          `where it had ${before.descriptors} and ${before.threads}`,
      );
    }
  }

  /** Does one thing after another, and reads the pages after each. */
  async #share(ms: number, act: () => Promise<void>): Promise<void> {
    const endMs = performance.now() + ms;
    while (performance.now() < endMs && !this.#signal.aborted) {
      const nextMs = performance.now() + TURN_MS;
      await act();
      await this.#checkPages();
      await pass(Math.min(nextMs, endMs) - performance.now());
    }
  }

  async #attack(): Promise<void> {
    const name = this.#random.pick(Object.keys(ATTACKS));
    this.#count(name);
    const { external: target } = this.#random.pick(this.#soaked).server;
    await ATTACKS[name]({ target, token: (id) => this.#ring.token(id), random: this.#random.fork() });
  }

  /**
   * Whether the pages read as such, and show every push that had been acknowledged when they were asked for, or a later one. A
   * ring may take its time, as clusters move, and shows each cluster once then.
   */
  async #checkPages(): Promise<void> {
    const { servers } = this.#ring, { acknowledged } = this.#pusher;
    let latest: Look | undefined;
    const isWhole = async () => {
      latest = await lookAtPages(servers, acknowledged);
      this.#pages += latest.pages;
      latest.broken.forEach((what) => this.#fault(what));
      return latest.behind.length + latest.twice.length === 0;
    };
    if (servers.length === 1) await isWhole();
    else await eventually("a whole ring", isWhole, { timeoutMs: WHOLE_MS, signal: this.#signal }).catch(() => {});
    if (this.#signal.aborted) return;
    for (const what of latest?.behind ?? []) {
      this.#lost.add(what);
      this.#fault(what);
    }
    for (const id of latest?.twice ?? []) this.#fault(`${id} is on several pages`);
  }

  #count(act: string): void {
    this.#acts.set(act, (this.#acts.get(act) ?? 0) + 1);
    this.#log.debug("Acting on a server", { act });
  }

  #fault(what: string): void {
    this.#faults.push(what);
    this.#log.error("Found a fault", { what, done: Object.fromEntries(this.#acts) });
  }
}
