/**
 * Lets happen in a world what its plan says.
 *
 * @module
 */

import { isQuorum } from "../../ring/consensus/quorum.ts";
import type { Agenda } from "./agenda.ts";
import type { ConvergenceWatch } from "./convergence_watch.ts";
import type { DurabilityWatch } from "./durability_watch.ts";
import type { Network } from "./network.ts";
import type { Fault, Plan } from "./plan.ts";
import type { Node, Process } from "./process.ts";
import type { ShownWatch } from "./shown_watch.ts";

/** For how long before and after a fault nothing else may be wrong, if much is to be asked of the ring, in milliseconds. */
const CALM_MS = { before: 60_000, after: 30_000 } as const;

/** For how long the proposer of a view is cut off whose voter has crashed, in milliseconds: the others decide without it. */
export const VOTE_CUT_MS = 20_000;

/** For how long before a storage is lost no other may have been, if nothing is to be lost with it, in milliseconds. */
const ALONE_MS = 100_000;

/** What faults work with. */
export interface FaultsOptions {
  readonly plan: Plan;
  readonly agenda: Agenda;
  readonly nodes: readonly Node[];
  readonly network: Network;
  readonly shown: ShownWatch;
  readonly durability: DurabilityWatch;
  readonly convergence: ConvergenceWatch;
  readonly start: (node: Node) => void;
  readonly kill: (process: Process, how: { readonly power: boolean }) => void;
  readonly leave: (process: Process) => void;
  readonly resume: (process: Process) => void;
  /** Called when most votes are lost with their disks. */
  readonly onMajorityLost: () => void;
  /** Gets a line for the trace. */
  readonly note: (what: string, fault: Fault) => void;
}

/** Begins faults, and ends them. */
export class Faults {
  readonly #options: FaultsOptions;

  // What happens to a node once it has voted.
  readonly #afterVotes = new Map<Node, (proposer: string) => void>();

  // What happens once a process has left.
  readonly #afterLeaves = new Map<Process, () => void>();

  /** Starts with nothing wrong. */
  constructor(options: FaultsOptions) {
    this.#options = options;
  }

  /** A process has said to another one that it accepts a view. */
  voted({ node }: Process, proposer: string) {
    this.#afterVotes.get(node)?.(proposer);
  }

  /** A process has left. */
  left(process: Process) {
    this.#afterLeaves.get(process)?.();
  }

  /** Begins a fault, and ends it when its time is over. */
  begin(fault: Fault) {
    const { agenda, note } = this.#options;
    note("begins", fault);
    const end = this.#inflict(fault);
    if (end === undefined) return;
    agenda.after(fault.ms, () => {
      note("ends", fault);
      end();
    });
  }

