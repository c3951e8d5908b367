/**
 * What the store writes: a push in place of another, a removal, and the tidying after a write that failed.
 *
 * The mutations of each come in an order of which every prefix leaves a whole push, or none: what a head names is written
 * before the head, and what no head names any more is removed after it.
 *
 * @module
 */

import { bytesOf } from "./commit_limits.ts";
import type { Job } from "./commit_queue.ts";
import type { StoredIndex, StoredLog } from "./stored_index.ts";
import { type Head, type Keys, layDelta, layPush, type Mutation, type StoredDelta, type StoredPush } from "./layout.ts";
import { deltaValues, readHeadOf, strayChunks } from "./read.ts";

/** What the jobs work on. */
export interface Context {
  /** Read only: jobs are written by the queue. */
  readonly kv: Deno.Kv;
  /** Where everything lies. */
  readonly keys: Keys;
  /** Learns what became of each job. */
  readonly stored: StoredIndex;
}

/**
 * Puts a push in place of what its cluster has. The generation is one that nothing in the store has.
 *
 * @throws {TypeError} and {LimitError} as {@linkcode layPush} does.
 */
export function putJob(context: Context, { push, generation }: { push: StoredPush; generation: number }): Job {
  const { keys, stored } = context;
  const { id, receivedAtMs, body } = push;
  const mutations = layPush(push, { keys, generation });
  return {
    subject: id,
    bytes: mutations.reduce((sum, mutation) => sum + bytesOf(mutation), 0),
    plan: () => inPlace(context, { id, mutations, keep: generation }),
    committed: () => stored.set(id, { receivedAtMs, bytes: body.length, chunked: mutations.length > 1 }),
    failed: () => stored.doubt(id),
  };
}

/** Appends to the deltas of a cluster. */
export function appendJob({ keys, stored }: Context, delta: StoredDelta): Job {
  const { id, number, receivedAtMs } = delta;
  const mutations = layDelta(delta, keys);
  return {
    subject: id,
    shares: true,
    bytes: mutations.reduce((sum, mutation) => sum + bytesOf(mutation), 0),
    plan: () => mutations,
    committed: () => {
      const bytes = mutations.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
      stored.append(id, { number, bytes, receivedAtMs });
    },
    failed: () => stored.doubt(id),
  };
}

/** Puts what a cluster shows in place of its push and of the deltas before `through`, which it holds. */
export function compactJob(
  context: Context,
  { push, generation }: { push: StoredPush & { readonly through: number }; generation: number },
): Job {
  const { keys, stored } = context;
  const { id, body, through } = push;
  const mutations = layPush(push, { keys, generation });
  let removed = 0;
  return {
    subject: id,
    bytes: mutations.reduce((sum, mutation) => sum + bytesOf(mutation), 0),
    plan: async () => {
      const all = stored.hasChunks(id) ? await thenTidy(context, { id, mutations, keep: generation }) : mutations;
      const values = await deltaValues(context.kv, { keys, id, before: through });
      removed = values.reduce((sum, { bytes }) => sum + bytes, 0);
      return [...all, ...values.map(({ key }) => ({ key }))];
    },
    committed: () => {
      const { bytes, next } = stored.logOf(id) ?? { bytes: 0, next: through };
      const receivedAtMs = Math.max(push.receivedAtMs, stored.receivedAtMs(id));
      const log = { bytes: Math.max(0, bytes - removed), next };
      stored.set(id, { receivedAtMs, bytes: body.length, chunked: mutations.length > 1 }, log);
    },
    failed: () => stored.doubt(id),
  };
}

/** Removes what a cluster has, if anything and if the condition holds when its turn has come. */
export function removeJob(
  context: Context,
  { id, onlyIf = () => true, removed = () => {} }: { id: string; onlyIf?: () => boolean; removed?: () => void },
): Job {
  const { keys, stored } = context;
  const head: Mutation = { key: keys.head(id) };
  let removes = false;
  return {
    subject: id,
    bytes: bytesOf(head),
    plan: () => {
      removes = stored.has(id) && onlyIf();
      return removes ? inPlace(context, { id, mutations: [head], keep: undefined }) : [];
    },
    committed: () => {
      if (!removes) return;
      stored.delete(id);
      removed();
    },
    failed: () => stored.doubt(id),
  };
}

/** Learns from the store what a cluster has after a write that failed or was cut off, and removes all chunks and deltas but those. */
export function tidyJob(context: Context, id: string): Job {
  const { kv, keys, stored } = context;
  let head: Head | undefined;
  let log: StoredLog | undefined;
  return {
    subject: id,
    bytes: 0,
    plan: async () => {
      head = await readHeadOf(kv, { keys, id });
      const through = head?.push.through ?? 0;
      const all = await deltaValues(kv, { keys, id });
      const gone = all.filter(({ key }) => Number(key[3]) < through), values = all.slice(gone.length);
      const bytes = values.reduce((sum, value) => sum + value.bytes, 0);
      const last = Number(values.at(-1)?.key[3] ?? -1);
      log = values.length === 0 && through === 0 ? undefined : { bytes, next: Math.max(through, last + 1) };
      const mutations = gone.map(({ key }) => ({ key }));
      return await thenTidy(context, { id, mutations, keep: head?.chunked?.generation });
    },
    committed: () => {
      const lastMs = log === undefined ? 0 : stored.receivedAtMs(id);
      const next = Math.max(log?.next ?? 0, stored.logOf(id)?.next ?? 0);
      stored.delete(id);
      if (head === undefined && log === undefined) return;
      const { push, chunked } = head ?? {};
      const receivedAtMs = Math.max(push?.receivedAtMs ?? 0, lastMs);
      const bytes = chunked?.bytes ?? push?.body.length ?? 0;
      stored.set(id, { receivedAtMs, bytes, chunked: chunked !== undefined }, log && { ...log, next });
    },
  };
}

/** Has mutations, and nothing but, in place of all that a cluster has. */
function inPlace(
  context: Context,
  { id, mutations, keep }: { id: string; mutations: readonly Mutation[]; keep: number | undefined },
): readonly Mutation[] | Promise<readonly Mutation[]> {
  const { kv, keys, stored } = context;
  if (!stored.hasChunks(id) && !stored.hasLog(id)) return mutations;
  return (async () => {
    const deltas = stored.hasLog(id) ? await deltaValues(kv, { keys, id }) : [];
    const tidied = stored.hasChunks(id) ? await thenTidy(context, { id, mutations, keep }) : mutations;
    return [...tidied, ...deltas.map(({ key }) => ({ key }))];
  })();
}

async function thenTidy(
  { kv, keys }: Context,
  { id, mutations, keep }: { id: string; mutations: readonly Mutation[]; keep: number | undefined },
): Promise<Mutation[]> {
  return [...mutations, ...await strayChunks(kv, { keys, id, keep })];
}
