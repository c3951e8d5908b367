/**
 * A ring in a simulated world, where time, chance, the network and the disks follow from a seed, and where the invariants of the
 * ring's design are checked after every step.
 *
 * @module
 */

import type { Effect, RingEvent, SavedState } from "../../ring/effect.ts";
import { TICK_MS } from "../../ring/effect.ts";
import { RingMachine } from "../../ring/ring_machine.ts";
import { Random } from "../../scripts/random.ts";
import { Agenda } from "./ring_world/agenda.ts";
import { type Attempt, Clients } from "./ring_world/clients.ts";
import { ConvergenceWatch } from "./ring_world/convergence_watch.ts";
import { Disk } from "./ring_world/disk.ts";
import { DurabilityWatch } from "./ring_world/durability_watch.ts";
import { Network } from "./ring_world/network.ts";
import { type Fault, healedAt, type Plan } from "./ring_world/plan.ts";
import { type MachineFactory, type Node, Process } from "./ring_world/process.ts";
import { ProtocolWatch } from "./ring_world/protocol_watch.ts";
import { ShownWatch } from "./ring_world/shown_watch.ts";
import { type Tally, WorldTally } from "./ring_world/tally.ts";
import { formatRecord, Trace, type TraceRecord } from "./ring_world/trace.ts";
import { Violation } from "./ring_world/violation.ts";

/** Where seeds may point to that is no member's own address. */
const BALANCED_ADDRESS = "ring.example:9000";
/** How often is looked at what time alone brings, in milliseconds. */
const SAMPLE_MS = 250;
/** After how long a process saves again what it could not, in milliseconds. */
const SAVE_AGAIN_MS = 1_000;
/** For how long before and after a fault nothing else may be wrong, if much is to be asked of the ring. */
const CALM_MS = { before: 60_000, after: 30_000 } as const;

/** What a world is made with. */
export interface RingWorldOptions {
  readonly plan: Plan;
  /** Makes the members. */
  readonly makeMachine?: MachineFactory;
  /** How long two members may show a cluster, in milliseconds. */
  readonly windowMs?: number;
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
  readonly #diskRandom: Random;
  readonly #nodes: readonly Node[];
  readonly #network: Network;
  readonly #clients: Clients;
  readonly #durability: DurabilityWatch;
  readonly #shown: ShownWatch;
  readonly #protocol: ProtocolWatch;
  readonly #convergence: ConvergenceWatch;
  readonly #tally: WorldTally;
  readonly #trace: Trace;
  readonly #saves = new Map<Process, SavedState>();

