/**
 * The kinds of native histograms, which protobuf carries whole and text as their counts and sums.
 *
 * @module
 */

import { classicHistogram, questionsOfClassic } from "./classic_kinds.ts";
import type { ExposedHistogram } from "./client_model.ts";
import { type Kind, type Questions, WINDOW } from "./kind.ts";

/** A native histogram of `times` times 13 observations, in all of its buckets: below, at and above zero, with gaps. */
function nativeHistogram(times: number): ExposedHistogram {
  const counts = (...least: number[]) => least.map((count) => count * times);
  return {
    count: 13 * times,
    sum: 17.25 * times,
    native: {
      schema: 2,
      zeroThreshold: 2 ** -10,
      zeroCount: 2 * times,
      positive: { offset: -3, counts: counts(3, 0, 0, 0, 0, 4, 1) },
      negative: { offset: 4, counts: counts(1, 2) },
    },
  };
}

/** What has been counted before the trial, in observations of each bucket. */
const BEFORE = 1_000;

const NO_OBSERVATIONS: ExposedHistogram = {
  count: 0,
  sum: 0,
  native: { schema: 3, zeroThreshold: 2 ** -128, zeroCount: 0 },
};

/** What is asked of native histograms with this name where they arrive whole. */
function questionsOfNative(name: string): Required<Questions> {
  return {
    now: [
      // The whole histogram: count, sum, and every bucket with its bounds.
      ({ series }) => series(name),
      ({ series }) => `histogram_count(${series(name)})`,
      ({ series }) => `histogram_sum(${series(name)})`,
      ({ series }) => `histogram_quantile(1, ${series(name)})`,
      ({ series }) => `histogram_fraction(0, 1, ${series(name)})`,
    ],
    change: [
      ({ series }) => `histogram_sum(rate(${series(name)}${WINDOW})) / histogram_count(rate(${series(name)}${WINDOW}))`,
    ],
    // Within a bucket, quantiles are interpolated exponentially since 3.0, and linearly before.
    ofRelease: [
      ({ series }) => `histogram_quantile(0.9, ${series(name)})`,
      ({ series }) => `histogram_quantile(0.9, rate(${series(name)}${WINDOW}))`,
    ],
  };
}

/** What is asked of them where they arrive as text: a classic histogram of one bucket has the right count and sum. */
function questionsOfNativeAsText(name: string): Questions {
  return {
    now: [
      {
        source: ({ series }) => `histogram_count(${series(name)})`,
        central: ({ series }) => `${series(`${name}_count`)} * 1`,
      },
      {
        source: ({ series }) => `histogram_sum(${series(name)})`,
        central: ({ series }) => `${series(`${name}_sum`)} * 1`,
      },
      {
        source: ({ series }) => `histogram_count(${series(name)})`,
        // No other bucket: this fails if there are two of one histogram.
        central: ({ series }) => `sum without (le) (${series(`${name}_bucket`)})`,
      },
    ],
  };
}

const INTEGER: Kind = {
  name: "native histograms",
  families: (step) => [{
    name: "trial_native_seconds",
    type: "histogram",
    metrics: [
      { labels: { handler: "/" }, value: nativeHistogram(BEFORE + step) },
      { labels: { handler: "/api" }, value: nativeHistogram(BEFORE + 5 * step) },
      { labels: { handler: "/never" }, value: NO_OBSERVATIONS },
    ],
  }],
  questions: questionsOfNative("trial_native_seconds"),
  questionsOfText: questionsOfNativeAsText("trial_native_seconds"),
};

// Only one series: Prometheus 3.5 mixes up the histograms with float counts of one federation page (prometheus#19679).
const FLOAT: Kind = {
  name: "native histograms with float counts",
  families: (step) => [{
    name: "trial_native_float",
    type: "histogram",
    metrics: [{ value: { ...nativeHistogram(BEFORE + 0.25 * step), isFloat: true } }],
  }],
  questions: questionsOfNative("trial_native_float"),
  questionsOfText: questionsOfNativeAsText("trial_native_float"),
};

const GAUGE: Kind = {
  name: "native gauge histograms",
  families: (step) => [{
    name: "trial_native_level",
    type: "gauge_histogram",
    metrics: [{ labels: { queue: "a" }, value: nativeHistogram(10 + step) }],
  }],
  // A rate of gauges is none.
  questions: { now: questionsOfNative("trial_native_level").now },
  questionsOfText: questionsOfNativeAsText("trial_native_level"),
};

const DOTTED: Kind = {
  name: "native histograms with names of any UTF-8",
  families: (step) => [{
    name: "trial.native",
    type: "histogram",
    metrics: [{ labels: { "handler.name": "/" }, value: nativeHistogram(BEFORE + step) }],
  }],
  questions: questionsOfNative("trial.native"),
  questionsOfText: questionsOfNativeAsText("trial.native"),
};

const BOTH: Kind = {
  name: "histograms that are native and classic at once",
  page: "both",
  families: (step) => {
    const classic = classicHistogram({ step, scale: 13 });
    // Both forms count the same observations, a multiple of 10 and of 13.
    const { native } = nativeHistogram(classic.count / 13);
    return [{ name: "trial_both_seconds", type: "histogram", metrics: [{ value: { ...classic, native } }] }];
  },
  questions: {
    ...questionsOfNative("trial_both_seconds"),
    now: [...questionsOfNative("trial_both_seconds").now, ...questionsOfClassic("trial_both_seconds").now],
    change: [...questionsOfNative("trial_both_seconds").change, ...questionsOfClassic("trial_both_seconds").change],
  },
  questionsOfText: questionsOfClassic("trial_both_seconds"),
};

/** All of them. */
export const NATIVE_KINDS: readonly Kind[] = [INTEGER, FLOAT, GAUGE, BOTH, DOTTED];

/**
 * Custom buckets, whose bounds Prometheus 3.5 leaves out when it federates them: no right histogram can be made of that, and a
 * central Prometheus refuses a whole page for it.
 */
export const CUSTOM_BUCKETS = {
  name: "trial_custom_seconds",
  page: "custom",
  families: (step: number) =>
    [{
      name: "trial_custom_seconds",
      type: "histogram",
      metrics: [{ value: classicHistogram({ step, scale: 1 }) }],
    }] as const,
} as const;
