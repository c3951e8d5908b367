/**
 * Sends families by remote write, in place of a push: version 2.0, or 1.0 to who does not take that.
 *
 * A receiver of remote write adds what comes to what it has, where a push replaces it. So series that are there no more are told
 * to have ended, once all of that has been taken.
 *
 * @module
 */

import type { TimedFamilies } from "../common/ingest/sample_runs.ts";
import { plainText } from "../common/plain_text.ts";
import { type EndedSeries, SeriesEnds } from "../common/remote_write/ended_series.ts";
import { readWriteAnswer } from "../common/remote_write/write_answer.ts";
import { WriteEncoder } from "../common/remote_write/write_encoder.ts";
import type { WriteVersion } from "../common/remote_write/write_fields.ts";
import { WRITE_HEADERS, type WriteRequest, WriteRequests } from "../common/remote_write/write_requests.ts";
import { post, type PostOptions } from "./post.ts";
import type { Pushed } from "./push.ts";
import { basicCredentials } from "../common/outgoing/answer_excerpt.ts";
import { RefusedError } from "./request.ts";

/** Where and how to send. */
export interface RemoteWriteOptions extends PostOptions {
  /** The labels of the token: with others, what was sent before was sent as somebody else. */
  readonly identity: ReadonlyMap<string, string>;
}

/** After how long a receiver is asked again whether it takes version 2.0, in milliseconds. */
const ASK_AGAIN_MS = 3_600_000;

/** The most memory of ended series that are still to be told, in bytes; beyond that, the receiver ends the oldest by itself. */
const MAX_ENDED_BYTES = 1_048_576;

/** What a receiver answers that refuses samples, and not who sends them. */
const REFUSES_SAMPLES: ReadonlySet<number> = new Set([400, 409]);

const HINTS: Readonly<Record<number, string>> = {
  400: "it refuses samples",
  401: "it refuses the token",
  403: "the token may not write here",
  404: "there is no such page: check --to or --to-upload",
  405: "it takes no remote write: check --to-upload, and how the receiver is set",
  409: "it has other samples of the same times",
  413: "a request is too large for it: raise its limit, or select less with --match",
  415: "it takes neither version of remote write",
  429: "it takes no more requests for now",
  503: "it cannot take samples now",
};

/** Sends to one receiver. */
export class RemoteWriter {
  readonly #encoder = new WriteEncoder();
  readonly #ends = new SeriesEnds();
  readonly #now: () => number;
  #fellBackAtMs = -Infinity;
  /** To whom, and as whom, it sent last. */
  #target = "";
  /** What it sent last, whether or not it was taken. */
  #sent: TimedFamilies | undefined;
  /** What has ended since all was taken. */
  #ended: EndedSeries[] = [];

  /** Has sent nothing yet. `now` is in milliseconds of a clock that does not go back. */
  constructor({ now = () => performance.now() }: { readonly now?: () => number } = {}) {
    this.#now = now;
  }

  /** The version that it speaks with its receiver. */
  get version(): WriteVersion {
    return this.#now() - this.#fellBackAtMs < ASK_AGAIN_MS ? "1.0" : "2.0";
  }

  /**
   * Sends families, which are only looked at before the first wait. What fails is to be sent again as a whole: a receiver that has
   * a part of it takes that once more.
   *
   * @throws {RefusedError} if samples are refused without a word on how many were taken, or all of a request is.
   */
  async send(families: TimedFamilies, options: RemoteWriteOptions): Promise<Pushed> {
    this.#turnTo(options);
    const kept = copyOf(families);
    const gone = this.#sent && this.#ends.between(this.#sent, kept);
    this.#sent = kept;
    if (gone !== undefined) this.#ended.push(gone);
    while (this.#ended.reduce((sum, { bytes }) => sum + bytes, 0) > MAX_ENDED_BYTES) this.#ended.shift();
    for (;;) {
      const { version } = this;
      const pushed = await this.#sendAs(version, { families: kept, options });
      if (pushed !== undefined) return pushed;
      this.#fellBackAtMs = this.#now();
    }
  }

  #turnTo({ url, identity }: RemoteWriteOptions) {
    const target = JSON.stringify([url.href, ...identity]);
    if (target === this.#target) return;
    this.#target = target;
    this.#sent = undefined;
    this.#ended = [];
    this.#fellBackAtMs = -Infinity;
  }

  /** Sends all in a version; undefined if the receiver does not take that. */
  async #sendAs(
    version: WriteVersion,
    { families, options }: { families: TimedFamilies; options: RemoteWriteOptions },
  ): Promise<Pushed | undefined> {
    const making = new WriteRequests(this.#encoder, version);
    for (const ended of this.#ended) making.addEnded(ended);
    making.addFamilies(families);
    const requests = making.finish();
    const remarks: string[] = [];
    let bytes = 0, refused: RefusedError | undefined;
    for (const request of requests) {
      try {
        const answer = await sendRequest(request, { version, options });
        if (answer === undefined) return undefined;
        bytes += request.body.length;
        if (answer.remark !== undefined) remarks.push(answer.remark);
      } catch (error) {
        // The samples of other requests shall not be lost by that.
        if (!(error instanceof RefusedError && REFUSES_SAMPLES.has(error.status))) throw error;
        refused ??= error;
      }
    }
    // Whether taken or refused for good.
    const ended = this.#ended.reduce((sum, { series }) => sum + series, 0);
    this.#ended = [];
    if (refused !== undefined) throw refused;
    return {
      bytes,
      remoteWrite: { version, requests: requests.length, ended },
      ...remarks.length === 0 ? {} : { remark: remarks.join("\n") },
    };
  }
}

/** Sends a request; undefined if the receiver does not take its version. */
function sendRequest(
  { body, samples }: WriteRequest,
  { version, options }: { version: WriteVersion; options: RemoteWriteOptions },
): Promise<{ readonly remark?: string } | undefined> {
  const { token } = options;
  const url = withoutUser(options.url);
  const headers: Record<string, string> = { ...WRITE_HEADERS[version] };
  if (options.url.username !== "") headers.authorization = basicAuthorization(options.url, token);
  return post({ ...options, url, attempt: "Cannot write to", headers, hints: HINTS, body }, async (answer) => {
    const verdict = readWriteAnswer(answer.response, { version, nowMs: Date.now() });
    if (verdict.do === "fall back") return undefined;
    if (verdict.do !== "go on") throw await answer.refusal();
    if ((verdict.written ?? samples) >= samples) return {};
    const said = plainText((await answer.remark()).replaceAll("\n", "; "));
    return { remark: `it took ${verdict.written} of ${samples} samples of a request${said ? `: ${said}` : ""}` };
  });
}

function withoutUser(url: URL): URL {
  const bare = new URL(url);
  bare.username = "";
  return bare;
}

/** Of the user that the URL names, whose password is the token. */
function basicAuthorization({ username }: URL, token = ""): string {
  return `Basic ${basicCredentials({ username, password: encodeURIComponent(token) })}`;
}

/** Families in memory of their own, which is not put to other uses. */
function copyOf({ text, blocks, runs, natives, baseMs }: TimedFamilies): TimedFamilies {
  return { text: text.slice(), blocks, runs: runs.slice(), natives: natives.slice(), baseMs };
}
