/**
 * Where the id of a cluster stands among the names of its certificate: a rule of the operator.
 *
 * @module
 */

import type { SubjectNames } from "../../common/certificate_names.ts";
import type { Kind } from "../../common/option_kinds.ts";
import { isLabelValue } from "./tokens.ts";

/** Stands for the id in a rule. */
const PLACE = "{id}";

/** A rule such as `cn:{id}`, `dns:{id}.clusters.example` or `uri:spiffe://example/cluster/{id}`. */
export class CertificateRule {
  readonly #text: string;
  readonly #kind: keyof SubjectNames;
  readonly #before: string;
  readonly #behind: string;

  /**
   * Reads a rule.
   *
   * @throws {SyntaxError} if it is not of that form.
   */
  constructor(text: string) {
    const [, kind, pattern] = /^(cn|dns|uri):(.*)$/s.exec(text) ?? [];
    const [before, behind, ...more] = (pattern ?? "").split(PLACE);
    if (kind === undefined || behind === undefined || more.length > 0) {
      throw new SyntaxError(
        `Cannot read '${text}' as a rule: write cn:, dns: or uri: and a name with one ${PLACE}, as in dns:${PLACE}.example`,
      );
    }
    this.#text = text;
    this.#kind = kind as keyof SubjectNames;
    this.#before = before;
    this.#behind = behind;
  }

  /** The rule as it was given. */
  toString(): string {
    return this.#text;
  }

  /** The id that the names hold; undefined if none of them does, or they hold several, or one that is no label's value. */
  idIn(names: SubjectNames): string | undefined {
    const [before, behind] = [this.#before, this.#behind];
    const around = before.length + behind.length;
    const fitting = names[this.#kind].filter((name) =>
      name.length > around && name.startsWith(before) && name.endsWith(behind)
    );
    const ids = new Set(fitting.map((name) => name.slice(before.length, name.length - behind.length)));
    const [id] = ids;
    return ids.size === 1 && isLabelValue(id) ? id : undefined;
  }
}

/** A rule of a command line; the last one counts. */
export const certificateRule: Kind<CertificateRule> = {
  placeholder: "KIND:NAME",
  read: (texts) => new CertificateRule(texts[texts.length - 1]),
};
