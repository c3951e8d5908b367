/**
 * What the store holds when a server starts in a ring: pushes and states as they are, and of a server that stood alone the logs of
 * clusters that remote-write, each of which becomes the state that a ring stores in its place.
 *
 * @module
 */

import { explain } from "../../common/explain.ts";
import type { Logger } from "../../common/log.ts";
import { plainFields } from "../../common/plain_text.ts";
import { nextVersion } from "../../ring/protocol/push_version.ts";
import type { StoredEntry } from "../../ring/protocol/effects.ts";
import type { PushCommitter } from "../pushes/push_committer.ts";
import { toMember } from "../pushes/refusal.ts";
import type { StateMerger } from "../remote_write/state_merger.ts";
import type { PushStore, StoredPush } from "../store/push_store.ts";
import type { StoreRingHost } from "./store_ring_host.ts";
import type { VersionApart } from "./versions_apart.ts";

/** What the store is restored with. */
export interface RestoreOptions {
  /** The name of this member. */
  readonly name: string;
  /** Holds it ready, and knows its versions. */
  readonly host: Pick<StoreRingHost, "restore">;
  /** Reads pushes. */
  readonly committer: Pick<PushCommitter, "prepare">;
  /** Merges logs into them. */
  readonly states: Pick<StateMerger, "join">;
  /** The version of what this server took while it was no member of the ring. @default older than all of any ring */
  readonly versionApart?: VersionApart;
  /** Told of what is left out. */
  readonly log: Logger;
}

/** A log that a cluster has beside its push. */
interface Log {
  /** When the newest came of what the cluster has, by the clock of today. */
  receivedAtMs: number;
  /** Whether there is a push that the log follows, and that has not expired. */
  readonly hasPush: boolean;
}

/** What becomes of a log, on its way into the store. */
interface Storing {
  /** What a cluster shows. */
  readonly state: StoredPush & { readonly through: number };
  /** Settles once it is in place of the log. */
  readonly stored: Promise<void>;
}

/**
 * How many states are on their way into the store at a time, which share its commits, and of how many bytes: each is in memory as a
 * whole, so that one that is larger goes alone.
 */
const MOST_STORING = 16, MOST_STORING_BYTES = 8_388_608;

/**
 * Prepares what the store holds, and says what the ring has to know of it. What today's rules refuse is left out: a push stays in the
 * store until it expires.
 *
 * @throws {StoreUnavailableError} if the store cannot be read, or what becomes of a log cannot be stored in its place: the log stays.
 */
export async function restoreStored(
  store: Pick<PushStore, "load" | "get" | "deltasOf" | "logOf" | "compact">,
  options: RestoreOptions,
): Promise<StoredEntry[]> {
  const { host, log } = options;
  const entries = new Map<string, StoredEntry>(), times = new Map<string, number>(), logs = new Map<string, Log>();
  let refused = 0;
  const leftOut = (cluster: string, error: unknown) => {
    refused++;
    log.warn(
      "Left out a stored push, which today's rules refuse",
      plainFields({ cluster, reason: explain(error) }),
    );
  };
  for await (const push of store.load()) {
    const { id, receivedAtMs } = push;
    if ("number" in push) {
      const known = logs.get(id) ?? { receivedAtMs: times.get(id) ?? 0, hasPush: times.has(id) };
      logs.set(id, { ...known, receivedAtMs: Math.max(known.receivedAtMs, receivedAtMs) });
      continue;
    }
    times.set(id, receivedAtMs);
    try {
      entries.set(id, await host.restore(push));
    } catch (error) {
      leftOut(id, error);
    }
  }
  const storing: Storing[] = [];
  let storingBytes = 0;
  const attempt = async (cluster: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      if (toMember(error) === undefined) throw error;
      log.error(
        "Cannot show what a cluster wrote to this server alone, which stays in the store: raise --limit-bytes, and start it again",
        plainFields({ cluster, reason: explain(error) }),
      );
    }
  };
  const settleOldest = async () => {
    const { state, stored } = storing.shift()!;
    storingBytes -= state.body.length;
    await attempt(state.id, async () => {
      await stored;
      entries.set(state.id, await host.restore(state));
    });
  };
  try {
    // The store takes what becomes of them only now.
    for (const [id, { receivedAtMs, hasPush }] of logs) {
      await attempt(id, async () => {
        const push = hasPush ? await store.get(id) : undefined;
        const state = await stateOf({ id, receivedAtMs, push }, { ...options, store, leftOut });
        const hasRoom = () => storing.length < MOST_STORING && storingBytes + state.body.length <= MOST_STORING_BYTES;
        while (storing.length > 0 && !hasRoom()) await settleOldest();
        const stored = store.compact(state);
        // It may fail before its turn comes to be waited for.
        stored.catch(() => {});
        storing.push({ state, stored });
        storingBytes += state.body.length;
      });
    }
    while (storing.length > 0) await settleOldest();
  } finally {
    // Who opened the store may close it now.
    await Promise.allSettled(storing.map(({ stored }) => stored));
  }
  log.info("Read the store", { held: entries.size, refused, ...logs.size > 0 && { carriedOver: logs.size } });
  return [...entries.values()];
}

/** What a cluster shows, with all that it wrote to the server alone: newer than what a ring had of it before that. */
async function stateOf(
  { id, receivedAtMs, push }: Pick<StoredPush, "id" | "receivedAtMs"> & { readonly push: StoredPush | undefined },
  { name, committer, states, store, versionApart, leftOut }: RestoreOptions & {
    readonly store: Pick<PushStore, "deltasOf" | "logOf">;
    readonly leftOut: (cluster: string, error: unknown) => void;
  },
): Promise<StoredPush & { readonly through: number }> {
  const onRefused = (error: unknown) => {
    if (toMember(error) === undefined) throw error;
    leftOut(id, error);
  };
  // One that is refused is told of already.
  const shown = push && await committer.prepare(push).catch((error) => {
    if (toMember(error) === undefined) throw error;
    return undefined;
  });
  const content = await states.join({ id, receivedAtMs }, { shown, log: store.deltasOf(id), onRefused });
  const { epoch, ...origin } = versionApart?.(receivedAtMs) ?? { epoch: 0, ingress: name, sequence: 0 };
  const version = nextVersion(origin, { held: push?.version, epoch, wallMs: receivedAtMs });
  return { ...content, id, receivedAtMs, version, through: store.logOf(id)?.next ?? 0 };
}
