/**
 * Families of the server's own on its page: gauges and counters that no cluster has.
 *
 * @module
 */

import type { MetricFamily } from "../../common/exposition/metric_family.ts";
import { encodeFamilies } from "../../common/exposition/protobuf.ts";
import { formatText } from "../../common/exposition/text_format.ts";
import type { SamplePicker } from "./sample_picker.ts";

/** What of some families is picked, as it is written. Parts of one family follow each other. */
export function* ownFamilyChunks(
  families: Iterable<MetricFamily>,
  { picker, isProtobuf }: { readonly picker: SamplePicker; readonly isProtobuf: boolean },
): Generator<Uint8Array> {
  let before: string | undefined;
  for (const { name, type = "untyped", help, metrics } of families) {
    const picked = metrics.filter(({ labels }) => picker.picks({ name, type, labels }));
    if (picked.length === 0) continue;
    if (isProtobuf) yield encodeFamilies([{ name, type, help, metrics: picked }]);
    else {
      // Further parts are of the same group: only the first has the comments.
      const isFirst = name !== before;
      const text = formatText([{ name, type, metrics: picked, ...isFirst && { help } }], { timestamps: false });
      yield isFirst ? text : text.subarray(text.indexOf(LINE_FEED) + 1);
      before = name;
    }
  }
}

const LINE_FEED = 0x0a;
