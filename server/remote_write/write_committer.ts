/**
 * The last stage of a request of remote write: check and render it, make it durable, show it.
 *
 * @module
 */

import { type ExpositionIndex, toEntry } from "../exposition/exposition_index.ts";
import type { Renderer } from "../ingest/renderer.ts";
import type { Capacity } from "../limits/capacity.ts";
import type { EventLoopShare } from "../limits/event_loop_share.ts";
import type { Push, PushReceipt, PushStage } from "../pushes/push.ts";
import type { PushAccount } from "../pushes/push_account.ts";
import type { StoredDelta, StoredPush } from "../store/push_store.ts";
import type { ClusterLogs } from "./cluster_logs.ts";
import type { SizedDelta } from "./delta.ts";
import { type DeltaRenderer, type RenderedWrite, versionOf } from "./delta_renderer.ts";
import { WriteLimiter } from "./limited_write.ts";
import { deltaOfWrite, lossesOf, receiptOf } from "./rendered_delta.ts";

/** What a {@linkcode WriteCommitter} works with. */
export interface WriteCommitterOptions {
  /** Reads requests. */
  readonly deltas: DeltaRenderer;
  /** Checks what is in them, by the rules that hold now. */
  readonly renderer: () => Renderer;
  /** Where they go. */
  readonly logs: ClusterLogs;
  /** How much all clusters together may take. */
  readonly capacity: Pick<Capacity, "admit">;
  /** What clusters show. */
  readonly index: Pick<ExpositionIndex, "get">;
  /** Accounts for what is accepted. */
  readonly account: PushAccount;
  /** Shares the event loop among requests. */
  readonly share: EventLoopShare;
}

/** Commits requests of remote write to the logs of their clusters. */
export class WriteCommitter implements PushStage {
  readonly #options: WriteCommitterOptions;
  readonly #limiter = new WriteLimiter();
  #deltas: DeltaRenderer;

  /** Commits to logs. */
  constructor(options: WriteCommitterOptions) {
    this.#options = options;
    this.#deltas = options.deltas;
  }

  /** What reads requests now. */
  get deltas(): DeltaRenderer {
    return this.#deltas;
  }

  /** Reads requests by other limits from now on. */
  readBy(deltas: DeltaRenderer): void {
    this.#deltas = deltas;
  }

  /** Resolves once the request is on disk and shown. */
  async accept(push: Push): Promise<PushReceipt> {
    const { capacity, share } = this.#options;
    capacity.admit(push.id);
    const stored: StoredPush = { ...push, body: await push.body() };
    // Numbered in the turn in which it is rendered, so that what is shown follows from the log alone.
    const { write, committed } = await share.take(() => this.#append(stored));
    await committed;
    const remark = this.#accepted(stored, write);
    return {
      result: "stored",
      ...remark === undefined ? {} : { remark },
      write: receiptOf(write),
    };
  }

  /** Shows again what was stored. */
  restore(delta: StoredDelta): void {
    const { logs, renderer } = this.#options;
    if (versionOf(delta.contentType) !== undefined) {
      return logs.restore(delta, this.#deltaOf(delta.id, this.#deltas.render(delta, renderer())));
    }
    const rendered = renderer().render(delta);
    const entry = toEntry(rendered, { id: delta.id, sequence: 0, receivedAtMs: delta.receivedAtMs });
    logs.restore(delta, { values: entry, bytes: entry.bytes, series: entry.series });
  }

  /** Puts what there is room for of a request into the log of its cluster; undefined where nothing is to be put. */
  #append(stored: StoredPush): { write: RenderedWrite; committed?: Promise<unknown> } {
    const { logs, renderer } = this.#options, { id } = stored;
    const write = this.#deltas.render(stored, renderer());
    const delta = this.#deltaOf(id, write);
    if (delta === undefined) return { write };
    const limit = logs.limitOf(id, delta);
    const limited = limit && this.#limiter.limit(stored, { write, delta, ...limit });
    if (limited === undefined) return { write, committed: logs.append(contentOf(stored), delta) };
    const committed: Promise<void>[] = [];
    for (const request of limited.requests) {
      const part = this.#deltaOf(id, this.#deltas.render(request, renderer()));
      if (part !== undefined) committed.push(logs.append(request, part));
    }
    return { write: limited.write, committed: Promise.all(committed) };
  }

  /** What a request changes; undefined if that is nothing, as of one that only has metadata which is known. */
  #deltaOf(id: string, write: RenderedWrite): SizedDelta | undefined {
    const { types, values } = write;
    return deltaOfWrite(write, this.#options.logs.newTypes(id, { types, blocks: values?.blocks ?? [] }));
  }

  #accepted(push: StoredPush, write: RenderedWrite): string | undefined {
    const { account, index } = this.#options;
    const { blocks = [], series = 0, newestMs = -Infinity } = index.get(push.id) ?? {};
    return account.accepted(push, { losses: lossesOf(write), shown: { families: blocks.length, series, newestMs } });
  }
}

/** What is stored of a push on its way. */
function contentOf({ id, receivedAtMs, contentType, contentEncoding, labels, body }: StoredPush): StoredPush {
  return { id, receivedAtMs, contentType, contentEncoding, labels, body };
}
