/**
 * Requests of remote write in a ring: what came is merged into what its cluster showed, and the whole of that is what members store
 * and copy, as they do with a push. A member that has it needs nothing of what came before.
 *
 * @module
 */

import { concatenate } from "../../common/concatenate.ts";
import { LineTranscoder } from "../../common/exposition/line_transcoder.ts";
import { LimitError } from "../../common/exposition/metric_family.ts";
import { frameSnappy } from "../../common/exposition/snappy.ts";
import { entryFamilies } from "../exposition/entry_families.ts";
import { type ClusterEntry, type EntryContent, type ExpositionIndex, toEntry } from "../exposition/exposition_index.ts";
import type { PushContent } from "../ingest/push_content.ts";
import type { Renderer } from "../ingest/renderer.ts";
import type { Capacity } from "../limits/capacity.ts";
import type { EventLoopShare } from "../limits/event_loop_share.ts";
import type { PushAccount, ShownPush } from "../pushes/push_account.ts";
import type { StoredDelta, StoredPush } from "../store/push_store.ts";
import { NOTHING_SHOWN } from "./cluster_logs.ts";
import { type DeltaRenderer, type RenderedWrite, versionOf } from "./delta_renderer.ts";
import { EndTimes } from "./end_times.ts";
import { WriteLimiter } from "./limited_write.ts";
import type { Delta, SizedDelta } from "./delta.ts";
import { Merger } from "./merge.ts";
import { newTypesOf } from "./new_types.ts";
import { deltaOfWrite, lossesOf, receiptOf } from "./rendered_delta.ts";
import { pastLimit } from "./series_limit.ts";
import { writeReceipt, writeReceipts } from "./write_receipt.ts";

/** How much of a log is merged at a time, in bytes of what it changes. */
const JOINED_BYTES = 4_194_304;

/** What a {@linkcode StateMerger} works with. */
export interface StateMergerOptions {
  /** Reads requests. */
  readonly deltas: () => DeltaRenderer;
  /** Checks what is in them, by the rules that hold now. */
  readonly renderer: () => Renderer;
  /** Whose idle buffers are used. */
  readonly index: Pick<ExpositionIndex, "spare">;
  /** How much all clusters together may take. */
  readonly capacity: Pick<Capacity, "reserve">;
  /** Accounts for what is accepted. */
  readonly account: PushAccount;
  /** Shares the event loop among requests. */
  readonly share: EventLoopShare;
  /** The most series of one cluster. */
  readonly maxSeries: () => number;
  /** The most bytes that what a cluster shows may come to, as members send it to each other. */
  readonly limitBytes: number;
  /** How long a sample is shown, in milliseconds. */
  readonly ttlMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** What a cluster shows once something was merged into it. */
export interface MergedState {
  /** The same, to be shown. */
  readonly entry: ClusterEntry;
  /** The same, to be stored and copied. */
  readonly content: PushContent;
  /**
   * Makes room for it until it is disposed of.
   *
   * @throws {CapacityError} if there is none.
   */
  reserve(): Disposable;
  /** Accounts for what was merged, once it is durable. Returns what its sender is told. */
  accepted(): string | undefined;
}

/** Merges what comes into what clusters show. */
export class StateMerger {
  readonly #options: StateMergerOptions;
  readonly #merger = new Merger();
  readonly #ends = new EndTimes();
  readonly #limiter = new WriteLimiter();
  readonly #transcoder = new LineTranscoder();

  /** Starts with nothing at hand. */
  constructor(options: StateMergerOptions) {
    this.#options = options;
  }

  /** Whether what comes says what has changed, and not all of a cluster. */
  isDelta({ contentType }: Pick<PushContent, "contentType">): boolean {
    return versionOf(contentType) !== undefined;
  }

