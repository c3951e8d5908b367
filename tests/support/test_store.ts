/**
 * A push store with all that it needs, for tests.
 *
 * @module
 */

import { Registry } from "prom-client";
import { PushStore, type PushStoreOptions, type StoredPush } from "../../server/store/push_store.ts";
import { type LogRecord, recordingLog } from "./recording_log.ts";

/** Where the tests' clock stands unless they set it. */
export const NOW = 1_700_000_000_000;

/** The TTL of the tests' stores. */
export const TTL_MS = 600_000;

/** What a test gets beside the store. */
export interface TestStore extends AsyncDisposable {
  readonly store: PushStore;
  readonly records: LogRecord[];
  readonly registry: Registry;
  /** The clock, which a test may set. */
  readonly clock: { now: number };
  /** What `load()` yielded. */
  readonly loaded: StoredPush[];
  /** The value of a metric, summed over its labels unless some are given. */
  metric(name: string, labels?: Record<string, string>): Promise<number>;
}

/** Opens and loads a store. */
export async function openTestStore(
  place: PushStoreOptions["place"],
  options: Partial<PushStoreOptions> = {},
): Promise<TestStore> {
  const { log, records } = recordingLog();
  const registry = new Registry();
  const clock = { now: NOW };
  const store = await PushStore.open({ place, ttlMs: TTL_MS, now: () => clock.now, log, registry, ...options });
  const loaded = await Array.fromAsync(store.load());
  const metric = async (name: string, labels: Record<string, string> = {}) => {
    const { values } = await registry.getSingleMetric(name)!.get();
    const matching = values.filter((value) =>
      Object.entries(labels).every(([key, text]) => (value.labels as Record<string, unknown>)[key] === text)
    );
    return matching.reduce((sum, { value }) => sum + value, 0);
  };
  return { store, records, registry, clock, loaded, metric, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

/** A push of a cluster; the body is bytes, or how many of them to make up from a seed. */
export function pushOf(
  id: string,
  body: Uint8Array | { bytes: number; seed: number } = new TextEncoder().encode(`body of ${id}`),
  receivedAtMs: number = NOW,
): StoredPush {
  return {
    id,
    receivedAtMs,
    contentType: "protobuf",
    contentEncoding: "snappy",
    labels: new Map([["_id", id]]),
    body: body instanceof Uint8Array ? body : madeUpBytes(body),
  };
}

/** Bytes that follow from a seed and do not compress: a xorshift generator's. */
export function madeUpBytes({ bytes, seed }: { bytes: number; seed: number }): Uint8Array {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  let state = (seed * 2_654_435_761 + 1) >>> 0 || 1;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return new Uint8Array(words.buffer).subarray(0, bytes);
}

/** A directory that goes with the test. */
export function scratchDir(): Disposable & { readonly dir: string } {
  const dir = Deno.makeTempDirSync({ prefix: "telemeter-store-" });
  return { dir, [Symbol.dispose]: () => Deno.removeSync(dir, { recursive: true }) };
}
