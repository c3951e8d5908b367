/**
 * What may happen to the servers of a ring, with pushes under way all the time.
 *
 * @module
 */

import { connectUntil } from "./refused_connections.ts";
import type { RingServer } from "./ring_servers.ts";
import type { Scenario, Trial } from "./trial.ts";

/** For how long nothing happens when that is what is tried, in milliseconds. */
const QUIET_MS = 10_000;
/** So long that all links are given up. */
const BLACKOUT_MS = 40_000;
/** So long that it has been declared dead and has come back. */
const ONE_WAY_MS = 30_000;
/** How often, and for how long at a time, a server that is slow stands still, in milliseconds. */
const SLOW_ROUNDS = 5, SLOW_MS = 400;
/** How often all are killed, after each other. */
const KILLED_ROUNDS = 7;
/** Within which time a server whose disk is full has no cluster any more, in milliseconds. */
const MOVED_MS = 30_000;

/** For how long a cluster may be on no page, in seconds: where nothing moves, two rounds of the observer. */
const UNMOVED_SECONDS = 0.6;
/** Where it moves as planned. */
const PLANNED_SECONDS = 1;
/** Where its owner's process ends without a word. */
const CRASH_SECONDS = 4;
/** Where its owner is not heard any more. */
const SILENCE_SECONDS = 5;
/** Where all processes end, and start again. */
const RESTART_SECONDS = 10;

/** For how long all push through servers whose clocks differ, and how far a clock is set back, in milliseconds. */
const APART_MS = 30_000, BACK_MS = 30_000;

/** The most that a witness has to keep: a database that is almost empty, and its journal. */
const WITNESS_BYTES = 256 * 1_024;

