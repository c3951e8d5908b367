/**
 * What one cluster shows, as delimited families with the times of their samples: what is read again shows the same.
 *
 * @module
 */

import type { LineTranscoder } from "../../common/exposition/line_transcoder.ts";
import { Grouping } from "./exposition_groups.ts";
import type { ClusterEntry } from "./exposition_index.ts";
import { protobufChunks } from "./protobuf_page.ts";

/** The families of an entry, in pieces. */
export function* entryFamilies(entry: ClusterEntry, transcoder: LineTranscoder): Generator<Uint8Array> {
  // As on a page, samples of several lines fall apart whose lines have the names of others.
  const grouping = new Grouping();
  for (const block of entry.blocks) grouping.add(entry, { block, start: block.start });
  const lines = { nativesAsLines: false, allowsUtf8: true, timestamps: true, onCollision: () => {} };
  yield* protobufChunks({ groups: grouping.settle().groups, natives: grouping.natives(), lines }, transcoder);
}
