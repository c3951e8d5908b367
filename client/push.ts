/**
 * Sends families to a server: delimited protobuf in framed snappy.
 *
 * @module
 */

import { PROTOBUF_CONTENT_TYPE } from "../common/exposition/protobuf.ts";
import { frameSnappy } from "../common/exposition/snappy.ts";
import { readUpTo } from "../common/http/read_up_to.ts";
import { differenceOf } from "./clocks.ts";
import { type Call, call, redirectOf, refusal } from "./request.ts";

const HINTS: Readonly<Record<number, string>> = {
  400: "it refuses the content of the push",
  401: "it refuses the token",
  403: "the token may not push here",
  404: "there is no such page: check --to or --to-upload",
  413: "the push is too large: select less with --match",
  429: "pushes come too often, or were refused too often: raise --interval, or mend what the server refused",
  503: "it cannot take a push now",
};

/** The most of the server's remark that is kept, in bytes: a line of a kilobyte for each rule there is. */
export const REMARK_LIMIT_BYTES = 25_600;

/** What came of a push. */
export interface Pushed {
  /** How many bytes it took. */
  readonly bytes: number;
  /** What the server says of it: which samples it has left out and why. */
  readonly remark?: string;
  /** What it was by remote write: its version, how many requests it took, and how many series it told to have ended. */
  readonly remoteWrite?: { readonly version: string; readonly requests: number; readonly ended: number };
}

/** Where and how to push. */
export interface PushOptions extends Pick<Call, "clients" | "timeoutMs" | "signal"> {
  /** The server's upload endpoint, to which the families are posted. */
  readonly url: URL;
  /** Sent as the bearer token; without it the push carries no authorization. */
  readonly token?: string;
  /** Hears the status of the answer. */
  readonly onStatus?: (status: number) => void;
  /** Hears how far the server's clock is ahead of ours, in milliseconds. */
  readonly onClock?: (differenceMs: number) => void;
}

/**
 * Pushes delimited families. Only 200 is success; a redirect is refused, since what came of it
 * would say nothing of the push.
 */
export function push(families: Uint8Array, options: PushOptions): Promise<Pushed> {
  const { url, token, clients, timeoutMs, signal } = options;
  const body = frameSnappy(families);
  const sentMs = Date.now();
  const headers: Record<string, string> = { "content-type": PROTOBUF_CONTENT_TYPE, "content-encoding": "snappy" };
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  const request = {
    attempt: "Cannot push to",
    url,
    method: "POST" as const,
    headers,
    body,
    clients,
    timeoutMs,
    signal,
  };
  return call(request, async (response) => {
    hearAnswer(response, { ...options, sentMs });
    if (response.status !== 200) throw await refusal(response, { url, hints: HINTS, secrets: token ? [token] : [] });
    const remark = await readRemark(response);
    return remark === "" ? { bytes: body.length } : { bytes: body.length, remark };
  });
}

/**
 * Tells who listens of an answer.
 *
 * @throws {Error} if it is a redirect.
 */
export function hearAnswer(
  response: Response,
  { url, sentMs, onStatus, onClock }: Pick<PushOptions, "url" | "onStatus" | "onClock"> & { readonly sentMs: number },
): void {
  onStatus?.(response.status);
  const differenceMs = differenceOf(response, { sentMs, nowMs: Date.now() });
  if (differenceMs !== undefined) onClock?.(differenceMs);
  const redirect = redirectOf(response, url);
  if (redirect === undefined) return;
  throw new Error(
    `it redirects${redirect}, which a push does not follow: point --to or --to-upload at the server itself`,
  );
}

/** What the server says of a push that it has taken; nothing where that is too long or cannot be read. */
export async function readRemark(response: Response): Promise<string> {
  try {
    return new TextDecoder().decode(await readUpTo(response, REMARK_LIMIT_BYTES)).trim();
  } catch {
    return "";
  }
}
