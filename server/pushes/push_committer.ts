/**
 * The last stage of a push: check and render it, make it durable, show it.
 *
 * @module
 */

import { Counter } from "prom-client";
import type { Registry } from "../../common/metrics.ts";
import { type ClusterEntry, type ExpositionIndex, toEntry } from "../exposition/exposition_index.ts";
import type { RenderedPush, Renderer } from "../ingest/renderer.ts";
import type { Capacity } from "../limits/capacity.ts";
import type { Push, PushOutcome, PushStage } from "./push.ts";
import { EventLoopShare } from "../limits/event_loop_share.ts";
import type { PushStore, StoredPush } from "../store/push_store.ts";

/** What a {@linkcode PushCommitter} works with. */
export interface PushCommitterOptions {
  /** Checks pushes and turns them into lines. */
  readonly renderer: Renderer;
  /** How much all clusters together may take. */
  readonly capacity: Capacity;
  /** Where pushes are made durable. */
  readonly store: Pick<PushStore, "put">;
  /** Where they are shown. */
  readonly index: ExpositionIndex;
  /** Where the counters are registered. */
  readonly registry: Registry;
}

/** Commits pushes: to disk first, then to the exposition index. */
export class PushCommitter implements PushStage {
  readonly #options: PushCommitterOptions;
  readonly #share = new EventLoopShare();
  readonly #samples: Counter;
  readonly #dropped: Counter<"reason">;
  #sequence = 0;

  /** Commits to a store and an index. */
  constructor(options: PushCommitterOptions) {
    this.#options = options;
    const registers = [options.registry];
    this.#samples = new Counter({
      name: "telemeter_samples_total",
      help: "Samples in accepted pushes",
      registers,
    });
    this.#dropped = new Counter({
      name: "telemeter_samples_dropped_total",
      help:
        "Samples in accepted pushes that are not shown: the allow-list drops them, or a later one of their series replaces them",
      labelNames: ["reason"],
      registers,
    });
    for (const reason of ["allow_list", "duplicate"]) this.#dropped.inc({ reason }, 0);
  }

  /** Resolves once the push is on disk and shown. */
  async accept(push: Push): Promise<PushOutcome> {
    const { index, capacity } = this.#options;
    capacity.admit(push.id);
    await this.commit({ ...push, body: await push.body() }, (entry) => index.show(entry));
    return "stored";
  }

  /**
   * Checks a push and makes it durable. What it shows is handed over at that moment, to be shown or discarded.
   *
   * @throws {InvalidPushError} {LimitError} {CapacityError} if it is refused.
   * @throws {StoreUnavailableError} if it cannot be made durable now.
   */
  async commit(push: StoredPush, onCommitted: (entry: ClusterEntry) => void): Promise<void> {
    const { store, index, capacity } = this.#options;
    const { entry, rendered: { received, dropped, duplicates } } = await this.#prepare(push);
    try {
      using _room = capacity.reserve(entry);
      await store.put(push);
      onCommitted(entry);
    } catch (error) {
      index.discard(entry);
      throw error;
    }
    this.#samples.inc(received);
    if (dropped > 0) this.#dropped.inc({ reason: "allow_list" }, dropped);
    if (duplicates > 0) this.#dropped.inc({ reason: "duplicate" }, duplicates);
  }

  /**
   * Makes of a push what it shows, once others have had their turn of the event loop.
   *
   * @throws {InvalidPushError} {LimitError} if it is refused.
   */
  async prepare(push: StoredPush): Promise<ClusterEntry> {
    return (await this.#prepare(push)).entry;
  }

  /** Shows again what was stored, as it was when it came. Throws what {@linkcode PushCommitter.prepare} would reject with. */
  restore(push: StoredPush): void {
    this.#options.index.show(this.#render(push).entry);
  }

  #prepare(push: StoredPush): Promise<Prepared> {
    return this.#share.take(() => this.#render(push, this.#options.index.spareFor(push.id)));
  }

  #render(push: StoredPush, spare?: ArrayBuffer): Prepared {
    const { id, receivedAtMs } = push;
    const sequence = ++this.#sequence;
    const rendered = this.#options.renderer.render(push, spare);
    return { rendered, entry: toEntry(rendered, { id, sequence, receivedAtMs }) };
  }
}

interface Prepared {
  readonly rendered: RenderedPush;
  readonly entry: ClusterEntry;
}
