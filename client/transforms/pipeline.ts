/**
 * A chain of rules over metric families, and the account of what each rule did.
 *
 * @module
 */

import type { MetricFamily } from "../../common/exposition/metric_family.ts";

/** What a rule does: to samples, except that it truncates by removing a label and anonymizes a label's value. */
export type Effect = "labelled" | "renamed" | "dropped" | "truncated" | "anonymized";

/** What an effect is counted in. */
export const EFFECT_UNITS: Readonly<Record<Effect, string>> = {
  labelled: "sample",
  renamed: "sample",
  dropped: "sample",
  truncated: "label",
  anonymized: "value",
};

/** How often one rule had one effect. */
export interface AccountEntry {
  /** The rule as its user knows it: a flag, or what it minds. */
  readonly rule: string;
  /** What it did. */
  readonly effect: Effect;
  /** To how many samples, labels or values. */
  readonly count: number;
}

/** Samples of one metric that one rule has dropped. */
export interface Loss {
  /** The rule, as in {@linkcode AccountEntry}. */
  readonly rule: string;
  /** The name of the metric. */
  readonly metric: string;
  /** What is wrong with the first of them, and what mends it. */
  readonly why: string;
  /** How many there are. */
  readonly count: number;
}

/** Counts what rules did, in the order in which they first spoke up. */
export class Account {
  readonly #losses = new Map<string, Loss>();
  readonly #entries = new Map<string, { rule: string; effect: Effect; count: number }>();

  /** Adds to a rule's count; a count of 0 makes a rule that had nothing to do show. */
  add(rule: string, effect: Effect, count: number): void {
    const entry = this.#entries.get(`${effect} ${rule}`);
    if (entry) entry.count += count;
    else this.#entries.set(`${effect} ${rule}`, { rule, effect, count });
  }

  /** Adds to the samples that a rule has dropped, so many of one metric. */
  drop({ rule, metric, why }: Omit<Loss, "count">, count = 1): void {
    this.add(rule, "dropped", count);
    const key = `${rule}\n${metric}`;
    const before = this.#losses.get(key);
    this.#losses.set(key, before ? { ...before, count: before.count + count } : { rule, metric, why, count });
  }

  /** What was dropped, by rule and metric. */
  losses(): Loss[] {
    return [...this.#losses.values()];
  }

  /** All counts so far. */
  entries(): AccountEntry[] {
    return [...this.#entries.values()];
  }
}

/** One rule: takes families and returns what stays of them, leaving its input as it was. */
export type Transform = (families: readonly MetricFamily[], account: Account) => readonly MetricFamily[];

/** Runs rules one after the other, as one. */
export function pipeline(transforms: readonly Transform[]): Transform {
  return (families, account) => transforms.reduce((passed, transform) => transform(passed, account), families);
}

/** The samples of all families together. */
export function countSamples(families: readonly MetricFamily[]): number {
  return families.reduce((count, family) => count + family.metrics.length, 0);
}
