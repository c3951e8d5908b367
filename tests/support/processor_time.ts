/**
 * The time of a processor that a process or a thread has had so far, as Linux tells it (man 5 proc_pid_stat), in milliseconds.
 *
 * @module
 */

/** Ticks a second, in which it is told. */
const TICK_HZ = 100;

/** That of all of a process' threads, those included that are gone. */
export async function processorMs(pid: number): Promise<number> {
  return msOf(await Deno.readTextFile(`/proc/${pid}/stat`));
}

/** That of the thread that asks: what it computes takes as much of it, however busy the machine is. */
export function ownThreadMs(): number {
  return msOf(Deno.readTextFileSync("/proc/thread-self/stat"));
}

/** That of each thread that lives, by number and name. */
export async function threadsMs(pid: number): Promise<ReadonlyMap<string, number>> {
  const threads = new Map<string, number>();
  for await (const { name } of Deno.readDir(`/proc/${pid}/task`)) {
    const stat = await Deno.readTextFile(`/proc/${pid}/task/${name}/stat`).catch(() => undefined);
    if (stat !== undefined) threads.set(`${name} ${/\((.*)\)/.exec(stat)![1]}`, msOf(stat));
  }
  return threads;
}

function msOf(stat: string): number {
  const [user, system] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13).map(Number);
  return 1_000 * (user + system) / TICK_HZ;
}
