import assert from "node:assert/strict";
import fc from "fast-check";
import { LineTranscoder } from "../../../common/exposition/line_transcoder.ts";
import { UNLIMITED } from "../../../common/exposition/metric_family.ts";
import { decodeFamilies, PROTOBUF_CONTENT_TYPE } from "../../../common/exposition/protobuf.ts";
import { type ClusterEntry, ExpositionIndex, toEntry } from "../../../server/exposition/exposition_index.ts";
import { federate } from "../../../server/exposition/federate.ts";
import { entryFamilies } from "../../../server/exposition/entry_families.ts";
import { Merger } from "../../../server/remote_write/merge.ts";
import { entryOf, NOW_MS, push, render, renderer, steps } from "../../support/made_up_deltas.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const transcoder = new LineTranscoder();
const merger = new Merger();

/** What is shown of an entry that was written and is read again, by rules that would let none of its times pass. */
function readAgain(entry: ClusterEntry): ClusterEntry {
  const body = Uint8Array.from([...entryFamilies(entry, transcoder)].flatMap((part) => [...part]));
  const content = {
    contentType: "protobuf",
    contentEncoding: "identity",
    labels: new Map([["_id", "a"]]),
    body,
  } as const;
  const rendered = renderer.render({ ...content, receivedAtMs: NOW_MS, through: 1 });
  assert.equal(rendered.leftOut.size, 0, JSON.stringify([...rendered.leftOut]));
  return toEntry(rendered, { id: "a", sequence: 1, receivedAtMs: NOW_MS });
}

/** What pages say of an entry, with times: the lines of the text, and the families of the protobuf, in one order. */
async function pagesOf(entry: ClusterEntry): Promise<unknown> {
  const index = new ExpositionIndex({ ttlMs: 1e6 });
  index.show(entry);
  const handler = federate({ index, conflicts: { set() {} }, collisions: { inc() {} }, now: () => NOW_MS });
  const page = async (accept: string) => {
    const url = "http://localhost/federate?timestamps=1";
    return await (await handler(new Request(url, { headers: { accept } }))).bytes();
  };
  const text = new TextDecoder().decode(await page("text/plain; version=1.0.0; escaping=allow-utf-8"));
  const protobuf = await page(`${PROTOBUF_CONTENT_TYPE}; escaping=allow-utf-8`);
  const families = decodeFamilies(protobuf, UNLIMITED).flatMap(({ name, type, metrics }) =>
    metrics.map((metric) => JSON.stringify([name, type, metric]))
  );
  return { lines: text.split("\n").sort(), families: families.sort() };
}

Deno.test("entryFamilies() writes what pages show again as it is", async () => {
  const property = fc.asyncProperty(fc.option(push), steps, async (first, deltas) => {
    const shown = first === null ? undefined : render(first);
    const entry = entryOf(merger.merge(shown, deltas, { oldestMs: 0 }));
    if (entry.blocks.length > 0) assert.deepEqual(await pagesOf(readAgain(entry)), await pagesOf(entry));
  });
  await fc.assert(property, { numRuns: 150 });
});
