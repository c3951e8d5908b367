import assert from "node:assert/strict";
import { decodeFamilies } from "../../../common/exposition/protobuf.ts";
import { UNLIMITED } from "../../../common/exposition/metric_family.ts";
import { parseSelector } from "../../../common/exposition/selector.ts";
import type { SourceView } from "../../../server/directory/directory.ts";
import { newSource } from "../../../server/directory/source.ts";
import type { SourceState } from "../../../server/directory/source_state.ts";
import { sourceFamilies } from "../../../server/directory/source_families.ts";
import { ownFamilyChunks } from "../../../server/exposition/own_families.ts";
import { SamplePicker } from "../../../server/exposition/sample_picker.ts";
import { parseExposition } from "../../support/exposition_parser.ts";

function view(id: string, state: SourceState, facts = {}): SourceView {
  return { source: { ...newSource(id, 0), ...facts }, state };
}

const PUSHED = { pushedAtMs: 1_700_000_000_500, skewMs: 250, series: 521, families: 50, bytes: 256_000, refusals: 3 };
const VIEWS = [
  view("a", "up", PUSHED),
  view('q"\n\\', "silent", PUSHED),
  view("new", "refused"),
  view("old", "revoked"),
];
const OPTIONS = {
  partitionLabel: "_id",
  labels: new Map([["instance", ""], ["job", ""], ["region", "eu"]]),
  limits: { series: 50_000, families: 5_000, bytes: 512_000 },
};

function page(views: readonly SourceView[], { match = [] as string[], isProtobuf = false } = {}) {
  const picker = new SamplePicker(match.map((text) => parseSelector(text)));
  return new Blob([...ownFamilyChunks(sourceFamilies(views, OPTIONS), { picker, isProtobuf })] as BlobPart[]);
}

Deno.test("sourceFamilies() tells of every source that is not revoked what a central Prometheus can alert on", async () => {
  const text = await page(VIEWS.slice(0, 1)).text();
  const series = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const labels = '_id="a",instance="",job=""';
  assert.deepEqual(series, [
    `telemeter_source_up{${labels},region="eu"} 1`,
    `telemeter_source_last_push_timestamp_seconds{${labels},region="eu"} 1700000000.5`,
    `telemeter_source_series{${labels},region="eu"} 521`,
    `telemeter_source_skew_seconds{${labels},region="eu"} 0.25`,
    `telemeter_source_limit_ratio{${labels},limit="series",region="eu"} 0.01042`,
    `telemeter_source_limit_ratio{${labels},limit="families",region="eu"} 0.01`,
    `telemeter_source_limit_ratio{${labels},limit="bytes",region="eu"} 0.5`,
    `telemeter_source_refused_total{${labels},region="eu"} 3`,
  ]);
  const up = (await page(VIEWS).text()).split("\n").filter((line) => line.startsWith("telemeter_source_up"));
  assert.deepEqual(up.map((line) => line.at(-1)), ["1", "0", "0"]);
});

Deno.test("sourceFamilies() makes one group a name, however many sources there are, in text and in protobuf", async () => {
  const views = Array.from({ length: 1_200 }, (_, i) => view(`cluster ${i}`, "up", PUSHED));
  const text = await page(views).text();
  assert.equal(text.match(/^# TYPE /gm)!.length, 6);
  assert.equal(text.match(/^# HELP /gm)!.length, 6);
  assert.equal(parseExposition(text).size, 6);
  const families = decodeFamilies(await page(views, { isProtobuf: true }).bytes(), UNLIMITED);
  const samples = families.map(({ metrics }) => metrics.length).reduce((a, b) => a + b);
  assert.equal(samples, 8 * 1_200);
});

Deno.test("ownFamilyChunks() leaves out what no selector picks", async () => {
  const names = async (match: string[]) => {
    const text = await page(VIEWS, { match }).text();
    return [...new Set(text.match(/^telemeter_\w+/gm))].map((name) => name.slice("telemeter_source_".length));
  };
  assert.deepEqual(await names(["telemeter_source_up"]), ["up"]);
  assert.deepEqual(await names(['{__name__=~"telemeter_source_(up|series)"}']), ["up", "series"]);
  assert.deepEqual(await names(['{limit="bytes"}']), ["limit_ratio"]);
  assert.deepEqual(await names(['{_id="new"}']), ["up", "refused_total"]);
  assert.deepEqual(await names(["up"]), []);
});