  constructor(
    { plan, makeMachine = (options) => new RingMachine(options), windowMs = 0, traceSize = 20_000 }: RingWorldOptions,
  ) {
    this.#plan = plan;
    this.#makeMachine = makeMachine;
    this.#trace = new Trace(traceSize);
    const root = new Random(plan.seed);
    this.#random = root.fork();
    this.#diskRandom = root.fork();
    const agenda = this.#agenda, now = this.#now, { ttlMs } = plan;
    this.#nodes = plan.nodes.map(({ name, host, wallOffsetMs }, index) => ({
      index,
      name,
      host,
      address: `node-${index}.example:9000`,
      wallOffsetMs,
      disk: new Disk(),
      starts: 0,
      incarnation: 0,
      wanted: false,
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
    this.#shown = new ShownWatch({
      durability,
      ttlMs,
      now,
      windowMs,
      canHear: (process, from) =>
        process.links.get(from.name)?.peer === from && !this.#network.isCut(from.node, process.node) &&
        !this.#network.isCut(process.node, from.node),
      undisturbedMs: (a, b) => this.#network.undisturbedMs(a.node, b.node),
    });
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
      },
    });
    const { ids } = this.#clients, shown = this.#shown;
    this.#convergence = new ConvergenceWatch({ nodes, ids, shown, durability, now, healedAt: healedAt(plan) });
    this.#tally = new WorldTally({ ids, shown, durability, sampleMs: SAMPLE_MS });
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
    for (const fault of faults) this.#agenda.at(fault.at, () => this.#begin(fault));
    this.#clients.start();
    this.#agenda.after(SAMPLE_MS, () => this.#sample());
    let violation: Violation | undefined;
    try {
      while (this.#convergence.stage !== "over" && this.#agenda.step()) this.#shown.check();
      this.#shown.finish();
    } catch (error) {
      if (!(error instanceof Violation)) {
        const { last } = { last: this.#trace.records().slice(-20).map(formatRecord).join("\n") };
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
    this.#tally.sample();
    if (this.#agenda.now % 1_000 !== 0) return;
    this.#shown.sample();
    for (const { process } of this.#nodes) if (process?.isRunning) this.#protocol.sample(process);
  }

  // --- what goes wrong ---

  #begin(fault: Fault) {
    this.#note("fault", "begins", fault);
    const end = this.#inflict(fault);
    if (end === undefined) return;
    this.#agenda.after(fault.ms, () => {
      this.#note("fault", "ends", fault);
      end();
    });
  }

  #inflict(fault: Fault): (() => void) | undefined {
    const node = "node" in fault ? this.#nodes[fault.node] : this.#nodes[0];
    const process = node.process;
    switch (fault.kind) {
      case "crash": {
        if (process === undefined || process.state === "gone") return undefined;
        const page = this.#shown.page(process);
        const isCalm = this.#isCalm(fault) && this.#convergence.isServing() && this.#nodes.length > 1;
        this.#kill(process, { power: fault.power === true });
        if (isCalm) this.#convergence.crashed(page);
        if (fault.wipe) this.#wipe(node, { mustSurvive: false });
        return () => {
          if (node.process === process && node.wanted) this.#start(node);
        };
      }
      case "leave": {
        if (process === undefined || process.state !== "running") return undefined;
        const isCalm = this.#isCalm(fault) && this.#convergence.isServing();
        if (fault.forGood) node.wanted = false;
        process.leavingSince = this.#agenda.now;
        this.#handle(process, { type: "leave" });
        return () => {
          if (node.process !== process) return;
          const hasLeft = process.state === "gone";
          if (!hasLeft) this.#kill(process, { power: false });
          if (fault.wipe) this.#wipe(node, { mustSurvive: isCalm && hasLeft });
          if (!fault.forGood) this.#start(node);
        };
      }
      case "stop":
        if (process?.state !== "running") return undefined;
        process.stop();
        return () => this.#resume(process);
      case "start":
        if (process !== undefined && process.state !== "gone") return undefined;
        node.wanted = fault.stays;
        this.#start(node);
        return () => {
          if (!fault.stays && node.process!.state !== "gone") this.#kill(node.process!, { power: false });
        };
      case "cut": {
        for (const from of fault.from) for (const to of fault.to) this.#network.cut(from, to);
        return () => {
          for (const from of fault.from) for (const to of fault.to) this.#network.heal(from, to);
        };
      }
      case "delay": {
        const { from, to } = fault;
        const ends = from.flatMap((a) => to.map((b) => this.#network.slow(a, b, fault)));
        return () => ends.forEach((end) => end());
      }
      case "reset": {
        const [a, b] = fault.between.map((index) => this.#nodes[index]);
        if (a.process?.isRunning) this.#network.cutLink(a.process, { name: b.name, reason: "Connection reset" });
        return undefined;
      }
      case "full":
        node.disk.isFull = true;
        return () => node.disk.isFull = false;
      case "slow": {
        const before = node.disk.slownessMs;
        node.disk.slownessMs = fault.slownessMs;
        return () => node.disk.slownessMs = before;
      }
    }
  }

  /** Whether nothing else goes wrong around a fault. */
  #isCalm(fault: Fault): boolean {
    const { before, after } = CALM_MS;
    return this.#plan.faults.every((other) =>
      other === fault || other.at + other.ms < fault.at - before || other.at > fault.at + after
    );
  }

  // --- processes ---

  #start(node: Node) {
    const { seed, ttlMs, limits, balanced, nodes } = this.#plan;
    const count = node.starts++;
    const random = new Random(seed * 64 + node.index + 1 + count * 2 ** 40);
    const boot = random.uint32().toString(16).padStart(8, "0");
    const seeds = balanced
      ? [BALANCED_ADDRESS]
      : this.#nodes.filter((_, index) => nodes[index].startAt !== undefined).map(({ address }) => address);
    const { name, host, address, disk } = node;
    const process = new Process(node, {
      boot,
      worldNow: this.#now,
      makeMachine: (clock) =>
        this.#makeMachine({
          self: { name, boot, address, host },
          seeds,
          saved: disk.saved,
          entries: Array.from(disk.entries.values(), ({ bytes, ...entry }) => ({ ...entry, size: bytes.length })),
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
    for (const effect of effects) if (effect.do === "save") this.#save(process, effect.state);
    this.#whenSaved(process, () => {
      process.state = "running";
      this.#perform(process, effects.filter((effect) => effect.do !== "save"));
      this.#network.reboot(node, this.#nodes.flatMap(({ process }) => process ?? []));
      this.#tickLater(process);
    });
  }

  #whenSaved(process: Process, then: () => void) {
    this.#agenda.after(1, () => {
      if (process.state !== "starting") return;
      if (this.#saves.has(process)) this.#whenSaved(process, then);
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
    this.#network.closeAll(process, { power });
    this.#end(process);
  }

  #end(process: Process) {
    process.end();
    this.#saves.delete(process);
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
    this.#shown.stepped(process);
    this.#shown.check();
    // The loop may look at its timers first, or at its sockets: the tick is among what has waited, wherever it came.
    const isTickFirst = this.#random.chance(0.5);
    if (isTickFirst) this.#handle(process, { type: "tick" });
    for (const task of waiting) process.post(task);
  }

  #wipe(node: Node, { mustSurvive }: { mustSurvive: boolean }) {
    node.disk.wipe();
    node.incarnation = 0;
    this.#durability.wiped({ mustSurvive });
  }

  #resolve(address: string): Node | undefined {
    if (address !== BALANCED_ADDRESS) return this.#nodes.find((node) => node.address === address);
    const alive = this.#nodes.filter(({ process }) => process?.isRunning);
    return alive.length === 0 ? undefined : this.#random.pick(alive);
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
    this.#shown.stepped(process);
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
        this.#protocol.sends(process, effect.message);
        this.#network.send(process, effect);
        return;
      case "dial":
        return this.#network.dial(process, effect.address);
      case "cut":
        return this.#network.cutLink(process, { name: effect.name, reason: effect.refusal.message });
      case "save":
        return this.#save(process, effect.state);
      case "commit":
        return this.#commit(process, effect);
      case "load": {
        const { token, id } = effect;
        this.#agenda.after(this.#diskMs(process) / 2, () => {
          const entry = process.node.disk.entries.get(id);
          process.post(() => this.#handle(process, { type: "loaded", token, entry }));
        });
        return;
      }
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
      case "left":
        this.#network.closeAll(process, { power: false });
        return this.#end(process);
      case "note":
        if (effect.sentence === "Goes on with a view that not all have confirmed") process.overdue = true;
        if (effect.sentence === "All have confirmed the view") process.overdue = false;
        return;
    }
  }

  #commit(process: Process, { token, entry }: Extract<Effect, { do: "commit" }>) {
    const { node, committing } = process, { id } = entry;
    if (committing.has(id)) {
      throw new Violation("shell", `${process.name} commits two entries at the same time`, { cluster: id });
    }
    committing.add(id);
    const { isPoison } = this.#durability.pushOf(entry.bytes);
    this.#agenda.after(this.#diskMs(process), () => {
      // What was under way when the process died may have come through, or not.
      if (process.state === "gone" && this.#diskRandom.chance(0.5)) return;
      const ok = !node.disk.isFull && !isPoison;
      if (ok) {
        this.#durability.commits(node, entry);
        node.disk.entries.set(id, entry);
      }
      process.post(() => {
        committing.delete(id);
        const result = ok
          ? { ok }
          : isPoison
          ? { ok, refused: { reason: "invalid", detail: "as the simulation wants it" } }
          : { ok };
        this.#handle(process, { type: "committed", token, result });
      });
    });
  }

  #save(process: Process, state: SavedState) {
    const isSaving = this.#saves.has(process);
    this.#saves.set(process, state);
    if (!isSaving) this.#saveLater(process, this.#diskMs(process));
  }

  #saveLater(process: Process, afterMs: number) {
    const state = this.#saves.get(process);
    this.#agenda.after(afterMs, () => {
      const latest = this.#saves.get(process);
      if (state === undefined || latest === undefined) return;
      const { disk } = process.node;
      if (disk.isFull) return this.#saveLater(process, SAVE_AGAIN_MS);
      disk.saved = state;
      if (latest === state) this.#saves.delete(process);
      else this.#saveLater(process, this.#diskMs(process));
    });
  }

  #diskMs({ node: { disk: { slownessMs } } }: Process): number {
    return 0.5 + slownessMs * this.#diskRandom.unit() ** 2;
  }

  #note(who: string, what: string, detail: unknown) {
    this.#trace.add(this.#agenda.now, { who, what, detail });
  }
}
