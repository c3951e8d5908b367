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
import type { StoredIndex } from "./stored_index.ts";
import { type Head, type Keys, layPush, type Mutation, type StoredPush } from "./layout.ts";
import { readHeadOf, strayChunks } from "./read.ts";

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
    plan: () => stored.hasChunks(id) ? thenTidy(context, { id, mutations, keep: generation }) : mutations,
    committed: () => stored.set(id, { receivedAtMs, bytes: body.length, chunked: mutations.length > 1 }),
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
      if (!removes) return [];
      return stored.hasChunks(id) ? thenTidy(context, { id, mutations: [head], keep: undefined }) : [head];
    },
    committed: () => {
      if (!removes) return;
      stored.delete(id);
      removed();
    },
    failed: () => stored.doubt(id),
  };
}

/** Learns from the store what a cluster has after a write that failed, and removes all chunks but those. */
export function tidyJob(context: Context, id: string): Job {
  const { kv, keys, stored } = context;
  let head: Head | undefined;
  return {
    subject: id,
    bytes: 0,
    plan: async () => {
      head = await readHeadOf(kv, { keys, id });
      return await thenTidy(context, { id, mutations: [], keep: head?.chunked?.generation });
    },
    committed: () => {
      stored.delete(id);
      if (head === undefined) return;
      const { push: { receivedAtMs, body }, chunked } = head;
      stored.set(id, { receivedAtMs, bytes: chunked?.bytes ?? body.length, chunked: chunked !== undefined });
    },
  };
}

async function thenTidy(
  { kv, keys }: Context,
  { id, mutations, keep }: { id: string; mutations: readonly Mutation[]; keep: number | undefined },
): Promise<Mutation[]> {
  return [...mutations, ...await strayChunks(kv, { keys, id, keep })];
}
