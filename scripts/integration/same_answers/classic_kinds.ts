/**
 * The kinds of series whose samples are numbers.
 *
 * @module
 */

import type { ExposedFamily, ExposedHistogram } from "./client_model.ts";
import { type Kind, type Question, type Questions, relativeRate, WINDOW } from "./kind.ts";

// So much was counted before the trial that a rate is never taken for one that began at 0.
const BEFORE = 1_000_000;

const COUNTERS: Kind = {
  name: "counters",
  families: (step) => [{
    name: "trial_requests_total",
    type: "counter",
    metrics: [
      { labels: { code: "200" }, value: BEFORE + 250 * step },
      { labels: { code: "500" }, value: BEFORE + 0.1 * step },
    ],
  }],
  questions: {
    now: [
      ({ series }) => series("trial_requests_total"),
      ({ series }) => `sum by (code) (${series("trial_requests_total")})`,
    ],
    change: [
      (dialect) => relativeRate(dialect.series("trial_requests_total"), dialect),
      ({ series }) => `resets(${series("trial_requests_total")}${WINDOW})`,
    ],
  },
};

/** Values that a number format may spoil, by name. */
const ODD_VALUES: Readonly<Record<string, number>> = {
  "not a number": NaN,
  "plus infinity": Infinity,
  "minus infinity": -Infinity,
  "minus zero": -0,
  "the least": 5e-324,
  "the greatest": Number.MAX_VALUE,
  "a sum of tenths": 0.1 + 0.2,
  "a large whole number": 2 ** 53 - 1,
};

const GAUGES: Kind = {
  name: "gauges",
  families: (step) => [
    {
      name: "trial_temperature_celsius",
      type: "gauge",
      metrics: [
        { labels: { sensor: "attic" }, value: 20.5 + step },
        { labels: { sensor: "cellar" }, value: -0.1 * step },
      ],
    },
    {
      name: "trial_odd_value",
      type: "gauge",
      metrics: Object.entries(ODD_VALUES).map(([is, value]) => ({ labels: { is }, value })),
    },
    {
      name: "trial_odd_label",
      type: "gauge",
      metrics: [{ labels: { path: 'C:\\temp\\"new"\nline', place: "Köln 🌍" }, value: step }],
    },
  ],
  questions: {
    now: [
      ({ series }) => series("trial_temperature_celsius"),
      ({ series }) => series("trial_odd_value"),
      ({ series }) => series("trial_odd_label"),
      ({ series }) => series("trial_odd_label", 'path=~"C:.*new.*\\nline"'),
    ],
    change: [
      ({ series }) => `max_over_time(${series("trial_temperature_celsius")}${WINDOW})`,
      ({ series }) => `min_over_time(${series("trial_temperature_celsius")}${WINDOW})`,
      ({ series }) => `changes(${series("trial_temperature_celsius")}${WINDOW})`,
    ],
  },
};

const UNTYPED: Kind = {
  name: "untyped series",
  families: (step) => [{
    name: "trial_untyped",
    type: "untyped",
    metrics: [{ value: 1.5 * step }, { labels: { of: "many" }, value: -step }],
  }],
  questions: {
    now: [({ series }) => series("trial_untyped"), ({ series }) => series("trial_untyped", 'of=""')],
    change: [({ series }) => `delta(${series("trial_untyped")}${WINDOW}) > bool 0`],
  },
};

/** The bounds are written as Go writes them, `1e+06`, and so are the matchers of those who ask. */
const BOUNDS: readonly number[] = [0.005, 0.1, 2.5, 1_000_000];

/** A classic histogram of `scale` times as many observations as the least. */
export function classicHistogram({ step, scale }: { step: number; scale: number }): ExposedHistogram {
  const times = scale * (BEFORE + step);
  const classic = BOUNDS.map((upperBound, index) => ({ upperBound, count: times * [2, 5, 5, 9][index] }));
  return { count: 10 * times, sum: 3.25 * times, classic };
}

