/**
 * What a client pushes, apart from when and by whom: stated here once for the request, the renderer, the store and the ring.
 *
 * @module
 */

import type { ExpositionFormat } from "../../common/exposition/exposition_format.ts";

/** How a body may be compressed; `snappy` is the framing format. */
export const PUSH_CONTENT_ENCODINGS = ["snappy", "gzip", "identity"] as const;

/** How a body is compressed. */
export type PushContentEncoding = (typeof PUSH_CONTENT_ENCODINGS)[number];

/** The content of a push. */
export interface PushContent {
  /** What the body is once it is uncompressed. */
  readonly contentType: ExpositionFormat;
  /** How the body is compressed. */
  readonly contentEncoding: PushContentEncoding;
  /** The labels of the token that the push came with, which every series must carry. */
  readonly labels: ReadonlyMap<string, string>;
  /** The body as received. Whoever passes these bytes on leaves them alone from then on. */
  readonly body: Uint8Array;
}
