/**
 * Faults at random, often several at a time, which follow from a seed.
 *
 * @module
 */

import { Random } from "../support/random.ts";
import type { RingServer } from "./ring_servers.ts";
import type { Scenario, Trial } from "./trial.ts";
import type { Wire } from "./wire.ts";

/** Something that happens to one server, which runs again at the end. */
interface Fault {
  readonly what: string;
  readonly inflict: (server: RingServer, ms: number, wire: Wire) => Promise<void>;
}

const FAULTS: readonly Fault[] = [
  {
    what: "killed",
    inflict: async (server, ms) => {
      await server.kill();
      await pass(ms);
      await restart(server);
    },
  },
  {
    what: "paused",
    inflict: async (server, ms) => {
      server.pause();
      await pass(ms);
      server.resume();
    },
  },
  {
    what: "stopped",
    inflict: async (server, ms) => {
      await server.stop();
      await pass(ms);
      await restart(server);
    },
  },
  {
    what: "out of its peers' reach",
    inflict: async (_server, ms, wire) => {
      wire.cut();
      await pass(ms);
      wire.mend();
    },
  },
  {
    what: "killed twice",
    inflict: async (server, ms) => {
      await server.kill();
      server.launch();
      await pass(ms / 4);
      await server.kill();
      await pass(ms);
      await restart(server);
    },
  },
  {
    what: "paused and killed",
    inflict: async (server, ms) => {
      server.pause();
      await pass(ms);
      await server.kill();
      await restart(server);
    },
  },
];

const SERVERS = 4;
/** A server that has come and gone often waits up to two minutes before it joins again. */
const READY_MS = 200_000;
/** Short faults are as likely as long ones, by powers of two. */
const MOST_MS = 20_000;

/** So many rounds of faults, after each of which the ring becomes whole. */
export function chaos({ seed, rounds }: { seed: number; rounds: number }): Scenario {
  return {
    name: `chaos ${seed}`,
    servers: SERVERS,
    wired: true,
    act: async (trial) => {
      const random = new Random(seed);
      for (let round = 0; round < rounds; round++) await oneRound(trial, random);
    },
  };
}

async function oneRound({ ring: { servers, wires }, pusher, whole }: Trial, random: Random): Promise<void> {
  const victims = random.chance(0.6) ? 1 : random.between(2, SERVERS);
  const start = random.below(SERVERS);
  const words: string[] = [];
  const faults = Array.from({ length: victims }, async (_, index) => {
    const at = (start + index) % SERVERS, server = servers[at], { what, inflict } = random.pick(FAULTS);
    const [afterMs, ms] = [random.chance(0.5) ? 0 : random.size(3_000), random.size(MOST_MS)];
    words.push(`${server.name} ${what} after ${afterMs} ms, for ${ms} ms`);
    await pass(afterMs);
    await inflict(server, ms, wires[at]);
  });
  if (random.chance(0.5)) faults.push(pass(random.size(3_000)).then(() => pusher.freezeHalf()));
  await Promise.all(faults);
  await whole(words.join("; "));
  pusher.thaw();
}

async function restart(server: RingServer): Promise<void> {
  server.launch();
  await server.ready({ timeoutMs: READY_MS });
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
