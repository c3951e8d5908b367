/**
 * One scenario, tried on servers of its own: what it took, and what was seen meanwhile.
 *
 * @module
 */

import { messageOf } from "../../common/explain.ts";
import { Observer } from "./observer.ts";
import { Pusher } from "./pusher.ts";
import { type RingServer, RingServers } from "./ring_servers.ts";
import { ShownAccount, type ShownTotals } from "./shown_account.ts";
import { taskCommand } from "../../scripts/process/tasks.ts";
import { MachineClock } from "../support/machine_clock.ts";
import { SmallDisk } from "../support/small_disk.ts";

/** How large a trial is. */
export interface TrialScale {
  /** Clusters that push. */
  readonly clusters: number;
  /** Pushes a second, of all clusters together. */
  readonly pushesPerSecond: number;
  /** Ends the trial early, with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What a scenario works with. */
export interface Trial {
  /** The ring. */
  readonly ring: RingServers;
  /** Its servers. */
  readonly servers: readonly RingServer[];
  /** The clients. */
  readonly pusher: Pusher;
  /** What the pages have shown so far. */
  readonly shown: () => ShownTotals;
  /** The disk of the first server, if it has one of its own. */
  readonly disk?: SmallDisk;
  /** The clocks of the servers, in their order, if they have some of their own. */
  readonly clocks: readonly MachineClock[];
  /** Lets time pass in which things happen by themselves. */
  pass(ms: number): Promise<void>;
  /** Waits until each cluster is shown by exactly one server, nothing acknowledged is lost, and notes how long that took. */
  whole(after: string): Promise<void>;
}

/** Something that happens to a ring. */
export interface Scenario {
  /** What it is called on the command line. */
  readonly name: string;
  /** How many servers there are. */
  readonly servers: number;
  /** How many of them are there from the start. @default all */
  readonly begin?: number;
  /** How many of them, the last ones, only vote. @default {0} */
  readonly witnesses?: number;
  /** Whether there are wires to cut. @default {false} */
  readonly wired?: boolean;
  /** Whether the first server has a disk of its own, which can be filled: only who may mount one can try it. @default {false} */
  readonly smallDisk?: boolean;
  /**
   * By how many seconds the clock of each server is ahead, which may be set anew meanwhile: only where libfaketime is can it be tried.
   *
   * @default all have the clock of this machine
   */
  readonly clocks?: readonly number[];
  /** For how long a cluster may be on no page, in seconds. Without it there is a reason for any time: see the scenario. */
  readonly gapSeconds?: number;
  /** Makes it happen. All servers are ready before, and what it waits for is that the ring is whole again. */
  act(trial: Trial): Promise<void>;
}

/** What became of a scenario. */
export interface Verdict {
  /** The scenario. */
  readonly name: string;
  /** What there was to wait for, and for how long it took from the wait before, in seconds. */
  readonly waits: readonly { readonly after: string; readonly seconds: number }[];
  /** What was seen on the pages. */
  readonly shown: ShownTotals;
  /** For how long a cluster may have been on no page, in seconds; Infinity if for any time. */
  readonly gapSeconds: number;
  /** Pushes by answer. */
  readonly answers: ReadonlyMap<string, number>;
  /** The slowest acknowledged push, in milliseconds. */
  readonly slowestMs: number;
  /** Why the ring did not become whole, or what was shown that must not be. */
  readonly failure?: string;
  /** The last lines of each server's log. */
  readonly logs: readonly string[];
}

/** Within which time a ring must be whole again after anything, in milliseconds. */
const WHOLE_MS = 75_000;
/** How much of each log is shown of a trial that failed. */
const LOG_LINES = 60;

/** Tries a scenario. */
export async function tryScenario(scenario: Scenario, scale: TrialScale): Promise<Verdict> {
  const names = Array.from({ length: scenario.servers }, (_, index) => `server-${index}`);
  const witnesses = names.slice(names.length - (scenario.witnesses ?? 0));
  await using stack = new AsyncDisposableStack();
  const clocks = await clocksOf(scenario, { names, stack });
  const ring = stack.use(
    await RingServers.create({
      names,
      witnesses,
      wired: scenario.wired,
      command: (name, flags) => {
        const command = taskCommand("server", flags);
        return clocks.get(name)?.of(command) ?? command;
      },
    }),
  );
  const disk = scenario.smallDisk ? await SmallDisk.mount(ring.servers[0].storageDir) : undefined;
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const stop = () => reject(scale.signal?.reason);
  scale.signal?.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([tryOn({ ring, disk, clocks: [...clocks.values()] }, scenario, scale), stopped]);
  } finally {
    scale.signal?.removeEventListener("abort", stop);
    if (disk !== undefined) {
      await ring.servers[0].retire();
      await disk[Symbol.asyncDispose]();
    }
  }
}

/** The clocks of the servers by name, none if they have that of this machine. */
async function clocksOf(
  { clocks = [] }: Scenario,
  { names, stack }: { names: readonly string[]; stack: AsyncDisposableStack },
): Promise<Map<string, MachineClock>> {
  const made = new Map<string, MachineClock>();
  if (clocks.length === 0) return made;
  const dir = await Deno.makeTempDir({ prefix: "telemeter-clocks-" });
  stack.defer(() => Deno.remove(dir, { recursive: true }));
  for (const [index, name] of names.entries()) {
    made.set(name, await MachineClock.create({ dir, name, aheadSeconds: clocks[index] }));
  }
  return made;
}

async function tryOn(
  { ring, disk, clocks }: Pick<Trial, "ring" | "disk" | "clocks">,
  { name, begin, gapSeconds = Infinity, act }: Scenario,
  { clusters, pushesPerSecond }: TrialScale,
): Promise<Verdict> {
  const { servers } = ring;
  const pusher = new Pusher({
    servers: servers.map(({ external }) => external),
    token: (id) => ring.token(id),
    clusters,
    pushesPerSecond,
  });
  const waits: { after: string; seconds: number }[] = [];
  let sinceMs = performance.now();
  try {
    await ring.start(servers.slice(0, begin));
    await pusher.pushAll();
    await using observer = new Observer(servers, pusher.acknowledged);
    await observer.untilWhole({ timeoutMs: WHOLE_MS });
    observer.account = new ShownAccount(performance.now());
    pusher.start();
    sinceMs = performance.now();
    const trial: Trial = {
      ring,
      servers,
      pusher,
      disk,
      clocks,
      shown: () => observer.account.totals,
      pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      whole: async (after) => {
        await observer.untilWhole({ timeoutMs: WHOLE_MS });
        waits.push({ after, seconds: (performance.now() - sinceMs) / 1_000 });
        sinceMs = performance.now();
      },
    };
    let failure: string | undefined;
    try {
      await act(trial);
      await pusher.stop();
      await trial.whole("the last push");
    } catch (error) {
      failure = messageOf(error);
    }
    const { answers, slowestMs } = pusher, shown = observer.account.totals;
    if (shown.surelyTwiceSeconds > 0) failure ??= "Some clusters were on two pages at the same time";
    if (shown.wentBack > 0) failure ??= "Some clusters were shown as they had been before";
    if (shown.longestGapSeconds > gapSeconds) {
      failure ??= `A cluster was on no page for ${
        shown.longestGapSeconds.toFixed(1)
      } s, where ${gapSeconds} s are allowed`;
    }
    const logs = servers.map((server) => `--- the last lines of ${server.name}\n${server.tail(LOG_LINES)}`);
    return { name, waits, shown, gapSeconds, answers, slowestMs, failure, logs };
  } finally {
    await pusher.stop();
  }
}