/** What is asked of classic histograms with this name. */
export function questionsOfClassic(name: string): Required<Pick<Questions, "now" | "change">> {
  return {
    now: [
      ({ series }) => series(`${name}_bucket`),
      ({ series }) => series(`${name}_bucket`, 'le="1e+06"'),
      ({ series }) => series(`${name}_bucket`, 'le="+Inf"'),
      ({ series }) => series(`${name}_count`),
      ({ series }) => series(`${name}_sum`),
      ({ series }) => `histogram_quantile(0.9, ${series(`${name}_bucket`)})`,
    ],
    change: [
      ({ series }) => `histogram_quantile(0.4, rate(${series(`${name}_bucket`)}${WINDOW}))`,
      ({ series }) => `rate(${series(`${name}_sum`)}${WINDOW}) / rate(${series(`${name}_count`)}${WINDOW})`,
      (dialect) => relativeRate(dialect.series(`${name}_bucket`), dialect),
    ],
  };
}

const CLASSIC_HISTOGRAMS: Kind = {
  name: "classic histograms",
  families: (step) => [{
    name: "trial_latency_seconds",
    type: "histogram",
    metrics: [
      { labels: { handler: "/" }, value: classicHistogram({ step, scale: 1 }) },
      { labels: { handler: "/api" }, value: classicHistogram({ step, scale: 3 }) },
    ],
  }],
  questions: questionsOfClassic("trial_latency_seconds"),
};

const SUMMARIES: Kind = {
  name: "summaries",
  families: (step) => [{
    name: "trial_size_bytes",
    type: "summary",
    metrics: [
      {
        labels: { of: "requests" },
        value: {
          count: BEFORE + 40 * step,
          sum: BEFORE + 1e3 * step + 0.5,
          quantiles: [{ quantile: 0.5, value: 0.25 * step }, { quantile: 0.99, value: 1e9 }],
        },
      },
      { labels: { of: "nothing" }, value: { count: 0, sum: 0, quantiles: [{ quantile: 0.5, value: NaN }] } },
    ],
  }],
  questions: {
    now: ["", "_sum", "_count"].map((suffix): Question => ({ series }) => series(`trial_size_bytes${suffix}`)).concat(
      ({ series }) => series("trial_size_bytes", 'quantile="0.99"'),
    ),
    change: [(dialect) => relativeRate(dialect.series("trial_size_bytes_count"), dialect)],
  },
};

const DOTTED: Kind = {
  name: "series with names of any UTF-8",
  families: (step): ExposedFamily[] => [
    {
      name: "trial.temperature",
      type: "gauge",
      metrics: [{ labels: { "sensor.id": "a.b", "größe": "ß" }, value: 20.5 + step }],
    },
    { name: "trial.calls/total", type: "counter", metrics: [{ value: BEFORE + 250 * step }] },
    // Where only underscores are known, these two have one name.
    { name: "trial.clash", type: "gauge", metrics: [{ value: step }] },
    { name: "trial_clash", type: "gauge", metrics: [{ value: -step }] },
    {
      name: "trial.latency",
      type: "histogram",
      metrics: [{ labels: { "handler.name": "/" }, value: classicHistogram({ step, scale: 1 }) }],
    },
  ],
  questions: {
    now: [
      ({ series }) => series("trial.temperature"),
      ({ series, label }) => series("trial.temperature", `${label("sensor.id")}="a.b"`),
      ({ series, label }) => `sum by (${label("größe")}) (${series("trial.temperature")})`,
      ({ series }) => series("trial.calls/total"),
      ({ series }) => `count by (job) (${series("trial_clash")})`,
      ...questionsOfClassic("trial.latency").now,
    ],
    change: [
      (dialect) => relativeRate(dialect.series("trial.calls/total"), dialect),
      ...questionsOfClassic("trial.latency").change,
    ],
  },
};

/** All of them. */
export const CLASSIC_KINDS: readonly Kind[] = [
  COUNTERS,
  GAUGES,
  UNTYPED,
  CLASSIC_HISTOGRAMS,
  SUMMARIES,
  DOTTED,
];
