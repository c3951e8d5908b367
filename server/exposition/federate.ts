/**
 * `GET /federate`: everything that is fresh, grouped by metric name, without timestamps, streamed.
 *
 * Timestamps are left out so that Prometheus applies staleness when a series ends. Which clusters and which of their
 * samples a page shows is settled before its first byte.
 *
 * @module
 */

import { gzip } from "../../common/gzip.ts";
import { HttpError } from "../../common/http/http.ts";
import { preferredType } from "../../common/http/negotiate.ts";
import { METRIC_NAME_LABEL } from "../../common/exposition/label_name.ts";
import {
  LINE_SUFFIXES,
  METRIC_TYPES,
  type MetricFamily,
  type MetricType,
  type ParseLimits,
} from "../../common/exposition/metric_family.ts";
import { encodeFamilies, PROTOBUF_CONTENT_TYPE } from "../../common/exposition/protobuf.ts";
import { parseSelector, type Selector, selectorMatches } from "../../common/exposition/selector.ts";
import { formatText, parseText, TEXT_CONTENT_TYPE } from "../../common/exposition/text_format.ts";
import type { ClusterEntry, ExpositionIndex } from "./exposition_index.ts";
import { type Group, Grouping, linesOf } from "./exposition_groups.ts";

/** Bytes of one chunk of the page: large enough that the cost of a chunk vanishes, small enough to let pushes between. */
const CHUNK_BYTES = 256 * 1_024;
/** Clusters that are looked at before other work gets its turn. */
const CLUSTERS_A_TURN = 1_000;
/** Bytes of text that are read again at a time, for selectors on labels or for protobuf. */
const REREAD_BYTES = 1_048_576;
/** Selectors that one request may bring. */
const MAX_SELECTORS = 100;
/** What we wrote ourselves needs no limits when it is read again. */
const UNLIMITED: ParseLimits = { maxFamilies: Infinity, maxSeries: Infinity, maxLabels: Infinity };

const encoder = new TextEncoder();

