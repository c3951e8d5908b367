/**
 * `GET /federate`: everything that is fresh, grouped by metric name, streamed.
 *
 * Timestamps are left out, unless they are asked for, so that Prometheus applies staleness when a series ends. Which clusters and
 * which of their samples a page shows is settled before its first byte.
 *
 * @module
 */

import { gzip } from "../../common/gzip.ts";
import { HttpError } from "../../common/http/http.ts";
import type { MetricFamily } from "../../common/exposition/metric_family.ts";
import { escapeMetricName } from "../../common/exposition/names.ts";
import { LineTranscoder } from "../../common/exposition/line_transcoder.ts";
import { parseSelector, type Selector } from "../../common/exposition/selector.ts";
import type { ClusterEntry, ExpositionIndex } from "./exposition_index.ts";
import { Grouping } from "./exposition_groups.ts";
import { ownFamilyChunks } from "./own_families.ts";
import { pageFormat } from "./page_format.ts";
import { groupLines } from "./page_lines.ts";
import { type Page, protobufChunks, typeLine } from "./protobuf_page.ts";
import { pickSamples, SamplePicker } from "./sample_picker.ts";

/** Bytes of one chunk of the page: large enough that the cost of a chunk vanishes, small enough to let pushes between. */
const CHUNK_BYTES = 256 * 1_024;
/** Clusters that are looked at before other work gets its turn. */
const CLUSTERS_A_TURN = 1_000;
/** Bytes of lines that are held against selectors before other work gets its turn, which takes some 7 ms. */
const PICKED_BYTES_A_TURN = 1_048_576;
/** Bytes of entries that something is merged into before other work gets its turn, which takes some 5 ms. */
const MERGED_BYTES_A_TURN = 2 * 1_048_576;
/**
 * For how long chunks are made before other work gets its turn, in milliseconds. Who takes the page as fast as it is made, as it is
 * small once compressed, would otherwise have all of it in one turn: 600 ms for 1,000 clusters of 521 series.
 */
const MADE_MS_A_TURN = 5;
/** Selectors that one request may bring. */
const MAX_SELECTORS = 100;

