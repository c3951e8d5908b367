/**
 * The scenarios: each makes a plan of what follows from a seed.
 *
 * @module
 */

import { Random } from "../support/random.ts";
import type { Fault, Plan, PlannedNode } from "./plan.ts";

/** When faults begin, in milliseconds: the ring stands by then. */
const BEGIN_MS = 25_000;
/** For how long new faults begin, in milliseconds. */
const FAULTS_MS = 90_000;

/** How long a link may have been cut until pushes get past it, in milliseconds: it is silent for 2.5 s until it is given up. */
const DETOUR_MS = 4_000;

/** How much older than the TTL something may be shown, in milliseconds: the time that copies travel is not counted. */
export const AGE_LEEWAY_MS = 45_000;

/** The same where nothing goes wrong. */
export const CALM_AGE_LEEWAY_MS = 5_000;

/** How long after its client was answered a push may not be shown yet where nothing goes wrong, in milliseconds. */
export const LAG_MS = 2_000;

/** How long a cluster may be on no page, in milliseconds, by scenario. */
const DARK_MS: Readonly<Record<string, number>> = {
  "nothing": 1_500,
  "silent-clients": 1_500,
  "one-crash": 5_000,
  "one-leaves": 2_000,
  "rolling-restart": 2_500,
  "joins": 2_500,
  "joins-slowly": 2_500,
  "full-for-long": 30_000,
};

/** How many members there are, by scenario, where that may not be as drawn. */
const SIZES: Readonly<Record<string, (drawn: number) => number>> = {
  "witness": () => 3,
  "votes": () => 3,
  "leaves-then-destroyed": (drawn) => Math.max(drawn, 3),
};

interface Setting {
  readonly random: Random;
  readonly size: number;
  readonly nodes: PlannedNode[];
}

type Scenario = (setting: Setting) => Fault[];

/** Times at which something begins, so many of them, each long enough after the other. */
function times(random: Random, { count, everyMs = FAULTS_MS / count }: { count: number; everyMs?: number }): number[] {
  return Array.from({ length: count }, (_, index) => Math.round(BEGIN_MS + (index + random.unit()) * everyMs));
}

function someOf(random: Random, size: number, { atMost = size - 1 }: { atMost?: number } = {}): number[] {
  const left = Array.from({ length: size }, (_, index) => index);
  return Array.from(
    { length: random.between(1, Math.max(1, atMost)) },
    () => left.splice(random.below(left.length), 1)[0],
  );
}

function cutOff({ random, size }: Setting, at: number, ms: number): Fault[] {
  const some = someOf(random, size);
  const others = Array.from({ length: size }, (_, index) => index).filter((index) => !some.includes(index));
  return [{ kind: "cut", at, ms, from: some, to: others }, { kind: "cut", at, ms, from: others, to: some }];
}

/** A fault that befalls one member after the other, or one again and again. */
function spread(
  { random, size }: Setting,
  { count, make }: { count: number; make: (at: number, node: number) => Fault },
): Fault[] {
  return times(random, { count }).map((at) => make(at, random.below(size)));
}

