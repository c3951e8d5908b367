import assert from "node:assert/strict";
import { encodeFamilies } from "../../../common/exposition/protobuf.ts";
import { countLines, countSeries } from "../../../common/ingest/series_count.ts";

Deno.test("countSeries() counts the lines of families, those of histograms and summaries among them", () => {
  const labels = [{ name: "a", value: "b" }];
  const buckets = [{ upperBound: 1, count: 1 }, { upperBound: Infinity, count: 2 }];
  const families = encodeFamilies([
    { name: "one", type: "gauge", help: "One", metrics: [{ labels, value: 1 }, { labels: [], value: 2 }] },
    { name: "two", type: "histogram", help: "", metrics: [{ labels, value: { count: 2, sum: 3, buckets } }] },
  ]);
  assert.equal(countSeries(families), 2 + 4);
  assert.equal(countSeries(families.subarray(0, families.length - 1)), undefined);
});

Deno.test("countLines() counts what is neither empty nor a comment", () => {
  assert.equal(countLines(new TextEncoder().encode('# TYPE a gauge\na 1\n\na{b="c"} 2\n# EOF')), 2);
  assert.equal(countLines(new TextEncoder().encode("a 1")), 1);
  assert.equal(countLines(new Uint8Array()), 0);
});
