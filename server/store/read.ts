/**
 * Reads pushes back from Deno KV and finds the chunks that belong to none.
 *
 * @module
 */

import { messageOf } from "../../common/explain.ts";
import {
  type Head,
  joinChunks,
  type Keys,
  type Mutation,
  readHead,
  type StoredDelta,
  type StoredPush,
} from "./layout.ts";

/** One entry under the pushes' prefix. */
export interface ReadEntry {
  /** The cluster id that its key has. */
  readonly id: string;
  /** Where it lies. */
  readonly key: Deno.KvKey;
  /** Its head, as it lies there. */
  readonly value: unknown;
  /** What it holds: a push, and where its body lay in chunks their generation, or why it does not check out. */
  readonly found: { readonly push: StoredPush; readonly generation?: number } | { readonly fault: string };
}

// Values are at most 64 KiB, so this bounds what is in memory at once; 30, 100 and 500 read about equally fast.
const LIST_BATCH = 100;

/** Reads every entry, by id. Only a store that cannot be read at all makes it throw. */
export async function* readEntries(kv: Deno.Kv, keys: Keys): AsyncGenerator<ReadEntry, void, void> {
  for await (const { key, value } of kv.list({ prefix: keys.all("push") }, { batchSize: LIST_BATCH })) {
    const id = String(key[2]);
    const head = check(() => readHead(id, value));
    let found: ReadEntry["found"] = head;
    if ("push" in head && head.chunked) {
      const { push, chunked } = head;
      const chunks = await valuesOf(kv, keys.generation(id, chunked.generation));
      found = check(() => ({ push: { ...push, body: joinChunks(chunked, chunks) }, generation: chunked.generation }));
    }
    yield { id, key, value, found };
  }
}

/** A delta in the store: what it holds, or why it does not check out. */
export interface ReadDelta extends Pick<ReadEntry, "id" | "key" | "value"> {
  /** What it takes of the store. */
  readonly bytes: number;
  /** What it holds, or why it does not check out. */
  readonly found: { readonly delta: StoredDelta } | { readonly fault: string };
}

/** Reads the deltas under a prefix, by id and number. Only a store that cannot be read at all makes it throw. */
export async function* readDeltas(kv: Deno.Kv, prefix: Deno.KvKey): AsyncGenerator<ReadDelta, void, void> {
  let head: { readonly key: Deno.KvKey; readonly value: unknown } | undefined;
  let pieces: unknown[] = [];
  const whole = function* (): Generator<ReadDelta> {
    if (head === undefined) return;
    const { key, value } = head;
    const id = String(key[2]);
    const found = check(() => {
      const { push, chunked } = readHead(id, value);
      const body = chunked === undefined ? push.body : joinChunks(chunked, pieces);
      return { delta: { ...push, body, number: Number(key[3]) } };
    });
    yield { id, key, value, found, bytes: [value, ...pieces].reduce<number>((sum, part) => sum + lengthOf(part), 0) };
  };
  for await (const { key, value } of kv.list({ prefix }, { batchSize: LIST_BATCH })) {
    // Pieces whose head a crash has left unwritten belong to none.
    if (key.length > 4) pieces.push(value);
    else {
      yield* whole();
      head = { key, value };
      pieces = [];
    }
  }
  yield* whole();
}

/** The keys of a cluster's deltas, in order, and how much lies there; those before a number if one is given. */
export async function deltaValues(
  kv: Deno.Kv,
  { keys, id, before }: { keys: Keys; id: string; before?: number },
): Promise<{ key: Deno.KvKey; bytes: number }[]> {
  const prefix = keys.deltas(id);
  const values: { key: Deno.KvKey; bytes: number }[] = [];
  for await (const { key, value } of kv.list({ prefix }, { batchSize: LIST_BATCH })) {
    if (before !== undefined && Number(key[3]) >= before) break;
    values.push({ key, bytes: lengthOf(value) });
  }
  return values;
}

function lengthOf(value: unknown): number {
  return value instanceof Uint8Array ? value.length : 0;
}

/** Reads the head of one cluster, if there is one that checks out. */
export async function readHeadOf(kv: Deno.Kv, { keys, id }: { keys: Keys; id: string }): Promise<Head | undefined> {
  const { value } = await kv.get(keys.head(id));
  if (value === null) return undefined;
  const head = check(() => readHead(id, value));
  return "push" in head ? head : undefined;
}

/** Reads the push of one cluster, if there is one that checks out. */
export async function readPushOf(
  kv: Deno.Kv,
  { keys, id }: { keys: Keys; id: string },
): Promise<StoredPush | undefined> {
  // Its chunks may go while they are read, as another push takes its place: that one is read then.
  for (let attempt = 0; attempt < 2; attempt++) {
    const head = await readHeadOf(kv, { keys, id });
    if (head === undefined || head.chunked === undefined) return head?.push;
    const { push, chunked } = head;
    const chunks = await valuesOf(kv, keys.generation(id, chunked.generation));
    const found = check(() => ({ push: { ...push, body: joinChunks(chunked, chunks) } }));
    if ("push" in found) return found.push;
  }
  return undefined;
}

/** Deletes every chunk of a cluster but those of the generation to keep. */
export async function strayChunks(
  kv: Deno.Kv,
  { keys, id, keep }: { keys: Keys; id: string; keep: number | undefined },
): Promise<Mutation[]> {
  const deletions: Mutation[] = [];
  for await (const { key } of kv.list({ prefix: keys.chunks(id) })) {
    if (keep === undefined || key[3] !== keep) deletions.push({ key });
  }
  return deletions;
}

/** Yields each cluster and generation that has chunks, reading one chunk of each. */
export async function* readGenerations(
  kv: Deno.Kv,
  keys: Keys,
): AsyncGenerator<{ id: string; generation: unknown }, void, void> {
  const prefix = keys.all("chunk");
  // A true comes last among the keys that share what is before it.
  const end = [...prefix, true];
  let start: Deno.KvKey = prefix;
  while (true) {
    const { value: entry } = await kv.list({ start, end }, { limit: 1 }).next();
    if (entry === undefined) return;
    const [id, generation] = entry.key.slice(prefix.length);
    yield { id: String(id), generation };
    start = [...entry.key.slice(0, prefix.length + 2), true];
  }
}

async function valuesOf(kv: Deno.Kv, prefix: Deno.KvKey): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const { value } of kv.list({ prefix })) values.push(value);
  return values;
}

function check<T>(read: () => T): T | { readonly fault: string } {
  try {
    return read();
  } catch (error) {
    return { fault: messageOf(error) };
  }
}
