/**
 * Anti-entropy: owner and standby compare what they hold in common, and the newer side of each difference is copied.
 *
 * The owner asks, each minute and whenever copies may have gone missing: BUCKETS ▸ LIST of what the standby has in the buckets that
 * differ ▸ copies to the standby of what it lacks, and WANT for what the standby has newer. A bucket that is too large for a LIST is
 * divided, and its parts are compared.
 *
 * @module
 */

import { Buckets, differingBuckets, divided } from "./buckets.ts";
import type { RingContext } from "../membership/ring_context.ts";
import { type Clock, send } from "../protocol/effects.ts";
import type { EntryTable, HeldEntry } from "../replication/entry_table.ts";
import { encodedBytes, fitting, fittingLists, MAX_LISTED_BYTES } from "../protocol/encoded_size.ts";
import { isBelievedTime } from "../protocol/headroom.ts";
import type { MessageOf } from "../protocol/messages.ts";
import { MAX_LIST_LENGTH, writeHeldVersion } from "../protocol/message_fields.ts";
import { compareVersions } from "../protocol/push_version.ts";

/** How often a pair is compared, in milliseconds. */
export const ANTI_ENTROPY_EVERY_MS = 60_000;

/** When a pair is compared again that was found to differ, or gave no answer, in milliseconds: copies take their time. */
export const ANTI_ENTROPY_AGAIN_MS = 5_000;

/** Over how much time comparisons are spread after a change of the view, in milliseconds. */
export const ANTI_ENTROPY_SPREAD_MS = 2_000;

/** What is about to expire is not worth a copy, and may be gone on one side already, in milliseconds. */
export const ANTI_ENTROPY_MARGIN_MS = 10_000;

/** What {@linkcode AntiEntropy} works with, besides the ring's context. */
export interface AntiEntropyOptions {
  /** What is held. */
  readonly table: EntryTable;
  /** A standby should have a copy. */
  readonly onMissing: (standby: string, id: string) => void;
}

/** One standby of ours: when it is to be asked, and what the latest question was. */
interface Pair {
  nextAt: number;
  question?: { readonly request: number; readonly prefix: string };
}

/** Compares pairs. */
export class AntiEntropy {
  readonly #context: RingContext;
  readonly #options: AntiEntropyOptions;
  readonly #pairs = new Map<string, Pair>();
  // By a key of our own where we ask, and by that of each owner where we answer.
  readonly #ours: Buckets;
  readonly #theirs = new Map<string, Buckets>();

  /** Starts with no pair. */
  constructor(context: RingContext, options: AntiEntropyOptions) {
    this.#context = context;
    this.#options = options;
    this.#ours = new Buckets(drawKey(context.random));
  }

  /** The view has changed: everybody may have become our standby. */
  viewChanged({ now }: Clock) {
    const context = this.#context;
    const { name } = context;
    const view = context.view();
    this.#pairs.clear();
    for (const owner of this.#theirs.keys()) if (!view.has(owner)) this.#theirs.delete(owner);
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
      this.#ask(standby, { pair, prefix: "", now });
    }
  }

