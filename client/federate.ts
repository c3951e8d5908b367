/**
 * Reads a Prometheus's `/federate`: as delimited protobuf, or as text where it has nothing better.
 *
 * @module
 */

import { messageOf } from "../common/explain.ts";
import { type ExpositionFormat, expositionFormat } from "../common/exposition/exposition_format.ts";
import type { LabelMemory } from "../common/exposition/label_memory.ts";
import { LimitError, type MetricFamily } from "../common/exposition/metric_family.ts";
import { decodeFamilies, type DecodeOptions, PROTOBUF_CONTENT_TYPE } from "../common/exposition/protobuf.ts";
import { parseOpenMetrics } from "../common/exposition/open_metrics.ts";
import type { PageOptions } from "../common/exposition/page_cursor.ts";
import type { SampleFault } from "../common/exposition/sample_fault.ts";
import { endsInMidLine, parseText } from "../common/exposition/text_format.ts";
import { isLoopback } from "../common/loopback.ts";
import { plural } from "../common/plural.ts";
import { readUpTo } from "../common/http/read_up_to.ts";
import { type Call, call, refusal } from "./request.ts";

/** What the client takes: delimited protobuf first, then the text format. */
const ACCEPT = [
  `${PROTOBUF_CONTENT_TYPE}; escaping=allow-utf-8`,
  "text/plain; version=1.0.0; escaping=allow-utf-8; q=0.6",
  "text/plain; version=0.0.4; q=0.5",
  "application/openmetrics-text; version=1.0.0; q=0.1",
].join(", ");

/** What is asked of a source on the same machine: to compress a page, and to read it, takes longer than to copy it. */
const UNCOMPRESSED: Readonly<Record<string, string>> = { "accept-encoding": "identity" };

/** What a page may be longer than the one before without being moved. */
const SPARE_BYTES = 4_096;

/** Redirects that are followed on the way to one page. */
const MAX_REDIRECTS = 5;

const HINTS: Readonly<Record<number, string>> = {
  400: "it refuses a --match",
  401: "it requires a token: give one in --from-token-file",
  403: "the token of --from-token-file may not read this",
  404: "there is no such page: check --from",
};

/** What to read. */
export interface Scrape extends Pick<Call, "token" | "clients" | "timeoutMs" | "signal" | "onStatus" | "onClock"> {
  /** The page, with a query of its own if it has one. */
  readonly url: URL;
  /** The selectors of the series to read. */
  readonly matches: readonly string[];
  /** The longest page that is taken, uncompressed, in bytes. */
  readonly limitBytes: number;
  /** Hears of samples that the page has lost to faults of their own. */
  readonly onFault?: (fault: SampleFault) => void;
  /** Remembers labels from one scrape to the next. @default nothing is remembered */
  readonly labels?: LabelMemory;
  /** Hears the length of the page, uncompressed, in bytes. */
  readonly onPage?: (bytes: number) => void;
}

/** Reads the families that a Prometheus federates. Redirects are followed within its origin only. */
export async function federate(scrape: Scrape): Promise<MetricFamily[]> {
  let url = new URL(scrape.url);
  for (const match of scrape.matches) url.searchParams.append("match[]", match);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const page = await readPage(url, scrape);
    if (!(page instanceof URL)) return page;
    url = page;
  }
  throw new Error(`Cannot scrape ${scrape.url.origin}: it redirects more than ${MAX_REDIRECTS} times`);
}

/** The families of a page, or where it redirects to. */
function readPage(url: URL, scrape: Scrape): Promise<MetricFamily[] | URL> {
  const { token, clients, timeoutMs, signal, onStatus, onClock } = scrape;
  const how = { token, clients, timeoutMs, signal, onStatus, onClock };
  const isNear = isLoopback(url);
  const headers = { accept: ACCEPT, ...(isNear ? UNCOMPRESSED : {}) };
  return call(
    { ...how, attempt: "Cannot scrape", url, method: "GET", headers },
    async (response, proxyLogin) => {
      // What it has asked for itself fetch() uncompresses, and leaves the header.
      const encoding = isNear ? encodingOf(response) : "identity";
      const location = response.headers.get("location");
      if (response.status >= 300 && response.status < 400 && location !== null) return redirected(url, location);
      if (response.status !== 200) {
        const secrets = [...token ? [token] : [], ...proxyLogin];
        // Why it refuses its status tells; words that it has compressed unasked are left out.
        const told = encoding === "identity" ? response : new Response(null, response);
        throw await refusal(told, { url: scrape.url, hints: HINTS, secrets });
      }
      return decode(response, { ...scrape, encoding });
    },
  );
}

