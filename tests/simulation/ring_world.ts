/**
 * A ring in a simulated world, where time, chance, the network and the disks follow from a seed, and where the invariants of
 * docs/ring.md are checked after every step.
 *
 * @module
 */

import type { Effect, RingEvent } from "../../ring/protocol/effects.ts";
import { TICK_MS } from "../../ring/protocol/effects.ts";
import type { PushVersion } from "../../ring/protocol/push_version.ts";
import { RingMachine } from "../../ring/ring_machine.ts";
import { Random } from "../support/random.ts";
import { Agenda } from "./agenda.ts";
import { type Attempt, Clients } from "./clients.ts";
import { ConvergenceWatch } from "./convergence_watch.ts";
import { Disk, Disks } from "./disk.ts";
import { DurabilityWatch } from "./durability_watch.ts";
import { Network } from "./network.ts";
import { Faults } from "./faults.ts";
import { healedAt, type Plan } from "./plan.ts";
import { type MachineFactory, type Node, Process } from "./process.ts";
import { PageWatch } from "./page_watch.ts";
import { ProtocolWatch } from "./protocol_watch.ts";
import { ShownWatch } from "./shown_watch.ts";
import { type Tally, WorldTally } from "./tally.ts";
import { ViewWatch } from "./view_watch.ts";
import { formatRecord, Trace, type TraceRecord } from "./trace.ts";
import { Violation } from "./violation.ts";

/** Where seeds may point to that is no member's own address. */
const BALANCED_ADDRESS = "ring.example:9000";
/** How often is looked at what time alone brings, in milliseconds. */
const SAMPLE_MS = 250;
/** How often each page is asked for, in milliseconds. */
export const SCRAPE_MS = 500;
/** What a world is made with. */
export interface RingWorldOptions {
  readonly plan: Plan;
  /** Makes the members. */
  readonly makeMachine?: MachineFactory;
  /** How many records of the trace are kept. */
  readonly traceSize?: number;
}

/** How a run ended. */
export interface RunResult {
  readonly plan: Plan;
  readonly tally: Tally;
  /** What was found, if anything was. */
  readonly violation?: Violation;
  /** When, in the world's time. */
  readonly endedAt: number;
  readonly trace: () => readonly TraceRecord[];
}

/** Runs a plan to its end, or to the first violation. */
export function runPlan(options: RingWorldOptions): RunResult {
  return new RingWorld(options).run();
}

/** The world. */
class RingWorld {
  readonly #plan: Plan;
  readonly #makeMachine: MachineFactory;
  readonly #agenda = new Agenda();
  readonly #now = () => this.#agenda.now;
  readonly #random: Random;
  readonly #nodes: readonly Node[];
  readonly #network: Network;
  readonly #disks: Disks;
  readonly #clients: Clients;
  readonly #durability: DurabilityWatch;
  readonly #shown: ShownWatch;
  readonly #pages: PageWatch;
  readonly #protocol: ProtocolWatch;
  readonly #views: ViewWatch;
  readonly #convergence: ConvergenceWatch;
  readonly #tally: WorldTally;
  readonly #faults: Faults;
  readonly #trace: Trace;

