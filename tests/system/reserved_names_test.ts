/** Names that servers keep for themselves, in every form that a client can write: none is shown as pushed. */

import assert from "node:assert/strict";
import type { MetricFamily } from "../../common/exposition/metric_family.ts";
import { OpenServer } from "../support/open_server.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const NOW = Date.now();
const text = (name: string) => `${name} 1 ${NOW}\n`;

const TEXTS: readonly string[] = [
  text('telemeter_source_up{_id="a"}'),
  text('{"telemeter_source_up",_id="a"}'),
  text('{_id="a","telemeter_source_up"}'),
  text('{"telemeter.source.up",_id="a"}'),
  text('{"telemeter source/up",_id="a"}'),
  text('{"telemeter_source_\\n",_id="a"}'),
  text('{__name__="telemeter_source_up",_id="a"}'),
  text('up{__name__="telemeter_source_up",_id="a"}'),
  text('telemeter_source_up_bucket{le="+Inf",_id="a"}'),
  `# TYPE telemeter_source_up histogram\n${text('telemeter_source_up_bucket{le="+Inf",_id="a"}')}` +
  text('telemeter_source_up_sum{_id="a"}') + text('telemeter_source_up_count{_id="a"}'),
  `# TYPE telemeter_source histogram\n${text('telemeter_source_bucket{le="+Inf",_id="a"}')}` +
  text('telemeter_source_sum{_id="a"}') + text('telemeter_source_count{_id="a"}'),
  `# TYPE telemeter.source summary\n${text('{"telemeter.source",quantile="0.5",_id="a"}')}` +
  text('{"telemeter.source_sum",_id="a"}') + text('{"telemeter.source_count",_id="a"}'),
  `# TYPE "telemeter.source" summary\n${text('{"telemeter.source",quantile="0.5",_id="a"}')}` +
  text('{"telemeter.source_sum",_id="a"}') + text('{"telemeter.source_count",_id="a"}'),
];

const labels = [{ name: "_id", value: "a" }];
const FAMILIES: readonly MetricFamily[] = [
  ...["telemeter_source_up", "telemeter.source_up", "telemeter_source_", "telemeter-source-up"].map((
    name,
  ): MetricFamily => ({ name, type: "gauge", metrics: [{ labels, value: 1, timestampMs: NOW }] })),
  ...["telemeter_source", "telemeter.source", "telemeter_source_up"].flatMap((name): MetricFamily[] => [
    {
      name,
      type: "histogram",
      metrics: [{
        labels,
        value: { count: 1, sum: 1, buckets: [{ upperBound: Infinity, count: 1 }] },
        timestampMs: NOW,
      }],
    },
    {
      name,
      type: "summary",
      metrics: [{ labels, value: { count: 1, sum: 1, quantiles: [{ quantile: 0.5, value: 1 }] }, timestampMs: NOW }],
    },
  ]),
];

const PAGES: readonly string[] = [
  "text/plain",
  "text/plain; version=1.0.0; escaping=allow-utf-8",
  "text/plain; version=1.0.0; escaping=values",
  "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=underscores",
];

Deno.test("A name that servers keep for what they say of their sources is not taken from a push, in whatever form", async () => {
  await using server = await OpenServer.start("--ratelimit=0", "--label=set=by-us");
  const pushes = [
    ...TEXTS.map((text) => ({
      what: text,
      push: () =>
        server.push("a", new TextEncoder().encode(text), {
          "content-type": "text/plain; version=1.0.0; escaping=allow-utf-8",
        }),
    })),
    ...FAMILIES.map((family) => ({ what: `${family.type} ${family.name}`, push: () => server.push("a", [family]) })),
  ];
  for (const { what, push } of pushes) {
    const { status } = await push();
    for (const accept of PAGES) {
      const page = await server.page({ accept });
      assert.doesNotMatch(page, /telemeter[^a-z]source/i, `${what} (${status}): ${page}`);
    }
  }
  assert.equal(
    (await server.push("a", [{
      name: "telemeter_sources",
      type: "gauge",
      metrics: [{ labels, value: 1, timestampMs: NOW }],
    }])).status,
    200,
  );
  assert.match(await server.page(), /^telemeter_sources\{/m);
});
