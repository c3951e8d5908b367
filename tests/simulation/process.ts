/**
 * A simulated process: it runs, is stopped, or is gone, and what happens to it while it is stopped waits for it.
 *
 * @module
 */

import type { Clock, Effect, RingEvent } from "../../ring/protocol/effects.ts";
import type { Closed } from "../../ring/protocol/closed.ts";
import type { Hello, Refusal } from "../../ring/protocol/mesh.ts";
import type { RingMachine, RingMachineOptions } from "../../ring/ring_machine.ts";
import type { Disk } from "./disk.ts";
import type { End } from "./network.ts";
import type { Attempt } from "./clients.ts";

/** What a process runs: a {@linkcode RingMachine}, or one that is broken on purpose. */
export type Machine = Pick<RingMachine, "handle" | "admit" | "closed" | "membership" | "load" | "place" | "forceView">;

/** Makes what a process runs. */
export type MachineFactory = (options: RingMachineOptions) => Machine;

/** The wall clock's time at the beginning of every world. */
export const EPOCH_MS = 1_800_000_000_000;

/** A machine with a disk, on which at most one process runs. */
export interface Node {
  readonly index: number;
  readonly name: string;
  readonly host: string;
  readonly address: string;
  /** Whether what it runs only votes. */
  readonly isWitness: boolean;
  wallOffsetMs: number;
  readonly disk: Disk;
  /** The one that was started last. */
  process?: Process;
  /** How often one was started. */
  starts: number;
  /** The highest incarnation that was used since the disk was wiped. */
  incarnation: number;
  /** Whether one should be running. */
  wanted: boolean;
  /** Whether the machine has no power: then nobody even says that nobody listens. */
  isDown: boolean;
  /** For how long its clock has stood still, in milliseconds. */
  stoodMs: number;
}

/** What becomes of a process. */
export type ProcessState = "starting" | "running" | "stopped" | "gone";

/** A process. */
export class Process {
  readonly node: Node;
  readonly boot: string;
  readonly startedAt: number;
  readonly machine: Machine;
  /** Its ends of links, by the peer's name. */
  readonly links = new Map<string, End>();
  /** Addresses that it dials now. */
  readonly dials = new Set<string>();
  /** Pushes that clients await an answer for. */
  readonly pushes = new Map<number, Attempt>();
  /** Clusters whose commit is under way. */
  readonly committing = new Set<string>();
  /** Scrapes that await an answer. */
  readonly scrapes = new Map<number, (closed: Closed | undefined) => void>();
  state: ProcessState = "starting";
  leavingSince: number | undefined;
  /** For how long it was stopped, in milliseconds. */
  stoppedMs = 0;
  /** For how long its own clock stood still meanwhile. */
  stoodMs = 0;
  #stoppedAt = 0;
  #standsStill = false;
  #token = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #worldNow: () => number;

  /** Starts it, with a machine that has yet to take its first event. */
  constructor(node: Node, { boot, worldNow, makeMachine }: {
    boot: string;
    worldNow: () => number;
    makeMachine: (clock: Clock) => Machine;
  }) {
    this.node = node;
    this.boot = boot;
    this.#worldNow = worldNow;
    this.startedAt = worldNow();
    this.machine = makeMachine(this.clock);
  }

  /** Its name. */
  get name(): string {
    return this.node.name;
  }

  /** The time by its own clocks. */
  get clock(): Clock {
    return { now: this.#now, wall: EPOCH_MS + this.#worldNow() + this.node.wallOffsetMs };
  }

  get #now(): number {
    return this.#worldNow() - this.startedAt - this.stoodMs;
  }

  /** Whether it can be linked with and asked for its page. */
  get isRunning(): boolean {
    return this.state === "running";
  }

  /** Why its page shows nothing. */
  get closed(): Closed | undefined {
    return this.machine.closed(this.#now);
  }

  /** Says HELLO. */
  get hello(): Hello {
    const { name, boot, incarnation, address, host } = this.machine.membership.self;
    return { name, boot, incarnation, address, host };
  }

  /** Numbers a push. */
  nextToken(): number {
    return ++this.#token;
  }

  /** Whether it lets a peer in. */
  admit(hello: Hello): Refusal | undefined {
    return this.machine.admit(hello, this.#now);
  }

  /** Hands an event to the machine. */
  handle(event: RingEvent): Effect[] {
    return this.machine.handle(event, this.clock);
  }

  /** Does something in the process, once it runs; never if it does not any more. */
  post(task: () => void) {
    if (this.state === "stopped") this.#waiting.push(task);
    else if (this.state !== "gone") task();
  }

  /** SIGSTOP; or its clock stands still as well. */
  stop({ standsStill }: { standsStill: boolean }) {
    this.state = "stopped";
    this.#stoppedAt = this.#worldNow();
    this.#standsStill = standsStill;
  }

  /** SIGCONT: returns what has waited. */
  resume(): (() => void)[] {
    this.state = "running";
    const ms = this.#worldNow() - this.#stoppedAt;
    this.stoppedMs += ms;
    if (this.#standsStill) {
      this.stoodMs += ms;
      this.node.stoodMs += ms;
    }
    return this.#waiting.splice(0);
  }

  /** Ends. */
  end() {
    this.state = "gone";
    this.#waiting.length = 0;
  }
}
