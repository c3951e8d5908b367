/**
 * Names that the families of a push take: `x_count` beside a summary `x`, or two types of one name, would be shown as one.
 *
 * @module
 */

import type { MetricType } from "../../common/exposition/metric_family.ts";
import { isDistribution, SUFFIXES } from "./distribution.ts";
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
    this.#claim(name, { kind: isDistribution(type) ? type : "simple", at });
    if (!isDistribution(type)) return;
    for (const suffix of SUFFIXES[type]) this.#claim(name + suffix, { kind: `part of ${name}`, at });
  }

  #claim(name: string, { kind, at }: { kind: string; at: number }): void {
    const other = this.#kinds.get(name);
    if (other === undefined) this.#kinds.set(name, kind);
    else if (other !== kind) {
      throw invalid("family_collision", `families take the name ${name} twice, as ${other} and as ${kind}`, at);
    }
  }
}