  /** Returns how to end it, unless nothing has come of it, or it has no end. */
  #inflict(fault: Fault): (() => void) | undefined {
    const { nodes, network } = this.#options;
    switch (fault.kind) {
      case "crash":
        if (fault.afterVoteMs === undefined) return this.#crash(fault);
        this.#crashAfterVote(fault, fault.afterVoteMs);
        return undefined;
      case "leave":
        return this.#leave(fault);
      case "stop": {
        const { process } = nodes[fault.node];
        if (process?.state !== "running") return undefined;
        process.stop({ standsStill: fault.standsStill === true });
        return () => this.#options.resume(process);
      }
      case "start":
        return this.#start(fault);
      case "cut": {
        for (const from of fault.from) for (const to of fault.to) network.cut(from, to);
        return () => {
          for (const from of fault.from) for (const to of fault.to) network.heal(from, to);
        };
      }
      case "delay": {
        const { from, to } = fault;
        const ends = from.flatMap((a) => to.map((b) => network.slow(a, b, fault)));
        return () => ends.forEach((end) => end());
      }
      case "reset": {
        const [a, b] = fault.between.map((index) => nodes[index]);
        if (a.process?.isRunning) network.cutLink(a.process, { name: b.name, reason: "Connection reset" });
        return undefined;
      }
      case "clock":
        nodes[fault.node].wallOffsetMs += fault.byMs;
        return undefined;
      case "full": {
        const { disk } = nodes[fault.node];
        disk.isFull = true;
        return () => disk.isFull = false;
      }
      case "slow": {
        const { disk } = nodes[fault.node], before = disk.slownessMs;
        disk.slownessMs = fault.slownessMs;
        return () => disk.slownessMs = before;
      }
    }
  }

  #crash(fault: Extract<Fault, { kind: "crash" }>): (() => void) | undefined {
    const { nodes, shown, convergence, kill, start } = this.#options;
    const node = nodes[fault.node], { process } = node;
    if (process === undefined || process.state === "gone") return undefined;
    const page = shown.page(process);
    const mustSurvive = this.#isAlone(fault);
    const isCalm = this.#isCalm(fault) && nodes.length > 1;
    kill(process, { power: fault.power === true });
    if (isCalm) convergence.crashed(page);
    if (fault.wipe) this.#wipe(node, { mustSurvive });
    if (fault.lostMs !== undefined) {
      node.disk.loseSince(this.#options.agenda.now - fault.lostMs);
      this.#options.durability.wiped({ mustSurvive });
    }
    return () => {
      if (node.process === process && node.wanted) start(node);
    };
  }

  #crashAfterVote(fault: Extract<Fault, { kind: "crash" }>, restartMs: number) {
    const { nodes, agenda, plan } = this.#options, voter = nodes[fault.node];
    this.#afterVotes.set(voter, (name) => {
      this.#afterVotes.delete(voter);
      // What it has said is on its way, and it is back before its silence is noticed.
      agenda.after(0, () => {
        const end = this.#crash(fault);
        if (end !== undefined) agenda.after(restartMs, end);
      });
      const proposer = nodes.find((node) => node.name === name)!;
      agenda.after(2 * plan.delayMs + 1, () => this.#cutOff(proposer, VOTE_CUT_MS));
    });
    agenda.after(fault.ms - VOTE_CUT_MS - 1_000, () => this.#afterVotes.delete(voter));
  }

  #cutOff({ index }: Node, ms: number) {
    const { nodes, agenda, network } = this.#options;
    const others = nodes.filter((node) => node.index !== index).map((node) => node.index);
    for (const other of others) {
      network.cut(index, other);
      network.cut(other, index);
    }
    agenda.after(ms, () => {
      for (const other of others) {
        network.heal(index, other);
        network.heal(other, index);
      }
    });
  }

  #leave(fault: Extract<Fault, { kind: "leave" }>): (() => void) | undefined {
    const { nodes, agenda, kill, leave, start } = this.#options;
    const node = nodes[fault.node], { process } = node;
    if (process?.state !== "running") return undefined;
    const isCalm = this.#isCalm(fault);
    if (fault.forGood) node.wanted = false;
    process.leavingSince = agenda.now;
    const { thenLost } = fault;
    if (thenLost !== undefined) {
      this.#afterLeaves.set(process, () => {
        this.#wipe(node, { mustSurvive: isCalm });
        this.#lose(nodes[thenLost], { mustSurvive: isCalm, untilMs: fault.at + fault.ms });
      });
    }
    leave(process);
    return () => {
      if (node.process !== process) return;
      const hasLeft = process.state === "gone";
      if (!hasLeft) kill(process, { power: false });
      if (fault.wipe && thenLost === undefined) this.#wipe(node, { mustSurvive: isCalm && hasLeft });
      if (!fault.forGood && node.wanted) start(node);
    };
  }

  /** A machine is destroyed with its disk. */
  #lose(node: Node, { mustSurvive, untilMs }: { mustSurvive: boolean; untilMs: number }) {
    const { agenda, kill, start } = this.#options, { process } = node;
    if (process === undefined || process.state === "gone") return;
    kill(process, { power: true });
    this.#wipe(node, { mustSurvive });
    agenda.at(Math.max(untilMs, agenda.now + 1), () => {
      if (node.process === process && node.wanted) start(node);
    });
  }

  #start({ node: index, stays }: Extract<Fault, { kind: "start" }>): (() => void) | undefined {
    const { nodes, kill, start } = this.#options;
    const node = nodes[index];
    if (node.process !== undefined && node.process.state !== "gone") return undefined;
    node.wanted = stays;
    start(node);
    return () => {
      if (!stays && node.process!.state !== "gone") kill(node.process!, { power: false });
    };
  }

  #wipe(node: Node, { mustSurvive }: { mustSurvive: boolean }) {
    node.disk.wipe();
    node.incarnation = 0;
    if (this.#hasLostMajority()) this.#options.onMajorityLost();
    this.#options.durability.wiped({ mustSurvive });
  }

  /** Whether all serve, of whom there are enough for two copies, and no other machine is, or was lately, away or cut off. */
  #isAlone(fault: Fault): boolean {
    const { plan, convergence } = this.#options;
    const isHarmless = ({ kind }: Fault) => kind === "full" || kind === "slow" || kind === "clock";
    return plan.nodes.length > 2 && convergence.isServing() &&
      plan.faults.every((other) =>
        other === fault || isHarmless(other) || other.at + other.ms < fault.at - ALONE_MS || other.at > fault.at
      );
  }

  /** Whether most votes of the last view were on disks that are gone. */
  #hasLostMajority(): boolean {
    const { nodes } = this.#options;
    const views = nodes.flatMap(({ disk, process }) =>
      [disk.saved?.agreed, process?.state === "gone" ? undefined : process?.machine.membership.agreed].flatMap((view) =>
        view ?? []
      )
    );
    if (views.length === 0) return true;
    const last = views.reduce((a, b) => a.epoch >= b.epoch ? a : b);
    return !isQuorum(last, (vote) => nodes.some(({ disk }) => disk.saved?.disk === vote.disk));
  }

  /** Whether all is well, and nothing else goes wrong around a fault. */
  #isCalm(fault: Fault): boolean {
    const { plan, convergence } = this.#options;
    const { before, after } = CALM_MS;
    return convergence.isServing() &&
      plan.faults.every((other) =>
        other === fault || other.at + other.ms < fault.at - before || other.at > fault.at + after
      );
  }
}
