/**
 * Names that the families of a push take: `x_count` beside a summary `x`, or two types of one name, would be shown as one.
 *
 * @module
 */

import { isDistribution, LINE_SUFFIXES, type MetricType } from "../../common/exposition/metric_family.ts";
import { invalid } from "./invalid_push.ts";

/** The names that are taken, of one push. */
export class FamilyNames {
  readonly #kinds = new Map<string, string>();

  /**
   * Takes the names of the lines of a family that starts at `at`.
   *
   * @throws {import("./invalid_push.ts").InvalidPushError} if another family has one of them.
   */
  take({ name, type, at }: { name: string; type: MetricType; at: number }): void {
    this.#takeOne(name, { kind: isDistribution(type) ? type : "simple", at });
    for (const suffix of LINE_SUFFIXES[type]) {
      if (suffix !== "") this.#takeOne(name + suffix, { kind: `part of ${name}`, at });
    }
  }

  #takeOne(name: string, { kind, at }: { kind: string; at: number }): void {
    const other = this.#kinds.get(name);
    if (other === undefined) this.#kinds.set(name, kind);
    else if (other !== kind) {
      throw invalid("family_collision", `families take the name ${name} twice, as ${other} and as ${kind}`, at);
    }
  }
}
