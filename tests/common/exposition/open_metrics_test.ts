import assert from "node:assert/strict";
import fc from "fast-check";
import { LimitError, type MetricFamily } from "../../../common/exposition/metric_family.ts";
import { parseOpenMetrics } from "../../../common/exposition/open_metrics.ts";
import type { SampleFault } from "../../../common/exposition/sample_fault.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const LIMITS = { maxFamilies: 1e6, maxSeries: 1e6, maxLabels: 64 };

function parse(text: string): MetricFamily[] {
  return parseOpenMetrics(new TextEncoder().encode(text), LIMITS);
}

/** The families of a page that ends as it should. */
const whole = (text: string) => parse(`${text}# EOF\n`);

Deno.test("parseOpenMetrics() reads every type as Prometheus names its series", () => {
  const text = `# TYPE acme_http_router_request_seconds summary
# UNIT acme_http_router_request_seconds seconds
# HELP acme_http_router_request_seconds Latency \\"of\\" all\\n of \\\\ it.
acme_http_router_request_seconds{path="/a",quantile="0.5"} 0.25 1700000000.5
acme_http_router_request_seconds_sum{path="/a"} 9036.32
acme_http_router_request_seconds_count{path="/a"} 807283.0
acme_http_router_request_seconds_created{path="/a"} 1605281325.0
# TYPE go_goroutines gauge
go_goroutines 69
# TYPE process_cpu_seconds counter
# UNIT process_cpu_seconds seconds
process_cpu_seconds_total 4.20072246e+06 # {trace_id="a } b"} 0.5 1.5
process_cpu_seconds_created 1605281325.0
# TYPE h histogram
h_bucket{le="1.0"} 1 # {} 0.5
h_bucket{le="+Inf"} 2 1700000000.123 # {trace_id="KOO5S4vxi0o"} 0.67 1520879607.789
h_count 2
h_sum 3.5
h_created 1605281325.0
# TYPE queue gaugehistogram
queue_bucket{le="1e+06"} 4
queue_bucket{le="+Inf"} 5
queue_gcount 5
queue_gsum -3
# TYPE build info
build_info{version="1.2"} 1
# TYPE door stateset
door{door="open"} 1
door{door="shut"} 0
# TYPE thing unknown
thing 7
plain 8
"my.metric" 9
`.replace('"my.metric" 9\n', '{"my.metric","label.x"="v"} 9\n');
  assert.deepEqual(whole(text), [
    {
      name: "acme_http_router_request_seconds",
      help: 'Latency "of" all\n of \\ it.',
      type: "summary",
      unit: "seconds",
      metrics: [{
        labels: [{ name: "path", value: "/a" }],
        value: { count: 807283, sum: 9036.32, quantiles: [{ quantile: 0.5, value: 0.25 }] },
        timestampMs: 1_700_000_000_500,
      }],
    },
    { name: "go_goroutines", type: "gauge", metrics: [{ labels: [], value: 69 }] },
    {
      name: "process_cpu_seconds_total",
      type: "counter",
      unit: "seconds",
      metrics: [{ labels: [], value: 4200722.46 }],
    },
    {
      name: "h",
      type: "histogram",
      metrics: [{
        labels: [],
        value: { count: 2, sum: 3.5, buckets: [{ upperBound: 1, count: 1 }, { upperBound: Infinity, count: 2 }] },
        timestampMs: 1_700_000_000_123,
      }],
    },
    {
      name: "queue",
      type: "gauge_histogram",
      metrics: [{
        labels: [],
        value: { count: 5, sum: -3, buckets: [{ upperBound: 1e6, count: 4 }, { upperBound: Infinity, count: 5 }] },
      }],
    },
    { name: "build_info", type: "gauge", metrics: [{ labels: [{ name: "version", value: "1.2" }], value: 1 }] },
    {
      name: "door",
      type: "gauge",
      metrics: [
        { labels: [{ name: "door", value: "open" }], value: 1 },
        { labels: [{ name: "door", value: "shut" }], value: 0 },
      ],
    },
    { name: "thing", type: "untyped", metrics: [{ labels: [], value: 7 }] },
    { name: "plain", type: "untyped", metrics: [{ labels: [], value: 8 }] },
    { name: "my.metric", type: "untyped", metrics: [{ labels: [{ name: "label.x", value: "v" }], value: 9 }] },
  ]);
});

