/**
 * Anti-entropy: owner and standby compare what they hold in common, and the newer side of each difference is copied.
 *
 * The owner asks, each minute and whenever copies may have gone missing: BUCKETS ▸ LIST of what the standby has in the buckets that
 * differ ▸ copies to the standby of what it lacks, and WANT for what the standby has newer.
 *
 * @module
 */

import { bucketOf, differingBuckets, hashBuckets } from "./buckets.ts";
import type { RingContext } from "../membership/ring_context.ts";
import { type Clock, send } from "../protocol/effects.ts";
import type { EntryTable, HeldEntry } from "../replication/entry_table.ts";
import type { MessageOf } from "../protocol/messages.ts";
import { MAX_LIST_LENGTH } from "../protocol/message_fields.ts";
import { compareVersions } from "../protocol/push_version.ts";

/** How often a pair is compared, in milliseconds. */
export const ANTI_ENTROPY_EVERY_MS = 60_000;

/** When a pair is compared again that was found to differ, or gave no answer, in milliseconds: copies take their time. */
export const ANTI_ENTROPY_AGAIN_MS = 5_000;

/** Over how much time comparisons are spread after a change of the view, in milliseconds. */
export const ANTI_ENTROPY_SPREAD_MS = 2_000;

/** What is about to expire is not worth a copy, and may be gone on one side already, in milliseconds. */
export const ANTI_ENTROPY_MARGIN_MS = 10_000;

/** How many bytes of ids go into a list, by estimate: half of a frame. */
export const LIST_BYTES: number = 512 * 1_024;

/** What {@linkcode AntiEntropy} works with, besides the ring's context. */
export interface AntiEntropyOptions {
  /** What is held. */
  readonly table: EntryTable;
  /** A standby should have a copy. */
  readonly onMissing: (standby: string, id: string) => void;
}

/** Compares pairs. */
export class AntiEntropy {
  readonly #context: RingContext;
  readonly #options: AntiEntropyOptions;
  // Of each standby: when it is to be asked, and what the latest question was.
  readonly #pairs = new Map<string, { nextAt: number; request?: number }>();

  /** Starts with no pair. */
  constructor(context: RingContext, options: AntiEntropyOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** The view has changed: everybody may have become our standby. */
  viewChanged({ now }: Clock) {
    const context = this.#context;
    const { name } = context;
    const view = context.view();
    this.#pairs.clear();
    if (!view.has(name)) return;
    for (const other of view.names) {
      if (other !== name) this.#pairs.set(other, { nextAt: now + context.random() * ANTI_ENTROPY_SPREAD_MS });
    }
  }

  /** A copy for a standby may have gone missing. */
  dirty(standby: string, { now }: Clock) {
    const pair = this.#pairs.get(standby);
    if (pair !== undefined) pair.nextAt = Math.min(pair.nextAt, now + ANTI_ENTROPY_AGAIN_MS);
  }

  /** Time has passed. */
  tick({ now }: Clock) {
    const context = this.#context;
    for (const [standby, pair] of this.#pairs) {
      if (now < pair.nextAt || !context.isLinked(standby)) continue;
      pair.nextAt = now + ANTI_ENTROPY_AGAIN_MS;
      pair.request = context.nextRequest();
      const hashes = hashBuckets(this.#common({ owner: context.name, standby, now }));
      const view = context.view().digest;
      context.emit(send(standby, { type: "BUCKETS", request: pair.request, view, hashes }));
    }
  }

  /** An owner compares with us. Without the same view we would speak of different entries, and stay silent. */
  compared(from: string, { request, view: digest, hashes }: MessageOf<"BUCKETS">, { now }: Clock) {
    const context = this.#context;
    if (digest !== context.view().digest) return;
    const common = this.#common({ owner: from, standby: context.name, now });
    const byBucket = Map.groupBy(common, bucketOf);
    const buckets: number[] = [];
    const holdings: HeldEntry[] = [];
    let bytes = 0;
    for (const bucket of differingBuckets(hashBuckets(common), hashes)) {
      const held = byBucket.get(bucket) ?? [];
      bytes += held.reduce((sum, { id, version }) => sum + id.length + version.ingress.length + 48, 0);
      // What does not fit is found the next time.
      if (buckets.length > 0 && (bytes > LIST_BYTES || holdings.length + held.length > MAX_LIST_LENGTH)) break;
      buckets.push(bucket);
      holdings.push(...held);
    }
    context.emit(send(from, { type: "LIST", request, view: digest, buckets, holdings }));
  }

  /** A standby has listed what differs. */
  listed(from: string, { request, view: digest, buckets, holdings: theirs }: MessageOf<"LIST">, { now }: Clock) {
    const context = this.#context;
    const { table, onMissing } = this.#options;
    const pair = this.#pairs.get(from);
    if (pair === undefined || pair.request !== request || digest !== context.view().digest) return;
    pair.request = undefined;
    if (buckets.length === 0) {
      pair.nextAt = now + ANTI_ENTROPY_EVERY_MS;
      return;
    }
    const versions = new Map(theirs.map(({ id, version }) => [id, version]));
    const listed = new Set(buckets);
    for (const held of this.#common({ owner: context.name, standby: from, now })) {
      if (!listed.has(bucketOf(held))) continue;
      const version = versions.get(held.id);
      if (version === undefined || compareVersions(held.version, version) > 0) onMissing(from, held.id);
    }
    const ids = theirs.filter(({ id, version }) => {
      const held = table.get(id, now);
      return held === undefined || compareVersions(held.version, version) < 0;
    }).map(({ id }) => id);
    if (ids.length > 0) context.emit(send(from, { type: "WANT", request: 0, ids }));
  }

  #common({ owner, standby, now }: { owner: string; standby: string; now: number }): HeldEntry[] {
    const { table } = this.#options;
    return [...table].filter((held) =>
      held.owner === owner && held.standby === standby && table.restMs(held, now) > ANTI_ENTROPY_MARGIN_MS
    );
  }
}