/** All of them. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: "nothing",
    gapSeconds: UNMOVED_SECONDS,
    servers: 3,
    act: async (trial) => {
      await trial.pass(QUIET_MS);
      await trial.whole("nothing happened");
    },
  },
  {
    name: "kill",
    gapSeconds: CRASH_SECONDS,
    servers: 3,
    act: async (trial) => {
      const [, victim] = trial.servers;
      await crash(trial, victim);
      await trial.whole("kill -9 of one of three");
      trial.pusher.thaw();
      await restart(victim);
      await trial.whole("its restart");
    },
  },
  {
    name: "kill-two",
    servers: 5,
    act: async (trial) => {
      const [, , ...victims] = trial.servers;
      const [one, other] = victims;
      await Promise.all([crash(trial, one), other.kill()]);
      // What both owner and standby held is shown again once one of them is back.
      await trial.pass(QUIET_MS);
      await restart(one);
      await restart(other);
      await trial.whole("kill -9 of two of five, and their restart");
      trial.pusher.thaw();
      await trial.whole("pushes go on");
    },
  },
  {
    name: "fence",
    servers: 3,
    act: async (trial) => {
      const [survivor, ...victims] = trial.servers;
      await trial.pusher.freezeHalf();
      await Promise.all(victims.map((victim) => victim.kill()));
      await trial.pass(QUIET_MS);
      const response = await fetch(new URL("federate", survivor.internal));
      const text = await response.text();
      if (response.status !== 503) {
        throw new Error(`One of three shows a page although it is alone: ${text.slice(0, 99)}`);
      }
      await Promise.all(victims.map(restart));
      await trial.whole("one of three was alone, and showed nothing");
    },
  },
  {
    name: "blackout",
    servers: 3,
    wired: true,
    act: async (trial) => {
      const { servers, wires } = trial.ring;
      await trial.pusher.freezeHalf();
      wires.forEach((wire) => wire.cut());
      await trial.pass(BLACKOUT_MS);
      for (const { name, internal } of servers) {
        const response = await fetch(new URL("federate", internal));
        await response.body?.cancel();
        if (response.status !== 503) throw new Error(`${name} shows a page although it hears nobody`);
      }
      wires.forEach((wire) => wire.mend());
      await trial.whole(`nobody heard anybody for ${BLACKOUT_MS / 1_000} s`);
      trial.pusher.thaw();
    },
  },
  {
    name: "one-way",
    gapSeconds: SILENCE_SECONDS,
    servers: 3,
    wired: true,
    act: async (trial) => {
      const { servers: [one, other, victim], wires: [, , wire] } = trial.ring;
      // Whoever starts dials the others, and of two dials that of the lower name stays: the wire is to carry its links.
      for (const server of [one, other]) {
        await server.stop();
        await restart(server);
      }
      await trial.whole(`the others have dialled ${victim.name}`);
      wire.cut();
      await trial.pusher.freezeHalf();
      await trial.pass(ONE_WAY_MS);
      await trial.whole(`one of three cannot be dialled since ${ONE_WAY_MS / 1_000} s`);
      wire.mend();
      trial.pusher.thaw();
      await trial.whole("it can be dialled again");
    },
  },
  { name: "pause-3s", servers: 3, gapSeconds: SILENCE_SECONDS, act: (trial) => paused(trial, 3_000) },
  { name: "pause-15s", servers: 3, gapSeconds: SILENCE_SECONDS, act: (trial) => paused(trial, 15_000) },
  {
    name: "power-loss",
    servers: 3,
    gapSeconds: SILENCE_SECONDS,
    act: async (trial) => {
      const [, victim] = trial.servers;
      // Nothing of it is heard any more, no end of a link either.
      victim.pause();
      await trial.pusher.freezeHalf();
      await trial.whole("one of three fell silent for good");
      trial.pusher.thaw();
      await trial.whole("pushes go on");
    },
  },
  {
    name: "destroyed",
    servers: 3,
    gapSeconds: CRASH_SECONDS,
    act: async (trial) => {
      const [, victim] = trial.servers;
      await trial.pass(QUIET_MS);
      // What was acknowledged a moment ago must be on another disk.
      await crash(trial, victim);
      await victim.deleteStore();
      await trial.whole("one of three was destroyed with its disk, under load");
    },
  },
  {
    name: "destroyed-beside-slow",
    servers: 3,
    gapSeconds: SILENCE_SECONDS,
    act: async (trial) => {
      const [slow, victim] = trial.servers;
      // The third of each pair keeps the copies that the slow one does not acknowledge in time.
      for (let round = 0; round < SLOW_ROUNDS; round++) {
        slow.pause();
        await trial.pass(SLOW_MS);
        slow.resume();
        await trial.pass(SLOW_MS);
      }
      slow.pause();
      await trial.pass(SLOW_MS);
      await Promise.all([crash(trial, victim), trial.pass(SLOW_MS).then(() => slow.resume())]);
      await victim.deleteStore();
      await trial.whole("one of three was destroyed with its disk while another one was slow");
    },
  },
  {
    name: "clocks-apart",
    gapSeconds: UNMOVED_SECONDS,
    servers: 3,
    clocks: [0, 15, -15],
    act: async (trial) => {
      const startedAt = await Promise.all(
        trial.servers.map((server) => server.metric("process_start_time_seconds")),
      );
      if (startedAt[1] - startedAt[2] < 20) throw new Error("The clocks of the servers are not apart");
      await trial.pass(APART_MS);
      for (const server of trial.servers) {
        const stale = await server.metric('telemeter_pushes_total{result="stale"}');
        if (stale > 0) throw new Error(`${server.name} takes ${stale} pushes for older than what it has`);
      }
      await trial.whole("30 s through servers whose clocks are 30 s apart");
    },
  },
  {
    name: "clock-back",
    gapSeconds: CRASH_SECONDS,
    servers: 3,
    clocks: [0, 0, 0],
    act: async (trial) => {
      const { servers: [, victim], clocks: [, clock] } = trial;
      await clock.set(-BACK_MS / 1_000);
      await trial.pass(QUIET_MS);
      await trial.whole("the clock of one of three was set back by 30 s");
      await victim.kill();
      await restart(victim);
      await trial.whole("its restart with that clock");
      await clock.set(0);
      await trial.pass(QUIET_MS);
      await trial.whole("its clock was set right");
    },
  },
  {
    name: "full-disk",
    servers: 3,
    smallDisk: true,
    gapSeconds: PLANNED_SECONDS,
    act: async (trial) => {
      const [victim] = trial.servers;
      await trial.disk!.fill();
      const since = performance.now();
      while (await owned(victim) > 0) {
        if (performance.now() - since > MOVED_MS) {
          throw new Error(`${victim.name} owns clusters for ${MOVED_MS} ms with a full disk`);
        }
        await trial.pass(250);
      }
      await trial.whole("the disk of one of three is full");
      await trial.pass(QUIET_MS);
      await trial.whole("pushes go on");
      await trial.disk!.free();
      await trial.whole("its disk has room again");
    },
  },
  {
    name: "kill-all-again",
    servers: 3,
    gapSeconds: RESTART_SECONDS,
    act: async (trial) => {
      await trial.pusher.freezeHalf();
      for (let round = 1; round <= KILLED_ROUNDS; round++) {
        await Promise.all(trial.servers.map((server) => server.kill()));
        await Promise.all(trial.servers.map((server) => restart(server)));
        await trial.whole(`kill -9 of all, and their restart, for the ${round}. time`);
      }
    },
  },
  {
    name: "join",
    gapSeconds: PLANNED_SECONDS,
    servers: 5,
    begin: 3,
    act: async (trial) => {
      for (const joiner of trial.servers.slice(3)) {
        await restart(joiner);
        await trial.whole(`${joiner.name} joined`);
      }
    },
  },
  {
    name: "leave",
    gapSeconds: PLANNED_SECONDS,
    servers: 4,
    act: async (trial) => {
      const [leaver] = trial.servers;
      await trial.pusher.freezeHalf();
      await leaver.stop();
      await trial.whole("one of four left");
    },
  },
  {
    name: "kill-all",
    gapSeconds: RESTART_SECONDS,
    servers: 3,
    act: async (trial) => {
      await trial.pusher.freezeHalf();
      await Promise.all(trial.servers.map((server) => server.kill()));
      await Promise.all(trial.servers.map((server) => restart(server)));
      await trial.whole("kill -9 of all, and their restart");
    },
  },
  {
    name: "rolling-restart",
    gapSeconds: PLANNED_SECONDS,
    servers: 3,
    act: async (trial) => {
      await trial.pusher.freezeHalf();
      for (const server of trial.servers) {
        await server.stop();
        await restart(server);
        await trial.whole(`${server.name} restarted`);
      }
    },
  },
  {
    name: "lost-store",
    gapSeconds: CRASH_SECONDS,
    servers: 3,
    act: async (trial) => {
      const [, victim] = trial.servers;
      await trial.pusher.freezeHalf();
      await victim.kill();
      await victim.deleteStore();
      await restart(victim);
      await trial.whole("kill -9 of one of three, and its restart without its store");
    },
  },
  {
    name: "refused-connections",
    gapSeconds: PLANNED_SECONDS,
    servers: 3,
    act: async (trial) => {
      const stop = new AbortController();
      const ports = trial.servers.map(({ cluster }) => Number(cluster.split(":")[1]));
      const connections = connectUntil(ports, stop.signal);
      try {
        await trial.pass(QUIET_MS);
        await trial.whole("refused connections");
        // A member finds its way in among them.
        const [, member] = trial.servers;
        await member.stop();
        await restart(member);
        await trial.whole("one of three left, and came back among them");
      } finally {
        stop.abort();
      }
      const counted = await Promise.all(trial.servers.map(refusals));
      const sum = counted.reduce((a, b) => a + b, 0);
      await trial.whole(`${await connections} connections; the servers have counted ${sum} refusals since their start`);
    },
  },
  {
    name: "witness",
    servers: 3,
    witnesses: 1,
    act: async (trial) => {
      const [survivor, victim, witness] = trial.servers;
      await crash(trial, victim);
      await trial.whole("kill -9 of one of two that have a witness");
      trial.pusher.thaw();
      await restart(victim);
      await trial.whole("its restart");
      await witness.kill();
      await trial.whole("kill -9 of the witness");
      await restart(witness);
      await trial.pass(QUIET_MS);
      // Without the other one and the witness, who would say that it is gone?
      await Promise.all([victim.kill(), witness.kill()]);
      await trial.pusher.freezeHalf();
      await trial.pass(QUIET_MS);
      if (await survivor.isReady()) {
        throw new Error("One of two shows a page though it has lost the other and the witness");
      }
      await Promise.all([restart(victim), restart(witness)]);
      await trial.whole("it was alone, and showed nothing");
      const bytes = await witness.storedBytes();
      if (bytes > WITNESS_BYTES) throw new Error(`The witness keeps ${bytes} bytes`);
    },
  },
  {
    name: "two-of-one-name",
    gapSeconds: UNMOVED_SECONDS,
    servers: 3,
    act: async (trial) => {
      const second = await impersonate(trial);
      await trial.pass(QUIET_MS);
      await trial.whole("a second process of one name was refused, and goes on trying");
      await second.kill();
      await trial.whole("it is gone");
    },
  },
];

/** The short one, for each run of the tests. */
export const SHORT_SCENARIO: Scenario = {
  name: "short",
  servers: 3,
  act: async (trial) => {
    const [one, other, victim] = trial.servers;
    const second = await impersonate(trial);
    await trial.whole("a second process of one name was refused");
    await second.kill();
    other.pause();
    await trial.pass(3_000);
    other.resume();
    await trial.whole("one of three paused for 3 s");
    trial.pusher.thaw();
    await one.stop();
    await restart(one);
    await trial.whole("one of three left, and came back");
    await crash(trial, victim);
    await trial.whole("kill -9 of one of three");
    await restart(victim);
    await trial.whole("its restart");
  },
};