/** What the page is made from. */
export interface FederateOptions {
  /** What there is to show. */
  readonly index: ExpositionIndex;
  /** Names that were in conflict on the latest page. */
  readonly conflicts: { set(names: number): void };
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The handler of `GET /federate`. It honours `match[]`, `Accept` (text or delimited protobuf) and gzip. */
export function federate({ index, conflicts, now }: FederateOptions): (request: Request) => Promise<Response> {
  return async (request) => {
    const selectors = readSelectors(new URL(request.url).searchParams.getAll("match[]"));
    const protobuf =
      preferredType(request.headers.get("accept"), ["text/plain", "application/vnd.google.protobuf"]) === 1;
    const reading = index.read();
    const grouping = await gather(index, { entries: reading.entries, selectors, nowMs: now() });
    const settled = grouping.settle();
    conflicts.set(settled.conflicts);
    const picky = selectors.some(({ matchers }) => matchers.some(({ name }) => name !== METRIC_NAME_LABEL));
    const chunks = protobuf
      ? protobufChunks(settled.groups, selectors)
      : picky
      ? pickedChunks(settled.groups, selectors)
      : textChunks(settled.groups);
    const headers = new Headers({
      "content-type": protobuf ? PROTOBUF_CONTENT_TYPE : TEXT_CONTENT_TYPE,
      "vary": "accept, accept-encoding",
    });
    if (!acceptsGzip(request.headers.get("accept-encoding"))) {
      // Told to leave it alone, as the listener would compress it otherwise.
      headers.set("cache-control", "no-transform");
      return new Response(streamOf(chunks, reading), { headers });
    }
    headers.set("content-encoding", "gzip");
    return new Response(streamOf(gzip(chunks), reading), { headers });
  };
}

function readSelectors(texts: readonly string[]): Selector[] {
  if (texts.length > MAX_SELECTORS) {
    throw new HttpError(400, `Cannot take more than ${MAX_SELECTORS} match[] parameters`, { reason: "selector" });
  }
  return texts.map((text) => {
    try {
      return parseSelector(text);
    } catch (cause) {
      if (!(cause instanceof SyntaxError)) throw cause;
      throw new HttpError(400, `Bad match[]: ${cause.message}`, { reason: "selector", cause });
    }
  });
}

/** Collects what is fresh and can match by name; other work gets its turn between clusters. */
async function gather(
  index: ExpositionIndex,
  { entries, selectors, nowMs }: {
    entries: readonly ClusterEntry[];
    selectors: readonly Selector[];
    nowMs: number;
  },
): Promise<Grouping> {
  const grouping = new Grouping();
  const wantedByType = mapTypes(() => new Map<string, boolean>());
  let turn = 0;
  for (const entry of entries) {
    if (++turn % CLUSTERS_A_TURN === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    for (const block of entry.blocks) {
      const wanted = wantedByType[block.type];
      let want = wanted.get(block.name);
      if (want === undefined) wanted.set(block.name, want = selectors.length === 0 || canMatch(selectors, block));
      if (!want) continue;
      const start = index.freshStart(entry, { block, nowMs });
      if (start < block.end) grouping.add(entry, { name: block.name, type: block.type, start, end: block.end });
    }
  }
  return grouping;
}

/** By what a family is matched, which is then shown whole: its own name and those of its lines. */
const MATCHED_SUFFIXES = mapTypes((type) => [...new Set(["", ...LINE_SUFFIXES[type]])]);

function mapTypes<T>(make: (type: MetricType) => T): Record<MetricType, T> {
  return Object.fromEntries(METRIC_TYPES.map((type) => [type, make(type)])) as Record<MetricType, T>;
}

function canMatch(selectors: readonly Selector[], { name, type }: { name: string; type: MetricType }): boolean {
  return MATCHED_SUFFIXES[type].some((suffix) =>
    selectors.some(({ matchers }) => matchers.every((m) => m.name !== METRIC_NAME_LABEL || m.matches(name + suffix)))
  );
}

/** The page as text: slices of the clusters' lines, copied together. */
function* textChunks(groups: readonly Group[]): Generator<Uint8Array> {
  let chunk = new Uint8Array(CHUNK_BYTES);
  let length = 0;
  for (const group of groups) {
    const slices = function* (): Generator<Uint8Array> {
      yield encoder.encode(`# TYPE ${group.name} ${group.type}\n`);
      for (const piece of group.pieces) {
        for (const [start, end] of linesOf(piece)) yield piece.entry.text.subarray(start, end);
      }
    };
    for (const slice of slices()) {
      for (let at = 0; at < slice.length;) {
        const part = slice.subarray(at, at + CHUNK_BYTES - length);
        chunk.set(part, length);
        length += part.length;
        at += part.length;
        if (length === CHUNK_BYTES) {
          yield chunk;
          chunk = new Uint8Array(CHUNK_BYTES);
          length = 0;
        }
      }
    }
  }
  if (length > 0) yield chunk.subarray(0, length);
}

/** The families of the page as objects, some of their lines at a time, without what no selector matches. */
function* families(groups: readonly Group[], selectors: readonly Selector[]): Generator<MetricFamily> {
  for (const group of groups) {
    let parts: Uint8Array[] = [encoder.encode(`# TYPE ${group.name} ${group.type}\n`)];
    let length = 0;
    const flush = function* (): Generator<MetricFamily> {
      for (const family of parseText(concatenate(parts), UNLIMITED)) {
        const names = MATCHED_SUFFIXES[family.type ?? "untyped"].map((suffix) => family.name + suffix);
        const metrics = selectors.length === 0 ? family.metrics : family.metrics.filter(({ labels }) => {
          const values = new Map(labels.map(({ name, value }) => [name, value]));
          const valueOf = (own: string) => (label: string) =>
            label === METRIC_NAME_LABEL ? own : values.get(label) ?? "";
          return names.some((own) => selectors.some((selector) => selectorMatches(selector, valueOf(own))));
        });
        if (metrics.length > 0) yield { ...family, metrics };
      }
      parts = [encoder.encode(`# TYPE ${group.name} ${group.type}\n`)];
      length = 0;
    };
    for (const piece of group.pieces) {
      for (const [start, end] of linesOf(piece)) {
        parts.push(piece.entry.text.subarray(start, end));
        length += end - start;
      }
      if (length > REREAD_BYTES) yield* flush();
    }
    if (length > 0) yield* flush();
  }
}

/** The page as delimited protobuf: a family that is large comes as several messages, so that none grows without bound. */
function* protobufChunks(groups: readonly Group[], selectors: readonly Selector[]): Generator<Uint8Array> {
  for (const family of families(groups, selectors)) yield encodeFamilies([family]);
}

/** The page as text where selectors look at labels. */
function* pickedChunks(groups: readonly Group[], selectors: readonly Selector[]): Generator<Uint8Array> {
  let before: string | undefined;
  for (const family of families(groups, selectors)) {
    const text = formatText([family], { timestamps: false });
    // The parts of one large family are one group: only the first has the comment.
    yield family.name === before ? text.subarray(text.indexOf(0x0a) + 1) : text;
    before = family.name;
  }
}

/** A stream of chunks, each made when there is room for it; `reading` ends with it, however it ends. */
function streamOf(chunks: Generator<Uint8Array>, reading: Disposable): ReadableStream<Uint8Array<ArrayBuffer>> {
  const end = () => {
    chunks.return(undefined);
    reading[Symbol.dispose]();
  };
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      try {
        const { done, value } = chunks.next();
        if (!done) return controller.enqueue(value);
        controller.close();
      } catch (error) {
        controller.error(error);
      }
      end();
    },
    cancel: end,
  }, { highWaterMark: 1 }) as ReadableStream<Uint8Array<ArrayBuffer>>;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function acceptsGzip(header: string | null): boolean {
  return (header ?? "").split(",").some((coding) => {
    const [name, ...parameters] = coding.trim().toLowerCase().split(";").map((part) => part.trim());
    return (name === "gzip" || name === "*") && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}