function redirected(url: URL, location: string): URL {
  const target = URL.parse(location, url);
  if (target?.origin !== url.origin) {
    throw new Error(
      `it redirects to ${target?.origin ?? "an invalid URL"}, which must not get the token: point --from there`,
    );
  }
  target.username = url.username;
  target.password = url.password;
  return target;
}

/** How a body is compressed, by the names of RFC 9110, section 8.4.1. */
function encodingOf({ headers }: Response): string {
  const encoding = headers.get("content-encoding")?.trim().toLowerCase() || "identity";
  return encoding === "x-gzip" ? "gzip" : encoding;
}

async function decode(
  response: Response,
  { encoding, limitBytes, onPage, onFault, labels }: Scrape & { readonly encoding: string },
): Promise<MetricFamily[]> {
  const contentType = response.headers.get("content-type") ?? "";
  const format = expositionFormat(contentType);
  if (format === undefined) {
    throw new TypeError(
      `it answered with '${contentType.slice(0, 100)}', which is not a page of metrics: check --from`,
    );
  }
  if (encoding !== "identity" && encoding !== "gzip") {
    throw new TypeError(
      `it answered with '${
        encoding.slice(0, 100)
      }', in which nobody asked for the page: have it not compress, or use gzip`,
    );
  }
  const bytes = await readPageBytes(response, {
    encoding,
    limitBytes,
    roomBytes: labels?.pageBytes ? labels.pageBytes + SPARE_BYTES : undefined,
  });
  // Without a length nobody says that this is all: HTTP/1.0 ends a page as it breaks off, and a proxy may pass that on in chunks.
  const hasLength = encoding === "identity" && response.headers.has("content-length");
  if (format === "text" && endsInMidLine(bytes) && !hasLength) {
    throw new Error(
      `the page ends in the middle of a line, after ${bytes.length} ${
        plural(bytes.length, "byte")
      }, so that it is not whole: ` +
        "look at the source, and have a proxy before it speak HTTP/1.1",
    );
  }
  onPage?.(bytes.length);
  // Each of them takes a byte at least, so that the limit on bytes bounds them all.
  return DECODERS[format](bytes, {
    maxFamilies: limitBytes,
    maxSeries: limitBytes,
    maxLabels: limitBytes,
    onFault,
    labels,
  });
}

async function readPageBytes(
  response: Response,
  { encoding, limitBytes, roomBytes }: { encoding: string; limitBytes: number; roomBytes: number | undefined },
): Promise<Uint8Array> {
  try {
    return await uncompressed(await readUpTo(response, limitBytes, { roomBytes }), { encoding, limitBytes });
  } catch (error) {
    if (error instanceof LimitError) {
      throw new LimitError(`${error.message}: raise --limit-bytes, or select less with --match`, error.passed);
    }
    throw new Error(`the page broke off before its end: ${messageOf(error)}`);
  }
}

/** Uncompresses what a source has compressed that was asked not to: `fetch()` only does so of what it has asked for itself. */
async function uncompressed(
  bytes: Uint8Array,
  { encoding, limitBytes }: { encoding: string; limitBytes: number },
): Promise<Uint8Array> {
  if (encoding !== "gzip") return bytes;
  const { inflate } = await import("../common/exposition/inflate.ts");
  return inflate(bytes, { encoding, limitBytes });
}

/** Reads a page in one of the formats. */
type Decoder = (bytes: Uint8Array, options: PageOptions & DecodeOptions) => MetricFamily[];

const DECODERS: Readonly<Record<ExpositionFormat, Decoder>> = {
  protobuf: decodeFamilies,
  text: parseText,
  openmetrics: parseOpenMetrics,
};