Deno.test("parseOpenMetrics() reads times in seconds as the nearest whole milliseconds", () => {
  const table: readonly (readonly [string, number])[] = [
    ["1700000000", 1_700_000_000_000],
    ["1700000000.001", 1_700_000_000_001],
    ["1.7e9", 1_700_000_000_000],
    ["0.0004", 0],
    ["-1.5", -1_500],
    ["-0.0001", 0],
    ["1700000000.9996", 1_700_000_001_000],
  ];
  for (const [time, ms] of table) assert.deepEqual(whole(`x 1 ${time}\n`)[0].metrics[0].timestampMs, ms);
  fc.assert(fc.property(fc.integer({ min: 0, max: 4e12 }), (ms) => {
    assert.equal(whole(`x 1 ${ms / 1_000}\n`)[0].metrics[0].timestampMs, ms);
  }));
});

Deno.test("parseOpenMetrics() takes what some write: a counter of a full name, CRLF, a byte order mark, a unit that is none", () => {
  const text = "\ufeff# TYPE a_total counter\r\n# UNIT a_total bytes\r\na_total 1\r\n# TYPE foo_created gauge\r\n" +
    "foo_created 5\r\n# Another comment\r\n\r\n# EOF";
  assert.deepEqual(parse(text), [
    { name: "a_total", type: "counter", metrics: [{ labels: [], value: 1 }] },
    { name: "foo_created", type: "gauge", metrics: [{ labels: [], value: 5 }] },
  ]);
});

const REFUSED: readonly (readonly [what: string, text: string, why: RegExp])[] = [
  ["nothing", "", /ends without # EOF: it is cut short, in line 0 at offset 0/],
  ["a page without its end", "x 1\n", /ends without # EOF: it is cut short, in line 1 at offset 3/],
  ["a page cut in its end", "x 1\n# EO", /ends without # EOF/],
  [
    "a page cut in a number",
    '# TYPE x gauge\ny{a="é"} 12',
    /ends without # EOF: it is cut short, in line 2 at offset 27/,
  ],
  ["what follows the end", "x 1\n# EOF\nx 2\n", /something follows # EOF, in line 3 at offset 10/],
  ["a time that is no number", "x 1 now\n# EOF\n", /not a timestamp in seconds, in line 1 at offset 4/],
  ["what follows the time", "x 1 5 6\n# EOF\n", /something follows the timestamp, in line 1 at offset 6/],
  ["an exemplar without braces", "x_total 1 # 5\n# EOF\n", /something follows the timestamp/],
  ["a type that nobody knows", "# TYPE x untyped\n# EOF\n", /this is not a type of metric/],
  [
    "a counter without its suffix",
    "# TYPE x counter\nx 1\n# EOF\n",
    /x is a counter, which has no line of its own name/,
  ],
  ["an infinite time", "x 1 +Inf\n# EOF\n", /not a timestamp in seconds/],
];

for (const [what, text, why] of REFUSED) {
  Deno.test(`parseOpenMetrics() refuses ${what}`, () => {
    assert.throws(() => parse(text), (error) => error instanceof SyntaxError && why.test(error.message));
  });
}

Deno.test("parseOpenMetrics() reports faults of samples, and reads the rest of the page", () => {
  const faults: SampleFault[] = [];
  const onFault = (fault: SampleFault) => void faults.push(fault);
  const text = '# TYPE x counter\nx 1\nx_total 2\nx_total{a="1",a="2"} 3 # {} 1\nup 1 1e300\nup 2\n' +
    '# TYPE h histogram\nh_bucket{le="+Inf"} 2\nh_count 3\nh_created 5\n# TYPE y untyped\ny 1\n# EOF\n';
  const families = parseOpenMetrics(new TextEncoder().encode(text), { ...LIMITS, onFault });
  assert.deepEqual(families, [
    { name: "x_total", type: "counter", metrics: [{ labels: [], value: 2 }] },
    { name: "up", type: "untyped", metrics: [{ labels: [], value: 2 }] },
  ]);
  assert.deepEqual(faults.map(({ rule, metric, line }) => [rule, metric, line]), [
    ["value", "x", 2],
    ["duplicate_label", "x_total", 4],
    ["timestamp", "up", 5],
    ["family_type", "y", 12],
    ["histogram", "h", 8],
  ]);
});

Deno.test("parseOpenMetrics() stops at its limits", () => {
  const read = (text: string) =>
    parseOpenMetrics(new TextEncoder().encode(text), { maxFamilies: 1, maxSeries: 1, maxLabels: 1 });
  assert.equal(read('x{a="1"} 1\n# EOF\n').length, 1);
  for (const text of ["x 1\nx 2\n# EOF\n", "# TYPE x gauge\n# TYPE y gauge\n# EOF\n", 'x{a="1",b="2"} 1\n# EOF\n']) {
    assert.throws(() => read(text), LimitError);
  }
});
