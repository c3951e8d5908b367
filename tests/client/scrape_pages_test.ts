import assert from "node:assert/strict";
import type { Scrape } from "../../client/federate.ts";
import { MAX_URL_BYTES, scrapePages, shareOut } from "../../client/scrape_pages.ts";
import type { MetricFamily } from "../../common/exposition/metric_family.ts";
import { directClients as clients } from "../support/direct_clients.ts";
import { series } from "../support/series.ts";
import { SourcePrometheus } from "../support/source_prometheus.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const URL_OF = new URL("http://source:9090/federate?a=b");

/** So many selectors of some 9,000 bytes each. */
const long = (count: number) => Array.from({ length: count }, (_, i) => `{job="${i}${"x".repeat(9_000)}"}`);

const family = (name: string, values: Record<string, number>): MetricFamily => ({
  name,
  type: "gauge",
  metrics: Object.entries(values).map(([job, value]) => ({
    labels: [{ name: "job", value: job }],
    value,
    timestampMs: 1_700_000_000_000,
  })),
});

function scrape(url: string, changes: Partial<Scrape>) {
  return scrapePages({
    url: new URL(url),
    matches: [],
    limitBytes: 204_800,
    clients,
    timeoutMs: 30_000,
    signal: new AbortController().signal,
    ...changes,
  });
}

Deno.test("shareOut() leaves selectors together that fit into one URL", () => {
  assert.deepEqual(shareOut(URL_OF, ["a", 'b{c="d"}']), [["a", 'b{c="d"}']]);
  assert.deepEqual(shareOut(URL_OF, []), [[]]);
});

Deno.test("shareOut() parts selectors in their order, and no URL is too long for the platform", async () => {
  const matches = long(20), groups = shareOut(URL_OF, matches);
  assert.deepEqual(groups.flat(), matches);
  assert.deepEqual(groups.map(({ length }) => length), [6, 6, 6, 2]);
  await using prometheus = new SourcePrometheus();
  await scrape(prometheus.url + "/federate", { matches });
  assert.deepEqual(prometheus.asked, groups);
});

Deno.test("shareOut() counts bytes as the URL has them, and refuses a selector by its beginning", () => {
  const selector = `{job="${"€".repeat(9_000)}"}`;
  assert.ok(selector.length < MAX_URL_BYTES);
  assert.throws(() => shareOut(URL_OF, ["up", selector]), {
    name: "RangeError",
    message: `Cannot ask for '{job="${
      "€".repeat(54)
    }…': its URL is longer than 60000 bytes: write several selectors instead`,
  });
});

Deno.test("scrapePages() makes one page of several: families once, the last sample of a series", async () => {
  await using prometheus = new SourcePrometheus();
  const matches = long(7);
  prometheus.series.set(matches[0], [family("up", { a: 1, b: 2 })]);
  prometheus.series.set(matches[6], [family("up", { b: 3, c: 4 }), family("down", { a: 5 })]);
  const page = await scrape(prometheus.url + "/federate", { matches });
  assert.deepEqual(page.map(({ name }) => name), ["up", "down"]);
  assert.deepEqual(series(page), ['up{job="a"} 1', 'up{job="b"} 3', 'up{job="c"} 4', 'down{job="a"} 5']);
});

Deno.test("scrapePages() holds all pages together to the limit on bytes", async () => {
  await using prometheus = new SourcePrometheus();
  prometheus.speaks = "text";
  const matches = long(7);
  for (const match of matches) prometheus.series.set(match, [family("up", { a: 1 })]);
  const bytes: number[] = [];
  await scrape(prometheus.url + "/federate", { matches: matches.slice(0, 1), onPage: (length) => bytes.push(length) });
  const all = matches.length * bytes[0];
  await scrape(prometheus.url + "/federate", { matches, limitBytes: all });
  await assert.rejects(
    scrape(prometheus.url + "/federate", { matches, limitBytes: all - 1 }),
    /: the answer is longer than \d+ bytes: raise --limit-bytes, or select less with --match$/,
  );
});
