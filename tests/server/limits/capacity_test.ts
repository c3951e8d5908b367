import assert from "node:assert/strict";
import type { ClusterEntry } from "../../../server/exposition/exposition_index.ts";
import { Capacity, CapacityError } from "../../../server/limits/capacity.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** An index and a store of clusters with so many series, and so many bytes, each. */
function held(clusters: Record<string, { series: number; bytes?: number; stored?: boolean; shown?: boolean }> = {}) {
  const entry = (id: string) => {
    const { series, bytes = 100 * series } = clusters[id];
    return { id, series, bytes } as ClusterEntry;
  };
  const shown = () => Object.keys(clusters).filter((id) => clusters[id].shown ?? true);
  const stored = () => Object.keys(clusters).filter((id) => clusters[id].stored ?? true);
  const sum = (key: "series" | "bytes") => shown().reduce((sum, id) => sum + entry(id)[key], 0);
  return {
    clusters,
    index: {
      get clusters() {
        return shown().length;
      },
      get series() {
        return sum("series");
      },
      get bytes() {
        return sum("bytes");
      },
      get: (id: string) => shown().includes(id) ? entry(id) : undefined,
    },
    store: {
      get clusters() {
        return stored().length;
      },
      has: (id: string) => stored().includes(id),
    },
  };
}

function entry(id: string, series: number, bytes = 100 * series): ClusterEntry {
  return { id, series, bytes } as ClusterEntry;
}

function refusal(reason: CapacityError["reason"]) {
  return (error: unknown) => error instanceof CapacityError && error.reason === reason;
}

Deno.test("Capacity.admit() refuses another cluster at the limit, and none that is held", () => {
  const site = held({ a: { series: 1 }, b: { series: 1 } });
  const capacity = new Capacity({ maxClusters: 2, maxSeries: 0, ...site });
  capacity.admit("a");
  assert.throws(() => capacity.admit("c"), refusal("clusters"));
  delete site.clusters.b;
  capacity.admit("c");
});

Deno.test("Capacity.admit() counts clusters that are only on disk, or only shown", () => {
  for (const only of [{ shown: false }, { stored: false }]) {
    const site = held({ a: { series: 1, ...only } });
    const capacity = new Capacity({ maxClusters: 1, maxSeries: 0, ...site });
    capacity.admit("a");
    assert.throws(() => capacity.admit("b"), refusal("clusters"));
  }
});

Deno.test("Capacity.reserve() counts what is about to be held until it is disposed of", () => {
  const capacity = new Capacity({ maxClusters: 2, maxSeries: 10, ...held() });
  const [first, second] = [capacity.reserve(entry("a", 4)), capacity.reserve(entry("b", 6))];
  assert.throws(() => capacity.admit("c"), refusal("clusters"));
  assert.throws(() => capacity.reserve(entry("c", 0)), refusal("clusters"));
  second[Symbol.dispose]();
  second[Symbol.dispose]();
  assert.throws(() => capacity.reserve(entry("c", 7)), refusal("total_series"));
  capacity.reserve(entry("c", 6))[Symbol.dispose]();
  first[Symbol.dispose]();
  using whole = capacity.reserve(entry("c", 10));
  assert.throws(() => capacity.reserve(entry("d", 1)), refusal("total_series"));
  void whole;
});

Deno.test("Capacity.reserve() counts only what a cluster has more than before", () => {
  const capacity = new Capacity({ maxClusters: 1, maxSeries: 10, ...held({ a: { series: 8 } }) });
  capacity.reserve(entry("a", 10))[Symbol.dispose]();
  assert.throws(() => capacity.reserve(entry("a", 11)), refusal("total_series"));
});

Deno.test("Capacity.reserve() lets a cluster shrink or stay as it is on a server that is past its limit", () => {
  const capacity = new Capacity({ maxClusters: 1, maxSeries: 5, ...held({ a: { series: 8 }, b: { series: 8 } }) });
  for (const series of [0, 7, 8]) capacity.reserve(entry("a", series))[Symbol.dispose]();
  assert.throws(() => capacity.reserve(entry("a", 9)), refusal("total_series"));
});

Deno.test("Capacity.reserve() refuses few series that take the memory of many", () => {
  const capacity = new Capacity({ maxClusters: 0, maxSeries: 100, ...held({ a: { series: 1, bytes: 60_000 } }) });
  assert.throws(() => capacity.reserve(entry("b", 1, 50_000)), refusal("total_series"));
  capacity.reserve(entry("b", 1, 40_000))[Symbol.dispose]();
});

Deno.test("Capacity knows no limit at 0", () => {
  const capacity = new Capacity({ maxClusters: 0, maxSeries: 0, ...held({ a: { series: 1e9, bytes: 1e12 } }) });
  capacity.admit("b");
  capacity.reserve(entry("b", 1e9, 1e12))[Symbol.dispose]();
});

Deno.test("Capacity lets in no cluster that is not shown while memory is short, though its store may hold it", () => {
  const site = held({ shown: { series: 1 }, stored: { series: 1, shown: false } });
  const capacity = new Capacity({ maxClusters: 0, maxSeries: 0, ...site, memory: { state: "short" } });
  capacity.admit("shown");
  for (const id of ["stored", "new"]) {
    assert.throws(() => capacity.admit(id), refusal("memory"));
    assert.throws(() => capacity.reserve(entry(id, 1)), refusal("memory"));
  }
});

Deno.test("Capacity.reserve() lets a cluster vary, and not grow, while memory is short", () => {
  const site = held({ a: { series: 100, bytes: 8_000 } });
  const capacity = new Capacity({ maxClusters: 0, maxSeries: 0, ...site, memory: { state: "short" } });
  for (const bytes of [1_000, 8_000, 9_000]) capacity.reserve(entry("a", 110, bytes))[Symbol.dispose]();
  assert.throws(() => capacity.reserve(entry("a", 110, 9_001)), refusal("memory"));
});

Deno.test("Capacity.reserve() lets nothing in while memory is full", () => {
  const site = held({ a: { series: 100 } });
  const capacity = new Capacity({ maxClusters: 0, maxSeries: 0, ...site, memory: { state: "full" } });
  assert.throws(() => capacity.reserve(entry("a", 1)), refusal("memory"));
});
