/**
 * Sends families to a server: delimited protobuf in framed snappy.
 *
 * @module
 */

import { PROTOBUF_CONTENT_TYPE } from "../common/exposition/protobuf.ts";
import { frameSnappy } from "../common/exposition/snappy.ts";
import { post, type PostOptions } from "./post.ts";

const HEADERS: Readonly<Record<string, string>> = {
  "content-type": PROTOBUF_CONTENT_TYPE,
  "content-encoding": "snappy",
};

const HINTS: Readonly<Record<number, string>> = {
  400: "it refuses the content of the push",
  401: "it refuses the token",
  403: "the token may not push here",
  404: "there is no such page: check --to or --to-upload",
  413: "the push is too large: select less with --match",
  429: "pushes come too often, or were refused too often: raise --interval, or mend what the server refused",
  503: "it cannot take a push now",
};

/** What came of a push. */
export interface Pushed {
  /** How many bytes it took. */
  readonly bytes: number;
  /** What the server says of it: which samples it has left out and why. */
  readonly remark?: string;
  /** What it was by remote write: its version, how many requests it took, and how many series it told to have ended. */
  readonly remoteWrite?: { readonly version: string; readonly requests: number; readonly ended: number };
}

/** Pushes delimited families to the server's upload endpoint. Only 200 is success. */
export function push(families: Uint8Array, options: PostOptions): Promise<Pushed> {
  const body = frameSnappy(families);
  return post({ ...options, attempt: "Cannot push to", headers: HEADERS, hints: HINTS, body }, async (answer) => {
    if (answer.response.status !== 200) throw await answer.refusal();
    const remark = await answer.remark();
    return remark === "" ? { bytes: body.length } : { bytes: body.length, remark };
  });
}