  /** An owner compares with us. Without the same view we would speak of different entries, and stay silent. */
  compared(from: string, { request, view: digest, key, prefix, hashes }: MessageOf<"BUCKETS">, { now }: Clock) {
    const context = this.#context;
    if (digest !== context.view().digest) return;
    const marks = this.#bucketsOf(from, key);
    const common = marks.within(this.#common({ owner: from, standby: context.name, now }), prefix);
    const byBucket = Map.groupBy(common, (held) => marks.bucketOf(held, prefix));
    const differing = differingBuckets(marks.hashes(common, prefix), hashes);
    // Not always the same ones first: what cannot be mended must not stand before what can.
    const first = differing.findIndex((bucket) => bucket >= request % 256);
    const ordered = first < 0 ? differing : [...differing.slice(first), ...differing.slice(0, first)];
    const content = listed(ordered, { byBucket, prefix });
    context.emit(send(from, { type: "LIST", request, view: digest, ...content }));
  }

  /** A standby has listed what differs. */
  listed(from: string, message: MessageOf<"LIST">, { now, wall }: Clock): void {
    const { request, view: digest, buckets, holdings: theirs, divide } = message;
    const context = this.#context;
    const { table, onMissing } = this.#options;
    const pair = this.#pairs.get(from);
    if (pair?.question === undefined || pair.question.request !== request || digest !== context.view().digest) return;
    const { prefix } = pair.question;
    pair.question = undefined;
    const part = divide === undefined ? undefined : divided(prefix, divide);
    if (part !== undefined) return this.#ask(from, { pair, prefix: part, now });
    if (buckets.length === 0) {
      if (prefix === "") pair.nextAt = now + ANTI_ENTROPY_EVERY_MS;
      return;
    }
    const versions = new Map(theirs.map(({ id, version }) => [id, version]));
    const differing = new Set(buckets);
    const ours = this.#ours;
    for (const held of ours.within(this.#common({ owner: context.name, standby: from, now }), prefix)) {
      if (!differing.has(ours.bucketOf(held, prefix))) continue;
      const version = versions.get(held.id);
      if (version === undefined || compareVersions(held.version, version) > 0) onMissing(from, held.id);
    }
    const ids = theirs.filter(({ id, version }) => {
      if (!isBelievedTime(version.ms, wall)) return false;
      const held = table.get(id, now);
      return held === undefined || compareVersions(held.version, version) < 0;
    }).map(({ id }) => id);
    if (ids.length === 0) return;
    for (const list of fittingLists(ids, { maxBytes: MAX_LISTED_BYTES })) {
      context.emit(send(from, { type: "WANT", request: 0, ids: list }));
    }
  }

  #ask(standby: string, { pair, prefix, now }: { pair: Pair; prefix: string; now: number }) {
    const context = this.#context, ours = this.#ours;
    pair.nextAt = now + ANTI_ENTROPY_AGAIN_MS;
    pair.question = { request: context.nextRequest(), prefix };
    const hashes = ours.hashes(ours.within(this.#common({ owner: context.name, standby, now }), prefix), prefix);
    const { request } = pair.question, { key } = ours, view = context.view().digest;
    context.emit(send(standby, { type: "BUCKETS", request, view, key, prefix, hashes }));
  }

  #bucketsOf(owner: string, key: string): Buckets {
    let buckets = this.#theirs.get(owner);
    if (buckets?.key !== key) this.#theirs.set(owner, buckets = new Buckets(key));
    return buckets;
  }

  #common({ owner, standby, now }: { owner: string; standby: string; now: number }): HeldEntry[] {
    const { table } = this.#options;
    return [...table].filter((held) =>
      held.owner === owner && held.standby === standby && table.restMs(held, now) > ANTI_ENTROPY_MARGIN_MS
    );
  }
}

/** What a LIST says of buckets that differ: as many of them as fit, else that the first one must be divided. */
function listed(
  differing: readonly number[],
  { byBucket, prefix }: { byBucket: ReadonlyMap<number, readonly HeldEntry[]>; prefix: string },
): Pick<MessageOf<"LIST">, "buckets" | "holdings" | "divide"> {
  const buckets: number[] = [];
  const holdings: HeldEntry[] = [];
  let bytes = 0;
  for (const bucket of differing) {
    const held = byBucket.get(bucket) ?? [];
    // More than that are not even measured.
    bytes += held.length > MAX_LIST_LENGTH ? Infinity : held.reduce((sum, entry) => sum + bytesOf(entry), 0);
    if (bytes > MAX_LISTED_BYTES || holdings.length + held.length > MAX_LIST_LENGTH) {
      // What else does not fit is found the next time.
      if (buckets.length > 0) break;
      if (divided(prefix, bucket) !== undefined) return { buckets, holdings, divide: bucket };
      // What is left out here is brought though it may be held: that is for nothing, and does no harm.
      return { buckets: [bucket], holdings: fitting(held, { maxBytes: MAX_LISTED_BYTES, bytesOf }) };
    }
    buckets.push(bucket);
    holdings.push(...held);
  }
  return { buckets, holdings };
}

function bytesOf(entry: HeldEntry): number {
  return encodedBytes(writeHeldVersion(entry));
}

/** 128 random bits, as 32 hexadecimal digits. */
function drawKey(random: () => number): string {
  return Array.from({ length: 16 }, () => Math.floor(random() * 256).toString(16).padStart(2, "0")).join("");
}
