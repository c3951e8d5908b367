/**
 * A chain of rules over metric families, and the account of what each rule did.
 *
 * @module
 */

import type { MetricFamily } from "../../common/exposition/metric_family.ts";

/** What a rule does: to samples, except that it truncates by removing a label and anonymizes a label's value. */
export type Effect = "labelled" | "renamed" | "dropped" | "truncated" | "anonymized";

/** How often one rule had one effect. */
export interface AccountEntry {
  /** The rule as its user knows it: a flag, or what it minds. */
  readonly rule: string;
  /** What it did. */
  readonly effect: Effect;
  /** To how many samples, labels or values. */
  readonly count: number;
}

/** Counts what rules did, in the order in which they first spoke up. */
export class Account {
  readonly #entries = new Map<string, { rule: string; effect: Effect; count: number }>();

  /** Adds to a rule's count; a count of 0 makes a rule that had nothing to do show. */
  add(rule: string, effect: Effect, count: number): void {
    const entry = this.#entries.get(`${effect} ${rule}`);
    if (entry) entry.count += count;
    else this.#entries.set(`${effect} ${rule}`, { rule, effect, count });
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
