/**
 * Names that the lines of a push's families take: `x_count` beside a summary `x` would be shown as one.
 *
 * @module
 */

import { isDistribution, LINE_SUFFIXES, type MetricType } from "../exposition/metric_family.ts";

/** A family, as far as its lines' names go. */
export interface NamedFamily {
  /** The metric's name. */
  readonly name: string;
  /** The type of its samples. */
  readonly type: MetricType;
}

/** The names that are taken, of one push. Who comes first has a name. */
export class FamilyNames {
  readonly #takers = new Map<string, string>();

  /** Whether the names of a family's lines are free, or its own. */
  isFree(family: NamedFamily): boolean {
    if (!isDistribution(family.type)) return (this.#takers.get(family.name) ?? "") === "";
    return namesOf(family).every((name) => (this.#takers.get(name) ?? takerOf(family)) === takerOf(family));
  }

  /** Takes the names of a family's lines. */
  take(family: NamedFamily): void {
    if (!isDistribution(family.type)) return void this.#takers.set(family.name, "");
    for (const name of namesOf(family)) this.#takers.set(name, takerOf(family));
  }
}

function namesOf({ name, type }: NamedFamily): string[] {
  return LINE_SUFFIXES[type].map((suffix) => name + suffix);
}

/** Families of one line a sample go together whatever their types are. */
function takerOf({ name, type }: NamedFamily): string {
  return isDistribution(type) ? `${type} ${name}` : "";
}
