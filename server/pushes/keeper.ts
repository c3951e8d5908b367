/**
 * The last stage of a push: digest, make durable, show.
 *
 * @module
 */

import { Counter } from "prom-client";
import type { Registry } from "../../common/metrics.ts";
import { type ExpositionIndex, toEntry } from "../exposition/exposition_index.ts";
import type { Digester } from "../ingest/digest.ts";
import type { Capacity } from "./capacity.ts";
import type { Push, PushOutcome, PushStage } from "./push.ts";
import { Turns } from "./turns.ts";
import type { PushStore, StoredPush } from "../store.ts";

/** What a keeper works with. */
export interface KeeperOptions {
  /** Checks pushes and turns them into lines. */
  readonly digester: Digester;
  /** How much all clusters together may take. */
  readonly capacity: Capacity;
  /** Where pushes are made durable. */
  readonly store: Pick<PushStore, "put">;
  /** Where they are shown. */
  readonly index: ExpositionIndex;
  /** Where the counters are registered. */
  readonly registry: Registry;
}

/** Keeps pushes: on disk first, then in the exposition index. */
export class Keeper implements PushStage {
  readonly #options: KeeperOptions;
  readonly #turns = new Turns();
  readonly #samples: Counter;
  readonly #dropped: Counter<"reason">;
  #sequence = 0;

  /** Keeps pushes that a store and an index take. */
  constructor(options: KeeperOptions) {
    this.#options = options;
    const registers = [options.registry];
    this.#samples = new Counter({
      name: "telemeter_samples_total",
      help: "Samples of accepted pushes",
      registers,
    });
    this.#dropped = new Counter({
      name: "telemeter_samples_dropped_total",
      help:
        "Samples of accepted pushes that are not shown: not on the allow-list, or replaced by a later one of their series",
      labelNames: ["reason"],
      registers,
    });
    for (const reason of ["allow_list", "duplicate"]) this.#dropped.inc({ reason }, 0);
  }

  /** Resolves once the push is on disk and shown. */
  async accept(push: Push): Promise<PushOutcome> {
    const { digester, store, index, capacity } = this.#options;
    const { id, receivedAtMs } = push;
    capacity.admit(id);
    const body = await push.body();
    const { digest, entry } = await this.#turns.take(() => {
      const sequence = ++this.#sequence;
      const digest = digester.digest({ ...push, body }, index.spareFor(id));
      return { digest, entry: toEntry(digest, { id, sequence, receivedAtMs }) };
    });
    try {
      using _room = capacity.reserve(entry);
      await store.put({ ...push, body });
      index.show(entry);
    } catch (error) {
      index.discard(entry);
      throw error;
    }
    const { received, dropped, duplicates } = digest;
    this.#samples.inc(received);
    if (dropped > 0) this.#dropped.inc({ reason: "allow_list" }, dropped);
    if (duplicates > 0) this.#dropped.inc({ reason: "duplicate" }, duplicates);
    return "stored";
  }

  /** Shows again what was stored, as it was when it came. Throws what {@linkcode Keeper.accept} would reject with. */
  restore(push: StoredPush): void {
    const { digester, index } = this.#options;
    const { id, receivedAtMs } = push;
    const sequence = ++this.#sequence;
    index.show(toEntry(digester.digest(push), { id, sequence, receivedAtMs }));
  }
}
