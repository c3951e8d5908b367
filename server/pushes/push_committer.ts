/**
 * The last stage of a push: check and render it, make it durable, show it.
 *
 * @module
 */

import { type ClusterEntry, type ExpositionIndex, toEntry } from "../exposition/exposition_index.ts";
import type { RenderedPush, Renderer } from "../ingest/renderer.ts";
import type { Capacity } from "../limits/capacity.ts";
import { type Work, WorkLanes } from "../limits/work_lanes.ts";
import type { Push, PushReceipt, PushStage } from "./push.ts";
import type { PushVersion } from "../../ring/protocol/push_version.ts";
import type { PushStore, StoredPush } from "../store/push_store.ts";
import type { PushAccount } from "./push_account.ts";

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
  /**
   * Takes the pushes of clusters of which there are deltas: resolves once a push is durable and shown, and is undefined where the
   * cluster has none. @default no cluster has any
   */
  readonly logs?: { push(push: StoredPush, entry: ClusterEntry): Promise<void> | undefined };
  /** Accounts for what is accepted. */
  readonly account: PushAccount;
  /** The version of what came at a time, where the store is of a ring that this server is no member of now. @default none */
  readonly versionApart?: (receivedAtMs: number) => PushVersion;
}

/** Commits pushes: to disk first, then to the exposition index. */
export class PushCommitter implements PushStage {
  readonly #options: PushCommitterOptions;
  #renderer: Renderer;
  readonly #lanes = new WorkLanes();
  #sequence = 0;

  /** Commits to a store and an index. */
  constructor(options: PushCommitterOptions) {
    this.#options = options;
    this.#renderer = options.renderer;
  }

  /** Checks pushes by other rules from now on; what is shown already stays. */
  renderBy(renderer: Renderer): void {
    this.#renderer = renderer;
  }

  /** What checks pushes now. */
  get renderer(): Renderer {
    return this.#renderer;
  }

  /** Resolves once the push is on disk and shown. */
  async accept(push: Push): Promise<PushReceipt> {
    const { index, capacity, versionApart } = this.#options;
    capacity.admit(push.id);
    const version = versionApart?.(push.receivedAtMs);
    const remark = await this.commit({ ...push, version, body: await push.body() }, {
      onCommitted: (entry) => index.show(entry),
    });
    return remark === undefined ? { result: "stored" } : { result: "stored", remark };
  }

  /**
   * Checks a push and makes it durable. `onChecked` is called between the two; what it shows is handed over at the end, to be shown
   * or discarded. Returns what was left out of it, for its client.
   *
   * @throws {InvalidPushError} {LimitError} {CapacityError} if it is refused.
   * @throws {StoreUnavailableError} if it cannot be made durable now.
   */
  async commit(
    push: StoredPush,
    { onChecked, onCommitted }: { onChecked?: () => void; onCommitted: (entry: ClusterEntry) => void },
  ): Promise<string | undefined> {
    const { store, index, capacity, logs, account } = this.#options;
    const { entry, rendered } = await this.#prepare(push, { refuse: "if many wait" });
    try {
      using _room = capacity.reserve(entry);
      const logged = logs?.push(push, entry);
      const stored = logged ?? store.put(push);
      onChecked?.();
      await stored;
      if (logged === undefined) onCommitted(entry);
    } catch (error) {
      index.discard(entry);
      throw error;
    }
    const { blocks: { length: families }, series, newestMs } = entry;
    return account.accepted(push, { losses: rendered, shown: { families, series, newestMs } });
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
    const sequence = ++this.#sequence;
    this.#options.index.show(toEntry(this.#renderer.render(push), { ...push, sequence }));
  }

  /** How many samples of which metrics the allow-list of now drops of what was stored. Rejects as {@linkcode PushCommitter.prepare} does. */
  async droppedOf({ id, ...push }: StoredPush): Promise<ReadonlyMap<string, number>> {
    const metrics = new Map<string, number>(), renderer = this.#renderer;
    const onDropped = (metric: string, samples: number) => metrics.set(metric, (metrics.get(metric) ?? 0) + samples);
    await this.#lanes.do({
      who: id,
      quickly: () => renderer.renderQuickly(push, { onDropped }),
      slowly: () => {
        metrics.clear();
        return renderer.renderApart(push, { onDropped });
      },
    });
    return metrics;
  }

  async #prepare(push: StoredPush, options: Pick<Work<RenderedPush>, "refuse"> = {}): Promise<Prepared> {
    const { id, receivedAtMs } = push;
    const sequence = ++this.#sequence, renderer = this.#renderer;
    const spare = () => this.#options.index.spareFor(id);
    const rendered = await this.#lanes.do({
      who: id,
      quickly: () => renderer.renderQuickly(push, { spare }),
      slowly: () => renderer.renderApart(push, { spare }),
      ...options,
    });
    return { rendered, entry: toEntry(rendered, { id, sequence, receivedAtMs }) };
  }
}

interface Prepared {
  readonly rendered: RenderedPush;
  readonly entry: ClusterEntry;
}
