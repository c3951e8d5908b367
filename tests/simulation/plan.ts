/**
 * What is to happen in a simulated world: a list of faults, each of which ends by itself, so that a list without one of them is
 * as good a plan.
 *
 * @module
 */

/** A machine that may run a member. */
export interface PlannedNode {
  /** The member's name; two nodes may bear the same. */
  readonly name: string;
  /** The host that it says it runs on. */
  readonly host: string;
  /** How far its wall clock is off, in milliseconds. */
  readonly wallOffsetMs: number;
  /** When it first starts; never by itself if absent. */
  readonly startAt?: number;
  /** Whether its address is among the seeds though it never starts by itself. */
  readonly listed?: true;
  /** Whether what it runs only votes. */
  readonly isWitness?: true;
}

/** Something that goes wrong, or is done, from a time on and for a while. Nodes are meant by their index. */
export type Fault =
  & {
    /** When it begins. */
    readonly at: number;
    /** How long it lasts, in milliseconds. */
    readonly ms: number;
  }
  & (
    /** The process dies and is started again at the end; with `power` its peers do not see its links end. */
    | {
      readonly kind: "crash";
      readonly node: number;
      /**
       * It dies as soon as it has said that it accepts a view, for so many milliseconds, and whoever it has said so is cut off from all
       * others once it has heard; not if nothing is to be voted on in time for that to end with the fault.
       */
      readonly afterVoteMs?: number;
      readonly power?: true;
      readonly wipe?: true;
      /** Pushes that its disk took last are lost though it has said that it has them: so long before, in milliseconds. */
      readonly lostMs?: number;
    }
    /** SIGTERM; started again once it has left and the time is over, or else its storage is deleted. */
    | {
      readonly kind: "leave";
      readonly node: number;
      readonly forGood?: true;
      readonly wipe?: true;
      /** As soon as it has left, its storage is deleted, and the machine of that node is destroyed with its disk until the end. */
      readonly thenLost?: number;
    }
    /** SIGSTOP and SIGCONT; or a virtual machine that is paused, whose own clock stands still meanwhile. */
    | { readonly kind: "stop"; readonly node: number; readonly standsStill?: true }
    /** Starts a node that is not running; at the end it is killed, unless it is to stay. */
    | { readonly kind: "start"; readonly node: number; readonly stays: boolean }
    /** Nothing gets from these nodes to those. */
    | { readonly kind: "cut"; readonly from: readonly number[]; readonly to: readonly number[] }
    /** Everything takes longer from these nodes to those. */
    | {
      readonly kind: "delay";
      readonly from: readonly number[];
      readonly to: readonly number[];
      readonly delayMs: number;
    }
    /** The links between two nodes break. */
    | { readonly kind: "reset"; readonly between: readonly [number, number] }
    /** A wall clock is set to another time. */
    | { readonly kind: "clock"; readonly node: number; readonly byMs: number }
    /** Nothing can be written. */
    | { readonly kind: "full"; readonly node: number }
    /** Writing takes longer. */
    | { readonly kind: "slow"; readonly node: number; readonly slownessMs: number }
  );

/** A whole run. */
export interface Plan {
  /** What all chance follows from. */
  readonly seed: number;
  /** The name of the scenario. */
  readonly scenario: string;
  readonly nodes: readonly PlannedNode[];
  readonly faults: readonly Fault[];
  /** How many clusters push. */
  readonly clusters: number;
  /** The mean time between two pushes of a cluster, in milliseconds. */
  readonly pushEveryMs: number;
  /** How long an entry holds, in milliseconds. */
  readonly ttlMs: number;
  /** How long a message takes at least, and up to how much longer, in milliseconds. */
  readonly delayMs: number;
  /** How many bytes a push has. */
  readonly pushBytes: number;
  /** Bounds of every member. */
  readonly limits: {
    readonly peerRequests: number;
    readonly pendingBytes: number;
    readonly totalBytes: number;
    readonly transferBytesPerSecond?: number;
  };
  /** Whether the seeds are one address that stands for all. */
  readonly balanced: boolean;
  /** How long views may differ once all faults are over, in milliseconds. */
  readonly convergeMs: number;
  /** How likely a push is one that the store refuses. */
  readonly poison: number;
  /** From how long after the cut of a link on pushes must get past it, in milliseconds; where absent, they need not. */
  readonly detourMs?: number;
  /** How long after its client was answered a push may not be on the page yet, in milliseconds; where absent, as long as it takes. */
  readonly lagMs?: number;
  /** How much older than the TTL something may be shown, in milliseconds: the time that copies travel is not counted. */
  readonly ageLeewayMs: number;
  /** How long a cluster may be on no page while something of it should be, in milliseconds; where absent, as long as it takes. */
  readonly darkMs?: number;
}

/** For how long clients push at least, in milliseconds. */
const PUSHING_MS = 60_000;

/** When all faults are over. */
export function healedAt({ faults }: Plan): number {
  return Math.max(PUSHING_MS, ...faults.map(({ at, ms }) => at + ms));
}