  constructor(
    { plan, makeMachine = (options) => new RingMachine(options), traceSize = 20_000 }: RingWorldOptions,
  ) {
    this.#plan = plan;
    this.#makeMachine = makeMachine;
    this.#trace = new Trace(traceSize);
    const root = new Random(plan.seed);
    this.#random = root.fork();
    const diskRandom = root.fork();
    const agenda = this.#agenda, now = this.#now, { ttlMs } = plan;
    this.#nodes = plan.nodes.map(({ name, host, wallOffsetMs, isWitness = false }, index) => ({
      index,
      name,
      host,
      address: `node-${index}.example:9000`,
      isWitness,
      wallOffsetMs,
      disk: new Disk(),
      starts: 0,
      incarnation: 0,
      wanted: false,
      isDown: false,
      stoodMs: 0,
    }));
    const nodes = this.#nodes;
    this.#network = new Network({
      agenda,
      random: root.fork(),
      delayMs: plan.delayMs,
      resolve: (address) => this.#resolve(address),
      handle: (process, event) => this.#handle(process, event),
    });
    this.#durability = new DurabilityWatch({ nodes, ttlMs, now });
    const durability = this.#durability;
    this.#disks = new Disks({
      agenda,
      random: diskRandom,
      durability,
      handle: (process, event) => this.#handle(process, event),
    });
    this.#shown = new ShownWatch({
      durability,
      ttlMs,
      leewayMs: plan.ageLeewayMs,
      now,
      stoodMs: () => nodes.reduce((sum, { stoodMs }) => sum + stoodMs, 0),
    });
    this.#pages = new PageWatch({ ttlMs, mayFork: () => durability.isForked });
    this.#views = new ViewWatch({ mayBeginApart: plan.balanced, onForked: () => durability.forked() });
    this.#protocol = new ProtocolWatch({ plan, now });
    this.#clients = new Clients({
      agenda,
      random: root.fork(),
      clusters: plan.clusters,
      everyMs: plan.pushEveryMs,
      bytes: plan.pushBytes,
      poison: plan.poison,
      processes: () => nodes.flatMap(({ process }) => process ?? []),
      push: (attempt) => this.#push(attempt),
      onSettled: (attempt, outcome) => {
        this.#tally.settled(outcome);
        durability.settled(attempt, outcome);
        if (outcome.result !== "rejected") this.#tally.acknowledged(attempt.push, this.#agenda.now);
      },
    });
    const { ids } = this.#clients, shown = this.#shown;
    this.#convergence = new ConvergenceWatch({
      nodes,
      ids,
      shown,
      durability,
      now,
      healedAt: healedAt(plan),
      convergeMs: plan.convergeMs,
    });
    this.#tally = new WorldTally({ ids, shown, durability, sampleMs: SAMPLE_MS, ...plan });
    this.#faults = new Faults({
      plan,
      agenda,
      nodes,
      network: this.#network,
      shown,
      durability,
      convergence: this.#convergence,
      start: (node) => this.#start(node),
      kill: (process, how) => this.#kill(process, how),
      leave: (process) => this.#handle(process, { type: "leave" }),
      resume: (process) => this.#resume(process),
      onMajorityLost: () => {
        this.#pages.lost();
        this.#views.lost();
        durability.forked();
      },
      note: (what, fault) => this.#note("fault", what, fault),
    });
  }

  run(): RunResult {
    const { nodes, faults } = this.#plan;
    for (const [index, { startAt }] of nodes.entries()) {
      if (startAt === undefined) continue;
      this.#agenda.at(startAt, () => {
        this.#nodes[index].wanted = true;
        this.#start(this.#nodes[index]);
      });
    }
    for (const fault of faults) this.#agenda.at(fault.at, () => this.#faults.begin(fault));
    this.#clients.start();
    this.#agenda.after(SAMPLE_MS, () => this.#sample());
    for (const node of this.#nodes) this.#scrapeLater(node);
    let violation: Violation | undefined;
    try {
      while (this.#convergence.stage !== "over" && this.#agenda.step());
    } catch (error) {
      if (!(error instanceof Violation)) {
        const last = this.#trace.records().slice(-20).map(formatRecord).join("\n");
        throw new Error(`Seed ${this.#plan.seed} (${this.#plan.scenario}) failed\n${last}`, { cause: error });
      }
      violation = error;
    }
    return {
      plan: this.#plan,
      tally: this.#tally.result(this.#convergence),
      violation,
      endedAt: this.#agenda.now,
      trace: () => this.#trace.records(),
    };
  }

  #sample() {
    this.#agenda.after(SAMPLE_MS, () => this.#sample());
    const { stage } = this.#convergence;
    this.#convergence.sample();
    if (stage === "joining" && this.#convergence.stage === "copying") this.#clients.stop();
    this.#tally.sample(this.#agenda.now);
    if (this.#judgeFork()) this.#tally.forked();
    if (this.#agenda.now % 1_000 !== 0) return;
    this.#shown.sample();
    this.#durability.check();
    for (const { process, disk } of this.#nodes) {
      if (!process?.isRunning) continue;
      this.#protocol.sample(process);
      disk.usedAtMs = process.clock.wall;
    }
  }

  #judgeFork(): boolean {
    const isForked = this.#shown.isForked(this.#nodes.flatMap(({ process }) => process ?? []));
    if (isForked) this.#durability.forked();
    return isForked;
  }

  // --- processes ---

  #start(node: Node) {
    const { seed, ttlMs, limits, balanced, nodes } = this.#plan;
    const count = node.starts++;
    node.isDown = false;
    const random = new Random(seed * 64 + node.index + 1 + count * 2 ** 40);
    const boot = random.uint32().toString(16).padStart(8, "0");
    const seeds = balanced
      ? [BALANCED_ADDRESS]
      : this.#nodes.filter((_, index) => nodes[index].startAt !== undefined || nodes[index].listed)
        .map(({ address }) => address);
    const { name, host, address, isWitness, disk } = node;
    const process = new Process(node, {
      boot,
      worldNow: this.#now,
      makeMachine: (clock) =>
        this.#makeMachine({
          self: { name, boot, address, host },
          isWitness,
          seeds,
          saved: disk.saved,
          // As the store has it: an entry is as old as it was when the disk was last in use, whatever the clock says now.
          entries: Array.from(disk.entries.values(), ({ bytes, ...entry }) => ({
            ...entry,
            receivedAtMs: clock.wall - Math.max(0, clock.wall - entry.receivedAtMs, disk.usedAtMs - entry.receivedAtMs),
            size: bytes.length,
          })),
          ttlMs,
          limits,
          clock,
          random: () => random.unit(),
        }),
    });
    node.process = process;
    this.#note(name, "starts", { boot });
    this.#protocol.started(process);
    const effects = process.handle({ type: "tick" });
    for (const effect of effects) if (effect.do === "save") this.#disks.save(process, effect);
    this.#whenSaved(process, () => {
      process.state = "running";
      this.#protocol.stepped(process);
      this.#perform(process, effects.filter((effect) => effect.do !== "save"));
      this.#network.reboot(node, this.#nodes.flatMap(({ process }) => process ?? []));
      this.#tickLater(process);
    });
  }

  #whenSaved(process: Process, then: () => void) {
    this.#agenda.after(1, () => {
      if (process.state !== "starting") return;
      if (this.#disks.isSaving(process)) this.#whenSaved(process, then);
      else then();
    });
  }

  #tickLater(process: Process) {
    this.#agenda.after(TICK_MS + this.#random.unit() * 4, () => {
      process.post(() => {
        this.#handle(process, { type: "tick" });
        this.#tickLater(process);
      });
    });
  }

  #kill(process: Process, { power }: { power: boolean }) {
    this.#note(process.name, "is killed", undefined);
    process.node.isDown = power;
    this.#network.closeAll(process, { power });
    this.#end(process);
  }

  #end(process: Process) {
    process.end();
    this.#disks.forget(process);
    this.#shown.gone(process);
    const attempts = [...process.pushes.values()];
    process.pushes.clear();
    for (const attempt of attempts) this.#clients.lost(attempt);
  }

  #resume(process: Process) {
    if (process.state !== "stopped") return;
    const waiting = process.resume();
    this.#network.excuse(process);
    // A request for the page may be the first that it sees.
    this.#scrape(process.node);
    // The loop may look at its timers first, or at its sockets: the tick is among what has waited, wherever it came.
    const isTickFirst = this.#random.chance(0.5);
    if (isTickFirst) this.#handle(process, { type: "tick" });
    for (const task of waiting) process.post(task);
  }

  #resolve(address: string): Node | undefined {
    if (address !== BALANCED_ADDRESS) return this.#nodes.find((node) => node.address === address);
    const alive = this.#nodes.filter(({ process }) => process?.isRunning);
    return alive.length === 0 ? undefined : this.#random.pick(alive);
  }

  // --- pages ---

  #scrapeLater(node: Node) {
    this.#agenda.after(SCRAPE_MS * (0.5 + this.#random.unit()), () => {
      this.#scrapeLater(node);
      this.#scrape(node);
    });
  }

  #scrape(node: Node) {
    const { process } = node, askedAt = this.#agenda.now;
    if (process === undefined || (process.state !== "running" && process.state !== "stopped")) return;
    const token = process.nextToken();
    process.scrapes.set(token, (closed) => {
      if (closed !== undefined) return;
      this.#judgeFork();
      const { epoch, view, isSettled } = process.machine.membership;
      // Until all have said that they hold nothing back, what it showed before stays as it is.
      const canKnow = (id: string, version: PushVersion) =>
        isSettled &&
        this.#durability.holders(id, version).some(({ name, process: holder }) =>
          holder?.isRunning && view.sinceOf(name) === holder.machine.membership.self.since
        );
      const shown = this.#shown.onPage(process);
      this.#tally.scraped();
      this.#pages.scraped({ member: process.name, askedAt, cameAt: this.#agenda.now, epoch, canKnow, shown });
    });
    process.post(() => this.#handle(process, { type: "page", token }));
  }

  // --- events and effects ---

  #push(attempt: Attempt) {
    const { process, token, push } = attempt;
    process.pushes.set(token, attempt);
    this.#durability.pushed(push);
    this.#handle(process, { type: "push", token, id: push.id, bytes: push.bytes });
  }

  #handle(process: Process, event: RingEvent) {
    if (!process.isRunning) return;
    if (event.type !== "tick") this.#note(process.name, event.type, event);
    this.#perform(process, process.handle(event));
    this.#protocol.stepped(process);
    this.#views.stepped(process);
  }

  #perform(process: Process, effects: readonly Effect[]) {
    for (const effect of effects) {
      this.#note(process.name, effect.do, effect);
      this.#performOne(process, effect);
    }
  }

  #performOne(process: Process, effect: Effect) {
    switch (effect.do) {
      case "send":
        this.#protocol.sends(process, effect);
        this.#network.send(process, effect);
        if (effect.message.type === "ACCEPTED") this.#faults.voted(process, effect.to);
        return;
      case "dial":
        return this.#network.dial(process, effect.address);
      case "save":
        return this.#disks.save(process, effect);
      case "commit":
        return this.#disks.commit(process, effect);
      case "load":
        return this.#disks.load(process, effect);
      case "show":
        return this.#shown.shows(process, effect);
      case "hide":
        return this.#shown.hides(process, effect.id);
      case "settle": {
        const { token, outcome } = effect, attempt = process.pushes.get(token);
        process.pushes.delete(token);
        this.#protocol.settles(process, { token, attempt, outcome });
        return this.#clients.settled(attempt!, outcome);
      }
      case "relayed":
      case "prepare":
      case "release":
        return;
      case "unread":
        throw new Violation("shell", `${process.name} cannot read a message of type ${effect.type}`);
      case "page":
        process.scrapes.get(effect.token)?.(effect.closed);
        process.scrapes.delete(effect.token);
        return;
      case "left":
        this.#network.closeAll(process, { power: false });
        this.#end(process);
        return this.#faults.left(process);
      case "note":
        return;
    }
  }

  #note(who: string, what: string, detail: unknown) {
    this.#trace.add(this.#agenda.now, { who, what, detail });
  }
}
