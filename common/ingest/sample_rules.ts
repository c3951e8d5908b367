/**
 * The rules that every sample of a push must keep, in one list: the server leaves out what breaks one and takes the rest; the
 * client leaves the same out before it sends, by the same code and in the same words.
 *
 * @module
 */

/** What a rule says. */
interface Rule {
  /** What is wrong with a sample that breaks it, to follow a colon. */
  readonly what: string;
  /** What mends that. */
  readonly mend: string;
}

/** The rules by their names, which are values of the label `reason` of counters. */
export const SAMPLE_RULES = {
  family_name: {
    what: "a metric has no name, or one that is longer than 255 bytes, is not UTF-8 or lacks its quotes",
    mend: "rename it in the exporter or with metric_relabel_configs",
  },
  reserved_name: {
    what: "the name of the metric is one that servers keep for what they say of their sources",
    mend: "rename it with metric_relabel_configs or --rename",
  },
  family_type: {
    what: "a metric has a type that is not known",
    mend: "update the receiving side, or leave the metric out with a selector",
  },
  family_collision: {
    what: "another metric of the push has lines of the same name",
    mend: "rename one of the two with metric_relabel_configs or --rename",
  },
  label_name: {
    what: "a label has no name, or one that is longer than 255 bytes, is not UTF-8, is reserved or lacks its quotes",
    mend: "rename or drop the label in the exporter or with metric_relabel_configs",
  },
  label_value: {
    what: "a label value is longer than 255 bytes or is not UTF-8",
    mend: "shorten it in the exporter, or drop the label with metric_relabel_configs",
  },
  escape: {
    what: "a name or a label value has an escape that the text format does not have",
    mend: "write \\\\ for a backslash in the exporter",
  },
  labels: {
    what: "the series has too many labels",
    mend: "drop some with metric_relabel_configs, or raise --limit-labels on the server",
  },
  line_length: {
    what: "the line of the sample is longer than one within the limits can be",
    mend: "drop or shorten its labels in the exporter or with metric_relabel_configs",
  },
  duplicate_label: {
    what: "the series has a label twice",
    mend: "drop one of them in the exporter",
  },
  identity: {
    what: "a label of the token has another value on the series, or stands there twice",
    mend: "leave that label to the server, or set it to what the token has with write_relabel_configs",
  },
  value: {
    what: "the sample has no value of its metric's type, or one that no number can be",
    mend: "give all samples of the metric one type in the exporter",
  },
  unknown_field: {
    what: "the sample has a field that is not known and that may change what it says",
    mend: "update the receiving side",
  },
  histogram: {
    what:
      "the histogram lacks its count or a bound, or its buckets do not ascend, are not cumulative, or contradict the count",
    mend: "mend the exporter",
  },
  summary: {
    what: "the summary lacks its count or a quantile, or its quantiles do not ascend from 0 to 1",
    mend: "mend the exporter",
  },
  timestamp: {
    what: "the sample has no timestamp, or one that is none",
    mend: "read a Prometheus's /federate, whose samples have one",
  },
  too_old: {
    what: "the sample is too old",
    mend: "set the clock of the source, or look why it scrapes no more",
  },
  too_new: {
    what: "the sample is ahead of the clock",
    mend: "set the clock of the source, or raise --limit-future on the server",
  },
  series_limit: {
    what: "the cluster shows as many series as it may, and this would be one more",
    mend: "send fewer with write_relabel_configs, or raise --limit-series on the server",
  },
} as const satisfies Record<string, Rule>;

/** The name of a rule. */
export type SampleRule = keyof typeof SAMPLE_RULES;

/** The names of all rules. */
export const SAMPLE_RULE_NAMES = Object.keys(SAMPLE_RULES) as readonly SampleRule[];

/** One sample that breaks a rule. */
export interface SampleFault {
  /** The rule. */
  readonly rule: SampleRule;
  /** Counts the families of the push from 0. */
  readonly family: number;
  /** Counts the samples of the family from 0. */
  readonly sample: number;
  /** What is wrong, more precisely than the rule says it if it can be. */
  readonly what: string;
  /** The metric and its labels, as the text format writes them, clipped. */
  readonly series: string;
}

/** How many samples a push has lost to one rule. */
export interface RuleCount {
  /** How many samples. */
  readonly count: number;
  /** The first of them. */
  readonly first: Omit<SampleFault, "rule">;
}

/** What a push has lost, by rule. */
export type LeftOut = ReadonlyMap<SampleRule, RuleCount>;

/** How many samples were left out in all. */
export function countLeftOut(left: LeftOut): number {
  return left.values().reduce((sum, { count }) => sum + count, 0);
}

/** What was left out by one rule and why, in a sentence: which metric, what is wrong, what to do. */
export function describeLoss(rule: SampleRule, { count, first: { series, what } }: RuleCount): string {
  const more = count > 1 ? ` (and ${count - 1} more)` : "";
  return `Left out ${series}${more}: ${what}; ${SAMPLE_RULES[rule].mend}`;
}