/** The scenarios by name. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  nothing: () => [],
  "one-address": () => [],
  "one-crash": ({ random, size }) => [{
    kind: "crash",
    at: random.between(80_000, 90_000),
    ms: random.between(30_000, 60_000),
    node: random.below(size),
    ...(random.chance(0.5) ? { power: true } : {}),
  }],
  "crashes": (setting) => {
    const { random } = setting;
    const make = (at: number, node: number): Fault => ({
      kind: "crash",
      at,
      node,
      ms: random.between(500, 30_000),
      ...(random.chance(0.3) ? { power: true } : {}),
    });
    return spread(setting, { count: random.between(2, 8), make });
  },
  "flaps": ({ random, size }) => {
    const node = random.below(size), count = random.between(4, 8);
    return times(random, { count }).map((at) => ({ kind: "crash", at, node, ms: random.between(200, 8_000) }));
  },
  "everybody-crashes": ({ random, size }) => {
    const at = random.between(40_000, 80_000), spreadMs = random.pick([1, 2_000]);
    return Array.from({ length: size }, (_, node) => ({
      kind: "crash",
      at: at + random.below(spreadMs),
      node,
      ms: random.between(1_000, 20_000),
      power: true,
    }));
  },
  "everybody-flaps": ({ random, size }) => {
    const everyMs = random.between(12_000, 20_000);
    return Array.from(
      { length: random.between(4, 6) },
      (_, time): Fault[] =>
        Array.from({ length: size }, (_, node) => ({
          kind: "crash",
          at: BEGIN_MS + time * everyMs + random.below(200),
          node,
          ms: random.between(500, 3_000),
          power: true,
        })),
    ).flat();
  },
  "storage-deleted": (setting) => {
    const { random } = setting;
    const make = (at: number, node: number): Fault => ({
      kind: random.chance(0.7) ? "crash" : "leave",
      at,
      node,
      ms: random.between(22_000, 35_000),
      wipe: true,
    });
    return spread(setting, { count: random.between(1, 3), make });
  },
  "stops": (setting) => {
    const { random } = setting;
    const make = (at: number, node: number): Fault => ({ kind: "stop", at, node, ms: random.between(500, 30_000) });
    return spread(setting, { count: random.between(2, 8), make });
  },
  "partition": (setting) => {
    const { random } = setting;
    return times(random, { count: random.between(1, 3) }).flatMap((at) =>
      cutOff(setting, at, random.between(3_000, 60_000))
    );
  },
  "one-way-links": ({ random, size }) =>
    times(random, { count: random.between(1, 6) }).map((at) => {
      const from = random.below(size);
      const to = (from + random.between(1, size - 1)) % size;
      return { kind: "cut", at, ms: random.between(2_000, 40_000), from: [from], to: [to] };
    }),
  "deaf-or-mute": ({ random, size }) =>
    times(random, { count: random.between(1, 3) }).map((at) => {
      const one = random.below(size);
      const others = Array.from({ length: size }, (_, index) => index).filter((index) => index !== one);
      const isDeaf = random.chance(0.5);
      return {
        kind: "cut",
        at,
        ms: random.between(2_000, 40_000),
        from: isDeaf ? others : [one],
        to: isDeaf ? [one] : others,
      };
    }),
  "delays": ({ random, size }) =>
    times(random, { count: random.between(1, 4) }).map((at) => ({
      kind: "delay",
      at,
      ms: random.between(5_000, 60_000),
      from: someOf(random, size, { atMost: size }),
      to: someOf(random, size, { atMost: size }),
      delayMs: random.pick([1_000, 2_500, 4_000, 4_000]),
    })),
  "resets": ({ random, size }) =>
    times(random, { count: random.between(5, 30) }).map((at) => {
      const a = random.below(size);
      return { kind: "reset", at, ms: 0, between: [a, (a + random.between(1, size - 1)) % size] };
    }),
  "disks": (setting) => {
    const { random } = setting;
    const make = (at: number, node: number): Fault =>
      random.chance(0.5)
        ? { kind: "full", at, node, ms: random.between(2_000, 40_000) }
        : { kind: "slow", at, node, ms: random.between(5_000, 40_000), slownessMs: random.pick([500, 3_000]) };
    return [
      ...spread(setting, { count: random.between(1, 5), make }),
      ...spread(setting, {
        count: random.below(3),
        make: (at, node) => ({ kind: "crash", at, node, ms: random.between(500, 20_000) }),
      }),
    ];
  },
  "clocks-set": ({ random, size }) =>
    times(random, { count: random.between(2, 8) }).map((at) => ({
      kind: "clock",
      at,
      ms: 0,
      node: random.below(size),
      byMs: random.pick([-1, 1]) * random.pick([2_000, 40_000, 600_000, 3_600_000]),
    })),
  overload: ({ random, size }) =>
    Array.from({ length: size }, (_, node) => ({
      kind: "slow",
      at: BEGIN_MS + random.below(20_000),
      ms: random.between(10_000, 40_000),
      node,
      slownessMs: random.pick([1_000, 4_000]),
    })),
  "one-leaves": ({ random, size }) => [{
    kind: "leave",
    at: random.between(80_000, 90_000),
    ms: 30_000,
    node: random.below(size),
    wipe: true,
    ...(random.chance(0.7) ? { forGood: true } : {}),
  }],
  "rolling-restart": ({ random, size }) => {
    const everyMs = random.pick([25_000, 40_000, 70_000]);
    return Array.from({ length: size }, (_, node) => ({
      kind: "leave",
      at: BEGIN_MS + 10_000 + node * everyMs,
      node,
      ms: random.between(20_000, 24_000),
    }));
  },
  "joins": ({ random, nodes }) => {
    const count = random.between(1, 3);
    const gap = random.pick([50, 3_000, 30_000]);
    return Array.from({ length: count }, (_, index) => {
      nodes.push({
        name: `n${nodes.length}`,
        host: `h${random.below(9)}`,
        wallOffsetMs: random.between(-1_000, 1_000),
      });
      return { kind: "start", at: BEGIN_MS + 5_000 + index * gap, ms: 0, node: nodes.length - 1, stays: true };
    });
  },
  "two-of-one-name": ({ random, size, nodes }) => {
    const twin = nodes[random.below(size)].name;
    return times(random, { count: random.between(1, 2) }).flatMap((at, index): Fault[] => {
      nodes.push({ name: twin, host: `t${index}`, wallOffsetMs: random.between(-1_000, 1_000) });
      const node = nodes.length - 1, ms = random.between(1_000, 40_000);
      if (random.chance(0.3)) {
        return [{ kind: "start", at, ms: ms * 2, node, stays: false }, {
          kind: "leave",
          at: at + ms,
          ms: 20_000,
          node,
          forGood: true,
        }];
      }
      return [{ kind: "start", at, ms, node, stays: false }];
    });
  },
  "start-apart": (setting) => {
    const { random, nodes } = setting;
    for (const [index, node] of nodes.entries()) {
      if (node.startAt !== undefined) nodes[index] = { ...node, startAt: random.below(15_000) };
    }
    return cutOff(setting, 0, random.between(5_000, 60_000));
  },
  "twin-at-a-seed": ({ random, size, nodes }) => {
    nodes.push({ name: nodes[random.below(size)].name, host: "t", wallOffsetMs: 0, listed: true });
    const node = nodes.length - 1;
    return times(random, { count: random.between(1, 2) }).map((at) => ({
      kind: "start",
      at,
      ms: random.between(5_000, 40_000),
      node,
      stays: false,
    }));
  },
  "machine-destroyed": (setting) => {
    const { random, size } = setting;
    const at = random.between(80_000, 90_000);
    const node = random.below(size), other = (node + random.between(1, size - 1)) % size;
    const lame: Fault = random.chance(0.5)
      ? { kind: "full", at: at - random.between(1_000, 4_000), ms: 20_000, node: other }
      : { kind: "slow", at: at - random.between(1_000, 40_000), ms: 60_000, node: other, slownessMs: 3_000 };
    return [
      { kind: "crash", at, ms: random.between(30_000, 60_000), node, power: true, wipe: true },
      ...(random.chance(0.7) ? [lame] : []),
    ];
  },
  "lost-writes": (setting) => {
    const { random } = setting;
    const make = (at: number, node: number): Fault => ({
      kind: "crash",
      at,
      node,
      ms: random.between(500, 20_000),
      power: true,
      lostMs: random.between(50, 2_000),
    });
    return [make(random.between(80_000, 100_000), random.below(setting.size))];
  },
  "leaves-then-destroyed": ({ random, size }) => {
    const node = random.below(size), thenLost = (node + random.between(1, size - 1)) % size;
    return [{
      kind: "leave",
      at: random.between(80_000, 90_000),
      ms: 8_000,
      node,
      wipe: true,
      forGood: true,
      thenLost,
    }];
  },
  "votes": ({ random, nodes }) => {
    // Whoever votes on a view forgets it, unless it has kept it; or has lost its disk, once: else most votes were lost.
    const mayWipe = random.chance(0.5);
    const byName = [...nodes.keys()].sort((a, b) => nodes[a].name < nodes[b].name ? -1 : 1);
    return times(random, { count: 2, everyMs: 60_000 }).flatMap((at, index): Fault[] => {
      // One falls silent, who will not hear what the others decide on that: the lower name proposes.
      const silent = random.below(3), [proposer, voter] = byName.filter((node) => node !== silent);
      return [
        { kind: "cut", at, ms: 8_000, from: [proposer], to: [silent] },
        { kind: "stop", at, ms: 6_000, node: silent },
        {
          kind: "crash",
          at,
          ms: 30_000,
          node: voter,
          afterVoteMs: random.between(20, 200),
          ...(mayWipe && index === 0 ? { wipe: true } as const : {}),
        },
      ];
    });
  },
  // Long enough for what clients pushed that have fallen silent to expire.
  "silent-clients": ({ random }) => [{ kind: "reset", at: random.between(140_000, 160_000), ms: 0, between: [0, 1] }],
  "joins-slowly": (setting) => SCENARIOS["joins"](setting),
  "clocks-apart": ({ random, nodes }) => {
    for (const [index, node] of nodes.entries()) {
      nodes[index] = { ...node, wallOffsetMs: random.pick([-15_000, 0, 15_000]) };
    }
    return [];
  },
  "full-for-long": ({ random, size }) => [{
    kind: "full",
    at: random.between(40_000, 60_000),
    ms: random.between(130_000, 200_000),
    node: random.below(size),
  }],
  "one-link": ({ random, size }) => {
    const at = random.between(40_000, 60_000), ms = random.between(60_000, 150_000);
    const from = random.below(size), to = (from + random.between(1, size - 1)) % size;
    return [{ kind: "cut", at, ms, from: [from], to: [to] }, { kind: "cut", at, ms, from: [to], to: [from] }];
  },
  "stands-still": (setting) => {
    const { random } = setting;
    const make = (at: number, node: number): Fault => ({
      kind: "stop",
      standsStill: true,
      at,
      node,
      ms: random.between(500, 40_000),
    });
    return spread(setting, { count: random.between(1, 5), make });
  },
  "starved": ({ random, size }) => {
    const node = random.below(size);
    return times(random, { count: 60, everyMs: 1_500 }).map((at) => ({
      kind: "stop",
      at,
      node,
      ms: random.between(300, 1_300),
    }));
  },
  "clock-over-restart": (setting) => {
    const { random } = setting;
    const start = BEGIN_MS + random.below(20_000);
    // Each of them once: a store that was in use while its clock was back does not know how old its pushes were before.
    const nodes = someOf(random, setting.size);
    return nodes.map((node, index) => ({ node, at: start + index * 20_000 })).flatMap(({ node, at }): Fault[] => {
      return [
        { kind: "crash", at, node, ms: 4_000 },
        { kind: "clock", at: at + 2_000, ms: 0, node, byMs: random.pick([-1, 1]) * random.pick([40_000, 3_600_000]) },
      ];
    });
  },
  "witness": (setting) => {
    const { random, nodes } = setting;
    // Two servers, and a third machine that only votes.
    nodes.splice(3);
    const witness = random.below(3), { startAt, ...rest } = nodes[witness];
    nodes[witness] = { ...rest, startAt: startAt ?? 0, isWitness: true };
    const faults = (names: readonly string[]) => SCENARIOS[random.pick(names)](setting);
    return random.chance(0.5)
      ? faults(["partition", "one-way-links", "deaf-or-mute", "delays"])
      : faults(["crashes", "stops", "rolling-restart", "one-crash", "resets", "disks", "storage-deleted"]);
  },
  "everything": (setting) => {
    const { random, nodes } = setting;
    const names = Object.keys(SCENARIOS).filter((name) =>
      ![
        "everything",
        "witness",
        "votes",
        "joins-slowly",
        "leaves-then-destroyed",
        "rolling-restart",
        "one-address",
        "clocks-set",
        "clock-over-restart",
        "stands-still",
      ]
        .includes(
          name,
        )
    );
    return Array.from({ length: 3 }, () => {
      const faults = SCENARIOS[random.pick(names)]({ ...setting, nodes });
      return faults.slice(0, random.between(1, 3));
    }).flat();
  },
};

/** The plan of a seed. */
export function planOf(seed: number, { scenario }: { scenario?: string } = {}): Plan {
  const random = new Random(seed);
  const names = Object.keys(SCENARIOS);
  // Drawn in any case: all else is the same for a seed, whether the scenario was asked for or not.
  const drawn = random.pick(names);
  const name = scenario ?? drawn;
  const drawnSize = random.between(2, 7);
  const size = SIZES[name]?.(drawnSize) ?? drawnSize;
  const hosts = random.chance(0.3) ? Math.ceil(size / 2) : size;
  const isApart = random.chance(0.5);
  const nodes: PlannedNode[] = Array.from({ length: size }, (_, index) => ({
    name: `m${(index * 5 + seed) % 7}`,
    host: `h${index % hosts}`,
    wallOffsetMs: isApart ? random.between(-1_800_000, 1_800_000) : random.between(-200, 200),
    startAt: random.below(3_000),
  }));
  const faults = SCENARIOS[name]({ random: random.fork(), size, nodes });
  const isTight = random.chance(0.2) || name === "overload";
  const pushBytes = isTight ? 400 : 40;
  return {
    seed,
    scenario: name,
    nodes,
    faults: faults.sort((a, b) => a.at - b.at),
    clusters: random.between(6, 24),
    pushEveryMs: name === "clocks-apart"
      ? 5_000
      : name === "overload"
      ? random.between(500, 3_000)
      : random.between(4_000, 20_000),
    ttlMs: name === "full-for-long" || name === "silent-clients" ? 60_000 : random.pick([60_000, 180_000, 600_000]),
    delayMs: random.pick([0.3, 2, 20]),
    pushBytes,
    limits: {
      ...(isTight
        ? { peerRequests: 2, pendingBytes: 1_000, totalBytes: 1_600 }
        : { peerRequests: 64, pendingBytes: 2 ** 26, totalBytes: 2 ** 26 }),
      // Some clusters a second: what has to be brought before others stop to show it takes its time.
      ...(name === "joins-slowly" ? { transferBytesPerSecond: 2 * pushBytes } : {}),
    },
    balanced: name === "one-address",
    // Rings that do not know of each other dial what they have in common now and then, and may reach themselves.
    convergeMs: name === "one-address" ? 240_000 : 45_000,
    poison: random.chance(0.2) ? 0.05 : 0,
    ageLeewayMs: name === "silent-clients" ? CALM_AGE_LEEWAY_MS : AGE_LEEWAY_MS,
    ...(name === "nothing" || name === "silent-clients" ? { lagMs: LAG_MS } : {}),
    ...(name === "one-link" && size > 2 ? { detourMs: DETOUR_MS } : {}),
    ...(DARK_MS[name] === undefined ? {} : { darkMs: DARK_MS[name] }),
  };
}
