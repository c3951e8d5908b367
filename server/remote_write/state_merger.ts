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
import { type ClusterEntry, type ExpositionIndex, toEntry } from "../exposition/exposition_index.ts";
import type { PushContent } from "../ingest/push_content.ts";
import type { Renderer } from "../ingest/renderer.ts";
import type { Capacity } from "../limits/capacity.ts";
import type { EventLoopShare } from "../limits/event_loop_share.ts";
import type { PushAccount } from "../pushes/push_account.ts";
import type { StoredPush } from "../store/push_store.ts";
import { NOTHING_SHOWN } from "./cluster_logs.ts";
import { Merger } from "./merge.ts";
import { deltaOfWrite, lossesOf, receiptOf } from "./rendered_delta.ts";
import { type DeltaRenderer, versionOf } from "./delta_renderer.ts";
import { writeReceipt } from "./write_receipt.ts";

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
   * Merges a request, or a push, into what its cluster shows.
   *
   * @throws {InvalidPushError} {LimitError} if it must be refused.
   */
  async merge(push: StoredPush, shown: ClusterEntry | undefined): Promise<MergedState> {
    return await this.#options.share.take(() => this.#merge(push, shown));
  }

  #merge(push: StoredPush, shown: ClusterEntry | undefined): MergedState {
    const { deltas, renderer, index, capacity, account, maxSeries, limitBytes, ttlMs, now } = this.#options;
    const { id, receivedAtMs, labels } = push;
    const write = this.isDelta(push) ? deltas().render(push, renderer()) : undefined;
    const rendered = write === undefined ? renderer().render(push) : undefined;
    const delta = write === undefined
      ? { values: toEntry(rendered!, { id, sequence: 0, receivedAtMs }) }
      : deltaOfWrite(write, write.types);
    const content = this.#merger.merge(shown, delta === undefined ? [] : [delta], {
      oldestMs: now() - ttlMs,
      spare: (bytes) => index.spare(bytes),
    });
    const entry = toEntry(content, { id, sequence: shown?.sequence ?? 0, receivedAtMs });
    if (entry.series > maxSeries() && entry.series > (shown?.series ?? 0)) {
      throw new LimitError(
        `Cannot take a request by which the cluster has more than ${maxSeries()} series: there are ${entry.series}`,
      );
    }
    const families = [...entryFamilies(entry, this.#transcoder)];
    const body = frameSnappy(families.length === 0 ? NOTHING_SHOWN : concatenate(families));
    if (body.length > limitBytes) {
      throw new LimitError(`Cannot take a body of more than ${limitBytes} bytes, which is what the cluster comes to`);
    }
    return {
      entry,
      content: { contentType: "protobuf", contentEncoding: "snappy", labels, body, through: 0 },
      reserve: () => capacity.reserve(entry),
      accepted: () => {
        const { blocks: { length }, series, newestMs } = entry;
        const losses = write === undefined ? rendered! : lossesOf(write);
        const remark = account.accepted(push, { losses, shown: { families: length, series, newestMs } });
        return write === undefined ? remark : writeReceipt(receiptOf(write), remark);
      },
    };
  }
}
