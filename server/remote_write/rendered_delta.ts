/**
 * What a rendered request of remote write is to those who merge it, and to those who account for it.
 *
 * @module
 */

import type { MetricType } from "../../common/exposition/metric_family.ts";
import { toEntry } from "../exposition/exposition_index.ts";
import type { RenderedPush } from "../ingest/renderer.ts";
import type { WriteReceipt } from "../pushes/push.ts";
import type { WriteLosses } from "../pushes/push_account.ts";
import type { RenderedWrite } from "./delta_renderer.ts";
import type { SizedDelta } from "./delta.ts";

/** A request without a sample. */
const NOTHING: RenderedPush = {
  buffer: new ArrayBuffer(0),
  textBytes: 0,
  runCount: 0,
  sampleCount: 0,
  nativeBytes: 0,
  blocks: [],
  baseMs: 0,
  series: 0,
  received: 0,
  dropped: 0,
  duplicates: 0,
  leftOut: new Map(),
  stale: 0,
};

/** What a request changes, with the types that are news; undefined if that is nothing. */
export function deltaOfWrite(
  { values, ended }: RenderedWrite,
  types: ReadonlyMap<string, MetricType>,
): SizedDelta | undefined {
  if (values === undefined && ended === undefined && types.size === 0) return undefined;
  const lines = (rendered: RenderedPush) => toEntry(rendered, { id: "", sequence: 0, receivedAtMs: 0 });
  return {
    values: lines(values ?? NOTHING),
    ...ended === undefined ? {} : { ended: lines(ended) },
    types,
    bytes: (values?.buffer.byteLength ?? 0) + (ended?.buffer.byteLength ?? 0),
    series: values?.series ?? 0,
  };
}

/** What became of the samples of a request. */
export function lossesOf({ received, dropped, droppedMetrics, replaced, leftOut, values }: RenderedWrite): WriteLosses {
  const { samples, histograms } = received;
  const counts = { received: samples + histograms, dropped, duplicates: replaced, stale: values?.stale ?? 0 };
  return { ...counts, leftOut, droppedMetrics };
}

/** What its sender is told. */
export function receiptOf({ received, lost, exemplars }: RenderedWrite): WriteReceipt {
  return { received, lost, exemplars };
}
