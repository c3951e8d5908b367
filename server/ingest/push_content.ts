/**
 * What a client pushes, apart from when and by whom: stated here once for the request, the renderer, the store and the ring.
 *
 * @module
 */

import { EXPOSITION_FORMATS } from "../../common/exposition/exposition_format.ts";

/** What a body may be once it is uncompressed. Requests of remote write say what has changed of a cluster, and not all of it. */
export const PUSH_CONTENT_TYPES = [...EXPOSITION_FORMATS, "remote write 1.0", "remote write 2.0"] as const;

/** What a body is once it is uncompressed. */
export type PushContentType = (typeof PUSH_CONTENT_TYPES)[number];

/** How a body may be compressed; `snappy` is the framing format, and of remote write the block format. */
export const PUSH_CONTENT_ENCODINGS = ["snappy", "gzip", "identity", "zstd"] as const;

/** How the body of an upload may be compressed. */
export const UPLOAD_ENCODINGS = ["snappy", "gzip", "identity"] as const satisfies readonly PushContentEncoding[];

/** How a body is compressed. */
export type PushContentEncoding = (typeof PUSH_CONTENT_ENCODINGS)[number];

/** The content of a push. */
export interface PushContent {
  /** What the body is once it is uncompressed. */
  readonly contentType: PushContentType;
  /** How the body is compressed. */
  readonly contentEncoding: PushContentEncoding;
  /** The labels of the token that the push came with, which every series must carry. */
  readonly labels: ReadonlyMap<string, string>;
  /**
   * Set where it is what a server showed, and not what a client sent: the number of the first delta that it does not hold, where
   * there are any.
   */
  readonly through?: number;
  /** The lengths of requests of remote write that the body has one after the other. @default it is one, or a push */
  readonly parts?: readonly number[];
  /** The body as received. Whoever passes these bytes on leaves them alone from then on. */
  readonly body: Uint8Array;
}
