/**
 * Sends families to a server: delimited protobuf in framed snappy.
 *
 * @module
 */

import type { MetricFamily } from "../common/exposition/metric_family.ts";
import { encodeFamilies, PROTOBUF_CONTENT_TYPE } from "../common/exposition/protobuf.ts";
import { frameSnappy } from "../common/exposition/snappy.ts";
import { type Call, call, redirectOf, refusal } from "./request.ts";

const HINTS: Readonly<Record<number, string>> = {
  400: "it refuses the content of the push",
  401: "it refuses the token",
  403: "the token may not push here",
  404: "there is no such page: check --to or --to-upload",
  413: "the push is too large: select less with --match",
  429: "pushes come too often: raise --interval",
  503: "it cannot take a push now",
};

/** Where and how to push. */
export interface PushOptions extends Pick<Call, "clients" | "timeoutMs" | "signal"> {
  /** The server's upload endpoint, to which the families are posted. */
  readonly url: URL;
  /** Sent as the bearer token; without it the push carries no authorization. */
  readonly token?: string;
  /** Hears the status of the answer. */
  readonly onStatus?: (status: number) => void;
}

/**
 * Pushes families and returns how many bytes that took. Only 200 is success; a redirect is refused, since what came of it
 * would say nothing of the push.
 */
export function push(families: readonly MetricFamily[], options: PushOptions): Promise<number> {
  const { url, token, clients, timeoutMs, signal } = options;
  const body = new Uint8Array(frameSnappy(encodeFamilies(families)));
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
    options.onStatus?.(response.status);
    const redirect = redirectOf(response, url);
    if (redirect !== undefined) {
      throw new Error(
        `it redirects${redirect}, which a push does not follow: point --to or --to-upload at the server itself`,
      );
    }
    if (response.status !== 200) throw await refusal(response, { url, hints: HINTS, secrets: token ? [token] : [] });
    return body.length;
  });
}