  /**
   * Merges a push, or requests, into what its cluster shows.
   *
   * @throws {InvalidPushError} {LimitError} if it must be refused: all of them if one must be.
   */
  async merge(push: StoredPush, shown: ClusterEntry | undefined): Promise<MergedState> {
    const { share } = this.#options;
    if (!this.isDelta(push)) return await share.take(() => this.#mergePush(push, shown));
    const taken: TakenWrite[] = [], changes: SizedDelta[] = [];
    for (const request of partsOf(push)) {
      const { write, delta } = await share.take(() => this.#take(request, { shown, changes }));
      taken.push({ request, write });
      changes.push(...delta);
    }
    return await share.take(() => this.#mergeWrites(push, { shown, changes, taken }));
  }

  /**
   * Merges the log of a server alone, in its order, into what its cluster showed: a part of it at a time, however long it has grown.
   * What today's rules refuse is left out, and told of.
   */
  async join(
    push: Pick<StoredPush, "id" | "receivedAtMs">,
    { shown, log, onRefused }: {
      shown: ClusterEntry | undefined;
      log: AsyncIterable<StoredDelta>;
      onRefused: (error: unknown) => void;
    },
  ): Promise<PushContent> {
    const { share } = this.#options;
    let entry = shown, labels: ReadonlyMap<string, string> = new Map();
    let changes: SizedDelta[] = [], bytes = 0;
    for await (const delta of log) {
      labels = delta.labels;
      try {
        const change = await share.take(() => this.#changeOf(delta, { shown: entry, changes }));
        if (change === undefined) continue;
        changes.push(change);
        bytes += change.bytes;
      } catch (error) {
        onRefused(error);
      }
      if (bytes < JOINED_BYTES) continue;
      entry = await share.take(() => this.#entryAfter(push, { shown: entry, changes }));
      this.#learn(push.id, changes);
      changes = [];
      bytes = 0;
    }
    const { content } = await share.take(() => this.#stateOf({ ...push, labels }, { shown: entry, changes }));
    this.#learn(push.id, changes);
    return content;
  }

  /** What one delta of a log changes: a request, or a push. */
  #changeOf(
    delta: StoredDelta,
    before: { shown: ClusterEntry | undefined; changes: readonly Delta[] },
  ): SizedDelta | undefined {
    const { deltas, renderer } = this.#options;
    if (this.isDelta(delta)) return this.#deltaOf(deltas().render(delta, renderer()), before);
    const values = entryOf(delta, renderer().render(delta));
    return { values, bytes: values.bytes, series: values.series };
  }

  #learn(id: string, changes: readonly Delta[]) {
    for (const { ended } of changes) if (ended !== undefined) this.#ends.learn(id, ended);
  }

  /** Renders a request, and what it changes, of which there is room for all series. */
  #take(
    request: StoredPush,
    { shown, changes }: { shown: ClusterEntry | undefined; changes: readonly SizedDelta[] },
  ): { write: RenderedWrite; delta: readonly SizedDelta[] } {
    const { deltas, renderer, now, ttlMs } = this.#options;
    const maxSeries = this.#options.maxSeries();
    const write = deltas().render(request, renderer());
    const delta = this.#deltaOf(write, { shown, changes });
    if (delta === undefined) return { write, delta: [] };
    const oldestMs = now() - ttlMs;
    const series = changes.reduce((sum, change) => sum + change.series, (shown?.series ?? 0) + delta.series);
    if (series <= maxSeries) return { write, delta: [delta] };
    const lines = [...shown === undefined ? [] : [shown], ...changes.map(({ values }) => values)];
    const limited = this.#limiter.limit(request, { write, delta, shown: lines, maxSeries, oldestMs });
    if (limited === undefined) return { write, delta: [delta] };
    const parts = limited.requests.map((request) => deltas().render(request, renderer()));
    return {
      write: limited.write,
      delta: parts.map((part) => this.#deltaOf(part, { shown, changes })).filter((part) => part !== undefined),
    };
  }

  /** What a request changes, with the types that are news; undefined if that is nothing. */
  #deltaOf(
    write: RenderedWrite,
    { shown, changes }: { shown: ClusterEntry | undefined; changes: readonly Delta[] },
  ): SizedDelta | undefined {
    const before = [...shown === undefined ? [] : [shown], ...changes.map(({ values }) => values)];
    const blocks = [...before.map(({ blocks }) => blocks), write.values?.blocks ?? []];
    return deltaOfWrite(write, newTypesOf(write.types, blocks));
  }

  #mergeWrites(
    push: StoredPush,
    { shown, changes, taken }: {
      shown: ClusterEntry | undefined;
      changes: readonly Delta[];
      taken: readonly TakenWrite[];
    },
  ): MergedState {
    const { account } = this.#options;
    const state = this.#stateOf(push, { shown, changes });
    const told = shownOf(state.entry);
    const accepted = () => {
      this.#learn(push.id, changes);
      const receipts = taken.map(({ request, write }) => {
        const remark = account.accepted(request, { losses: lossesOf(write), shown: told });
        return { receipt: receiptOf(write), remark };
      });
      return receipts.length === 1 ? writeReceipt(receipts[0].receipt, receipts[0].remark) : writeReceipts(receipts);
    };
    return { ...state, accepted };
  }

  #mergePush(push: StoredPush, shown: ClusterEntry | undefined): MergedState {
    const { renderer, account } = this.#options;
    const maxSeries = this.#options.maxSeries();
    const rendered = renderer().render(push);
    const state = this.#stateOf(push, { shown, changes: [{ values: entryOf(push, rendered) }] }), { entry } = state;
    if (entry.series > maxSeries && entry.series > (shown?.series ?? 0)) {
      throw pastLimit({ series: entry.series, maxSeries });
    }
    return { ...state, accepted: () => account.accepted(push, { losses: rendered, shown: shownOf(entry) }) };
  }

  #entryAfter(
    push: Pick<StoredPush, "id" | "receivedAtMs">,
    { shown, changes }: { shown: ClusterEntry | undefined; changes: readonly Delta[] },
  ): ClusterEntry {
    const { index, ttlMs, now } = this.#options;
    const content = this.#merger.merge(shown, changes, {
      oldestMs: now() - ttlMs,
      endedAt: this.#ends.of(push.id),
      spare: (bytes) => index.spare(bytes),
    });
    return entryOf(push, content, shown);
  }

  #stateOf(
    push: Pick<StoredPush, "id" | "receivedAtMs" | "labels">,
    { shown, changes }: { shown: ClusterEntry | undefined; changes: readonly Delta[] },
  ): Omit<MergedState, "accepted"> {
    const { capacity, limitBytes } = this.#options;
    const { labels } = push;
    const entry = this.#entryAfter(push, { shown, changes });
    const families = [...entryFamilies(entry, this.#transcoder)];
    const body = frameSnappy(families.length === 0 ? NOTHING_SHOWN : concatenate(families));
    if (body.length > limitBytes) {
      throw new LimitError(`Cannot take a body of more than ${limitBytes} bytes, which is what the cluster comes to`, {
        limit: "bytes",
      });
    }
    return {
      entry,
      content: { contentType: "protobuf", contentEncoding: "snappy", labels, body, through: 0 },
      reserve: () => capacity.reserve(entry),
    };
  }
}

/** A request, and what it became. */
interface TakenWrite {
  readonly request: StoredPush;
  readonly write: RenderedWrite;
}

/** The requests that go together, one by one. */
function* partsOf({ parts, ...push }: StoredPush): Generator<StoredPush> {
  if (parts === undefined) yield push;
  let at = 0;
  for (const length of parts ?? []) yield { ...push, body: push.body.subarray(at, at += length) };
}

function entryOf(
  { id, receivedAtMs }: Pick<StoredPush, "id" | "receivedAtMs">,
  content: EntryContent,
  { sequence = 0 }: { sequence?: number } = {},
): ClusterEntry {
  return toEntry(content, { id, sequence, receivedAtMs });
}

function shownOf({ blocks: { length: families }, series, newestMs }: ClusterEntry): ShownPush {
  return { families, series, newestMs };
}
