/**
 * The last stage of a push: check and render it, make it durable, show it.
 *
 * @module
 */

import { Counter } from "prom-client";
import { formatDuration } from "../../common/duration.ts";
import { describeLoss, SAMPLE_RULE_NAMES } from "../../common/ingest/sample_rules.ts";
import { plural } from "../../common/plural.ts";
import { plainFields } from "../../common/plain_text.ts";
import type { RepeatLog } from "../../common/line_limit.ts";
import type { AcceptedPush } from "../directory/source.ts";
import type { Registry } from "../../common/metrics.ts";
import { type ClusterEntry, type ExpositionIndex, toEntry } from "../exposition/exposition_index.ts";
import type { RenderedPush, Renderer } from "../ingest/renderer.ts";
import type { Capacity } from "../limits/capacity.ts";
import { type Work, WorkLanes } from "../limits/work_lanes.ts";
import type { Push, PushReceipt, PushStage } from "./push.ts";
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
  /** How long a sample is shown, in milliseconds. */
  readonly ttlMs: number;
  /** Told what is left out of pushes. */
  readonly losses: RepeatLog;
  /** Told of every push that is accepted here, and of none that comes from disk or from another member. */
  readonly directory: { accepted(push: AcceptedPush): void };
  /** Where the counters are registered. */
  readonly registry: Registry;
}

/** Why a sample is not shown that is older than `--ttl` when it comes. */
const STALE = "older_than_ttl";

/** Commits pushes: to disk first, then to the exposition index. */
export class PushCommitter implements PushStage {
  readonly #options: PushCommitterOptions;
  #renderer: Renderer;
  readonly #lanes = new WorkLanes();
  readonly #samples: Counter;
  readonly #dropped: Counter<"reason">;
  #sequence = 0;

  /** Commits to a store and an index. */
  constructor(options: PushCommitterOptions) {
    this.#options = options;
    this.#renderer = options.renderer;
    const registers = [options.registry];
    this.#samples = new Counter({
      name: "telemeter_samples_total",
      help: "Samples in accepted pushes",
      registers,
    });
    this.#dropped = new Counter({
      name: "telemeter_samples_dropped_total",
      help:
        "Samples in accepted pushes that are not shown, by why: the allow-list drops them, a later one of their series " +
        "replaces them, they are older than --ttl when they come, or they break a rule",
      labelNames: ["reason"],
      registers,
    });
    for (const reason of ["allow_list", "duplicate", STALE, ...SAMPLE_RULE_NAMES]) this.#dropped.inc({ reason }, 0);
  }

  /** Checks pushes by other rules from now on; what is shown already stays. */
  renderBy(renderer: Renderer): void {
    this.#renderer = renderer;
  }

  /** Resolves once the push is on disk and shown. */
  async accept(push: Push): Promise<PushReceipt> {
    const { index, capacity } = this.#options;
    capacity.admit(push.id);
    const remark = await this.commit({ ...push, body: await push.body() }, {
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
    const { store, index, capacity } = this.#options;
    const { entry, rendered } = await this.#prepare(push, { refuse: "if many wait" });
    try {
      using _room = capacity.reserve(entry);
      const stored = store.put(push);
      onChecked?.();
      await stored;
      onCommitted(entry);
    } catch (error) {
      index.discard(entry);
      throw error;
    }
    this.#list(push, { entry, rendered });
    return this.#account(push.id, rendered);
  }

  #list({ id, receivedAtMs, contentType, contentEncoding, body }: StoredPush, { entry, rendered }: Prepared) {
    const { dropped, leftOut, stale } = rendered;
    const losses = new Map<string, number>(stale > 0 ? [[STALE, stale]] : []);
    for (const [rule, { count }] of leftOut) losses.set(rule, count);
    this.#options.directory.accepted({
      id,
      receivedAtMs,
      transport: `${contentType}, ${contentEncoding}`,
      bytes: body.length,
      families: entry.blocks.length,
      series: entry.series,
      dropped,
      leftOut: losses,
      newestMs: entry.newestMs,
    });
  }

  /** Counts what became of a push's samples, and says what of it is not shown that its client may expect to be. */
  #account(id: string, { received, dropped, duplicates, stale, leftOut }: RenderedPush): string | undefined {
    this.#samples.inc(received);
    if (dropped > 0) this.#dropped.inc({ reason: "allow_list" }, dropped);
    if (duplicates > 0) this.#dropped.inc({ reason: "duplicate" }, duplicates);
    if (stale === 0 && leftOut.size === 0) return undefined;
    const { losses, ttlMs } = this.#options;
    const remarks: string[] = [];
    const remark = (reason: string, { count, why }: { count: number; why: string }) => {
      this.#dropped.inc({ reason }, count);
      remarks.push(why);
      const fields = plainFields({ cluster: id, reason, count, why });
      losses.add(`${id} ${reason}`, "Left out samples of a push", fields);
    };
    for (const [rule, loss] of leftOut) remark(rule, { count: loss.count, why: describeLoss(rule, loss) });
    if (stale > 0) {
      const why =
        `Does not show ${stale} ${plural(stale, "sample that is", "samples that are")} older than --ttl (${
          formatDuration(ttlMs)
        }): set the clock of ` +
        "the source, or start the server with --honor-timestamps=false";
      remark(STALE, { count: stale, why });
    }
    return remarks.join("\n");
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
