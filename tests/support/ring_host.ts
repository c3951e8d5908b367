/**
 * What the server does for the ring, with a real store, renderer and index, and pushes for it.
 *
 * @module
 */

import type { MetricFamily } from "../../common/exposition/metric_family.ts";
import { encodeFamilies } from "../../common/exposition/protobuf.ts";
import { RepeatLog } from "../../common/repeat_log.ts";
import type { Entry } from "../../ring/protocol/effects.ts";
import { ExpositionIndex } from "../../server/exposition/exposition_index.ts";
import { Renderer } from "../../server/ingest/renderer.ts";
import { Capacity } from "../../server/limits/capacity.ts";
import type { MemoryState } from "../../server/limits/memory_guard.ts";
import { PushLimiter } from "../../server/limits/rate_limit.ts";
import { PushAccount } from "../../server/pushes/push_account.ts";
import { PushCommitter } from "../../server/pushes/push_committer.ts";
import { encodePush } from "../../server/ring/push_encoding.ts";
import { StoreRingHost, type StoreRingHostOptions } from "../../server/ring/store_ring_host.ts";
import type { PushStore } from "../../server/store/push_store.ts";
import { NO_DIRECTORY } from "./no_directory.ts";
import { recordingLog } from "./recording_log.ts";
import { RENDER_RULES } from "./render_rules.ts";
import { NOW, openTestStore, scratchDir } from "./test_store.ts";

/** Reads what is shown. */
export const DECODER = new TextDecoder();

/** A host named `me`, and what is around it. */
export async function openRingHost(
  { intervalMs = 0, elapsed, wrap = (store) => store, memory }: {
    intervalMs?: number;
    elapsed?: () => number;
    memory?: { readonly state: MemoryState };
    wrap?: (store: PushStore) => Pick<PushStore, "put" | "get" | "setMeta">;
  } = {},
) {
  await using opening = new AsyncDisposableStack();
  const { dir } = opening.use(scratchDir());
  const { store, registry } = opening.use(await openTestStore({ dir }));
  const index = new ExpositionIndex({ ttlMs: 600_000 });
  const renderer = new Renderer(RENDER_RULES);
  const capacity = new Capacity({ maxClusters: 3, maxSeries: 0, index, store });
  const wrapping = wrap(store);
  const wrapped: Pick<PushStore, "put" | "get" | "has" | "setMeta"> = {
    put: (push) => wrapping.put(push),
    get: (id) => wrapping.get(id),
    setMeta: (key, text) => wrapping.setMeta(key, text),
    has: (id) => store.has(id),
  };
  const { log, records } = recordingLog();
  const committer = new PushCommitter({
    renderer,
    capacity,
    store: wrapped,
    index,
    account: new PushAccount({
      ttlMs: 600_000,
      losses: new RepeatLog(log, { level: "info" }),
      directory: NO_DIRECTORY,
      registry,
    }),
  });
  const limiter = new PushLimiter({ intervalMs });
  const host = opening.use(
    new StoreRingHost({
      name: "me",
      partitionLabel: "_id",
      committer,
      store: wrapped,
      states: NO_WRITES,
      index,
      limiter,
      elapsed,
      memory,
      registry,
      log,
    }),
  );
  const stack = opening.move();
  return {
    host,
    store,
    index,
    records,
    misplaced: async () => {
      const [, count] = /^telemeter_ring_misplaced_pushes_total (\d+)$/m.exec(await registry.metrics()) ?? [];
      return Number(count);
    },
    shown: (id = "a") => {
      const entry = index.get(id);
      return entry && DECODER.decode(entry.text);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Merges nothing, as nothing comes by remote write. */
export const NO_WRITES: StoreRingHostOptions["states"] = {
  isDelta: () => false,
  merge: () => Promise.reject(new Error("Nothing comes by remote write")),
};

/** A push of one series of a cluster. */
export function entryOf(
  value: number,
  { id = "a", ms = NOW, ingress = "other", claims = id, token = id }: {
    id?: string;
    ms?: number;
    ingress?: string;
    claims?: string;
    token?: string | undefined;
  } = {},
): Entry {
  const family: MetricFamily = {
    name: "x",
    type: "untyped",
    metrics: [{ labels: [{ name: "_id", value: claims }], value, timestampMs: NOW }],
  };
  const labels = new Map([["_id", token]]);
  const bytes = encodePush({
    contentType: "protobuf",
    contentEncoding: "identity",
    labels,
    body: encodeFamilies([family]),
  });
  return { id, version: { epoch: 1, ms, ingress, sequence: value }, receivedAtMs: NOW, bytes };
}

/** As what a host is brought a push: by a client, as its owner or standby, or as a copy of one that others have. */
export const OWNER = { role: "owner", fresh: true } as const;
/** See {@linkcode OWNER}. */
export const STANDBY = { role: "standby", fresh: true } as const;
/** See {@linkcode OWNER}. */
export const COPY = { role: "standby", fresh: false } as const;

/** Resolves once the index shows something of a cluster. */
export function untilShown(index: ExpositionIndex, id: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const replace = index.replace.bind(index);
  index.replace = (entry) => {
    replace(entry);
    if (entry.id === id) resolve();
  };
  return promise;
}