/** What the page is made from. */
export interface FederateOptions {
  /** What there is to show. */
  readonly index: ExpositionIndex;
  /** Names that were in conflict on the latest page. */
  readonly conflicts: { set(names: number): void };
  /** Counts samples that pages left out, as with underscores in their names they were the same series as others. */
  readonly collisions: { inc(): void };
  /** Clusters that are not shown, as they are revoked. */
  readonly hidden?: () => Promise<ReadonlySet<string>>;
  /** Families of the server's own, each in one part or several; they have names that no cluster's have. */
  readonly own?: () => Iterable<MetricFamily>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const NOBODY: ReadonlySet<string> = new Set();

/**
 * The handler of `GET /federate`. It honours `match[]`, `timestamps`, `Accept` (text or delimited protobuf, names in UTF-8 or with
 * underscores) and gzip.
 */
export function federate(
  { index, conflicts, collisions, hidden = () => Promise.resolve(NOBODY), own = () => [], now }: FederateOptions,
): (request: Request) => Promise<Response> {
  let transcoder: LineTranscoder | undefined;
  return async (request) => {
    const { searchParams } = new URL(request.url);
    const picker = new SamplePicker(readSelectors(searchParams.getAll("match[]")));
    const timestamps = readTimestamps(searchParams.get("timestamps"));
    const { isProtobuf, allowsUtf8, contentType } = pageFormat(request.headers.get("accept"));
    const revoked = await hidden();
    await settle(index);
    const reading = index.read();
    const entries = revoked.size === 0 ? reading.entries : reading.entries.filter(({ id }) => !revoked.has(id));
    const grouping = await gather(index, { entries, picker, allowsUtf8, nowMs: now() });
    const { groups, conflicts: found } = grouping.settle();
    conflicts.set(found);
    const lines = { nativesAsLines: !isProtobuf, allowsUtf8, timestamps, onCollision: () => collisions.inc() };
    const page: Page = { groups, natives: isProtobuf ? grouping.natives() : [], lines };
    const chunks = function* (): Generator<Uint8Array> {
      yield* isProtobuf ? protobufChunks(page, transcoder ??= new LineTranscoder()) : textChunks(page);
      yield* ownFamilyChunks(own(), { picker, isProtobuf });
    }();
    const headers = new Headers({ "content-type": contentType, "vary": "accept, accept-encoding" });
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

function readTimestamps(text: string | null): boolean {
  if (text === null || text === "0") return false;
  if (text === "1") return true;
  throw new HttpError(400, "Bad timestamps: give 1 for the time of each sample, or 0 for none", {
    reason: "timestamps",
  });
}

/** Merges what waits for that; other work gets its turn in between. */
async function settle(index: ExpositionIndex): Promise<void> {
  let bytes = 0;
  for (const id of index.waiting) {
    bytes += index.current(id)?.bytes ?? 0;
    if (bytes < MERGED_BYTES_A_TURN) continue;
    await turn();
    bytes = 0;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Collects what is fresh and asked for; other work gets its turn in between. */
async function gather(
  index: ExpositionIndex,
  { entries, picker, allowsUtf8, nowMs }: {
    entries: readonly ClusterEntry[];
    picker: SamplePicker;
    allowsUtf8: boolean;
    nowMs: number;
  },
): Promise<Grouping> {
  const grouping = new Grouping();
  let clusters = 0, pickedBytes = 0;
  for (const entry of entries) {
    if (++clusters % CLUSTERS_A_TURN === 0) await turn();
    for (const block of entry.blocks) {
      const candidates = picker.verdict(block);
      if (candidates === "none") continue;
      const start = index.freshStart(entry, { block, nowMs });
      if (start >= block.end) continue;
      const name = allowsUtf8 || !block.quoted ? block.name : escapeMetricName(block.name);
      if (candidates === "all") {
        grouping.add(entry, { block, start, name });
        continue;
      }
      const picked = pickSamples(entry.text, { range: [start, block.end], family: block, candidates });
      if (picked.length > 0) grouping.add(entry, { block, start, picked, name });
      pickedBytes += block.end - start;
      if (pickedBytes > PICKED_BYTES_A_TURN) {
        await turn();
        pickedBytes = 0;
      }
    }
  }
  return grouping;
}

/** The page as text: slices of the clusters' lines, copied together. */
function* textChunks({ groups, lines }: Page): Generator<Uint8Array> {
  let chunk = new Uint8Array(CHUNK_BYTES);
  let length = 0;
  for (const group of groups) {
    const slices = function* (): Generator<Uint8Array> {
      let isEmpty = true;
      for (const slice of groupLines(group, lines)) {
        if (isEmpty && slice.length > 0) yield typeLine(group);
        isEmpty &&= slice.length === 0;
        yield slice;
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

/** A stream of chunks, each made when there is room for it; `reading` ends with it, however it ends. */
function streamOf(chunks: Generator<Uint8Array>, reading: Disposable): ReadableStream<Uint8Array<ArrayBuffer>> {
  let madeMs = 0, isOver = false;
  const end = () => {
    isOver = true;
    chunks.return(undefined);
    reading[Symbol.dispose]();
  };
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (madeMs >= MADE_MS_A_TURN) {
        madeMs = 0;
        await turn();
        if (isOver) return;
      }
      try {
        const startedMs = performance.now();
        const { done, value } = chunks.next();
        madeMs += performance.now() - startedMs;
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

function acceptsGzip(header: string | null): boolean {
  return (header ?? "").split(",").some((coding) => {
    const [name, ...parameters] = coding.trim().toLowerCase().split(";").map((part) => part.trim());
    return (name === "gzip" || name === "*") && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}