/** Starts a second server with the name of one that runs, and waits until it is told so. */
async function impersonate({ ring, servers: [, twin] }: Trial): Promise<RingServer> {
  const second = ring.twin(twin);
  second.launch();
  await second.child.line(/is in use by a process|is alive as/);
  return second;
}

/** Kills a server, and freezes half of the clusters at that moment: what was acknowledged of them must come back by itself. */
async function crash({ pusher }: Trial, victim: RingServer): Promise<void> {
  await victim.kill();
  await pusher.freezeHalf();
}

/** How many clusters a server owns. */
async function owned(server: RingServer): Promise<number> {
  return await server.metric('telemeter_ring_clusters{role="owned"}');
}

/** How many connections were refused, for whatever reason. */
async function refusals({ internal }: RingServer): Promise<number> {
  const text = await (await fetch(new URL("metrics", internal))).text();
  const values = text.matchAll(/^telemeter_ring_refused_total\{[^}]*\} (\d+)$/gm);
  return values.reduce((sum, [, value]) => sum + Number(value), 0);
}

async function restart(server: RingServer): Promise<void> {
  server.launch();
  await server.ready();
}

async function paused(trial: Trial, ms: number): Promise<void> {
  const [, victim] = trial.servers;
  victim.pause();
  await trial.pusher.freezeHalf();
  await trial.pass(ms);
  victim.resume();
  await trial.whole(`one of three paused for ${ms / 1_000} s`);
  trial.pusher.thaw();
  await trial.pass(3_000);
  await trial.whole("pushes go on");
}
