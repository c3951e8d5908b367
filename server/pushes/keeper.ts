/**
 * The last stage of a push: uncompress, ingest, make durable, show.
 *
 * @module
 */

import { gunzipSync } from "node:zlib";
import { Counter } from "prom-client";
import type { Registry } from "../../common/metrics.ts";
import { LimitError } from "../../common/exposition/metric_family.ts";
import { encodeFamilies } from "../../common/exposition/protobuf.ts";
import { SnappyUnframer } from "../../common/exposition/snappy.ts";
import { parseText } from "../../common/exposition/text_format.ts";
import type { ExpositionIndex } from "../exposition/exposition_index.ts";
import { Ingester } from "../ingest/ingest.ts";
import type { IngestedPush, IngestRules } from "../ingest/ingested_push.ts";
import { InvalidPushError } from "../ingest/invalid_push.ts";
import type { Capacity } from "./capacity.ts";
import type { Push, PushOutcome, PushStage } from "./push.ts";
import { Turns } from "./turns.ts";
import type { PushStore, StoredPush } from "../store.ts";

/** What a keeper works with. */
export interface KeeperOptions {
  /** What a push must be. */
  readonly rules: IngestRules;
  /** The most bytes that a body of protobuf may hold once uncompressed. */
  readonly limitBytes: number;
  /** The most bytes that a body of text may hold once uncompressed. */
  readonly limitTextBytes: number;
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
  readonly #ingester: Ingester;
  readonly #unframer = new SnappyUnframer();
  readonly #turns = new Turns();
  readonly #samples: Counter;
  readonly #dropped: Counter<"reason">;
  #sequence = 0;

  /** Keeps pushes that a store and an index take. */
  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#ingester = new Ingester(options.rules);
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

  async accept(push: Push): Promise<PushOutcome> {
    const { store, index, capacity } = this.#options;
    capacity.admit(push.id);
    const body = await push.body();
    const { entry, received, dropped, duplicates } = await this.#turns.take(() => {
      const ingested = this.#ingest({ ...push, body });
      const sequence = ++this.#sequence;
      return {
        ...ingested,
        entry: index.prepare(ingested, { id: push.id, sequence, receivedAtMs: push.receivedAtMs }),
      };
    });
    try {
      using _room = capacity.reserve(entry);
      await store.put({ ...push, body });
      index.show(entry);
    } catch (error) {
      index.discard(entry);
      throw error;
    }
    this.#samples.inc(received);
    if (dropped > 0) this.#dropped.inc({ reason: "allow_list" }, dropped);
    if (duplicates > 0) this.#dropped.inc({ reason: "duplicate" }, duplicates);
    return "stored";
  }

  /** Shows again what was stored, as it was when it came. Throws what {@linkcode Keeper.accept} would reject with. */
  restore(push: StoredPush) {
    const sequence = ++this.#sequence;
    const { index } = this.#options;
    const { id, receivedAtMs } = push;
    index.show(index.prepare(this.#ingest(push), { id, sequence, receivedAtMs }));
  }

  #ingest(
    push: Pick<StoredPush, "contentType" | "contentEncoding" | "labels" | "receivedAtMs" | "body">,
  ): IngestedPush {
    try {
      const raw = this.#uncompress(push);
      const families = push.contentType === "protobuf"
        ? raw
        : encodeFamilies(parseText(raw, this.#options.rules.limits));
      return this.#ingester.ingest(families, { identity: push.labels, nowMs: push.receivedAtMs });
    } catch (cause) {
      if (cause instanceof SyntaxError) throw new InvalidPushError("malformed", cause.message, { cause });
      throw cause;
    }
  }

  #uncompress(
    { contentType, contentEncoding, body }: Pick<StoredPush, "contentType" | "contentEncoding" | "body">,
  ): Uint8Array {
    const { limitBytes: most, limitTextBytes } = this.#options;
    const limitBytes = contentType === "text" ? Math.min(most, limitTextBytes) : most;
    if (contentEncoding === "snappy") return this.#unframer.unframe(body, { limitBytes });
    if (contentEncoding === "gzip") return gunzip(body, limitBytes);
    if (body.length > limitBytes) throw tooLong(limitBytes);
    return body;
  }
}

function gunzip(body: Uint8Array, limitBytes: number): Uint8Array {
  try {
    return gunzipSync(body, { maxOutputLength: limitBytes });
  } catch (cause) {
    if (cause instanceof RangeError) throw tooLong(limitBytes);
    throw new SyntaxError("Cannot read the gzip: the body is malformed or cut short", { cause });
  }
}

function tooLong(limitBytes: number): LimitError {
  return new LimitError(`Cannot uncompress the body as it holds more than ${limitBytes} bytes`);
}
