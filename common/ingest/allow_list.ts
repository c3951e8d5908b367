/**
 * The allow-list (`--whitelist`): which samples of a push are kept, decided on the bytes of the push.
 *
 * @module
 */

import type { Matcher, Selector } from "../exposition/selector.ts";
import { BytesMap, equals } from "./bytes_map.ts";
import type { LabelShape, LabelSpans } from "./label_shape.ts";

/** Results of a matcher that are remembered, by label value; at the bound all are forgotten. */
const MAX_REMEMBERED = 10_000;
/** Family names whose candidates are remembered; at the bound all are forgotten. */
const MAX_NAMES = 10_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** A matcher on a label other than the name, ready to be held against bytes. */
export class BytesMatcher {
  readonly #matcher: Matcher;
  readonly #wanted: Uint8Array | undefined;
  readonly #negated: boolean;
  readonly #remembered = new BytesMap<boolean>(MAX_REMEMBERED);

  /** Takes a matcher on a label. */
  constructor(matcher: Matcher) {
    this.#matcher = matcher;
    this.#negated = matcher.operator === "!=";
    this.#wanted = matcher.operator === "=" || this.#negated ? encoder.encode(matcher.value) : undefined;
  }

  /** An absent label counts as empty, as in PromQL. */
  matches(bytes: Uint8Array, spans: LabelSpans, shape: LabelShape): boolean {
    const index = shape.indexOf.get(this.#matcher.name);
    const start = index === undefined ? 0 : spans[4 * index + 2];
    const end = index === undefined ? 0 : spans[4 * index + 3];
    if (this.#wanted !== undefined) return equals(bytes, start, end, this.#wanted) !== this.#negated;
    let result = this.#remembered.get(bytes, start, end);
    if (result === undefined) {
      const value = bytes.subarray(start, end);
      this.#remembered.set(value, result = this.#matcher.matches(decoder.decode(value)));
    }
    return result;
  }
}

/** What the allow-list says of one family: all of it, none of it, or a look at each sample. */
export type FamilyVerdict = "all" | "none" | readonly (readonly BytesMatcher[])[];

/** A selector with its matchers on labels. */
interface Candidate {
  readonly selector: Selector;
  readonly rest: readonly BytesMatcher[];
}

/** The selectors of `--whitelist`, any of which lets a sample pass. */
export class AllowList {
  /** By the one name that they can match, where there is one, so that hundreds of them cost a new name little. */
  readonly #pinned = new Map<string, Candidate[]>();
  readonly #free: Candidate[] = [];
  readonly #verdicts = new Map<string, FamilyVerdict>();

  /** Takes selectors any of which lets a sample pass. */
  constructor(selectors: readonly Selector[]) {
    for (const selector of selectors) {
      const rest = selector.matchers.filter(({ name }) => name !== "__name__").map((one) => new BytesMatcher(one));
      const name = selector.matchers.find(({ name, operator }) => name === "__name__" && operator === "=")?.value;
      if (name === undefined) this.#free.push({ selector, rest });
      else this.#pinned.set(name, [...this.#pinned.get(name) ?? [], { selector, rest }]);
    }
  }

  /** What to do with the samples of a family; decided once a name. */
  verdict(name: string): FamilyVerdict {
    let verdict = this.#verdicts.get(name);
    if (verdict === undefined) {
      const candidates = [...this.#pinned.get(name) ?? [], ...this.#free].filter(({ selector }) =>
        selector.matchers.every((matcher) => matcher.name !== "__name__" || matcher.matches(name))
      );
      verdict = candidates.length === 0
        ? "none"
        : candidates.some(({ rest }) => rest.length === 0)
        ? "all"
        : candidates.map(({ rest }) => rest);
      if (this.#verdicts.size === MAX_NAMES) this.#verdicts.clear();
      this.#verdicts.set(name, verdict);
    }
    return verdict;
  }
}

/** Whether a sample passes the verdict on its family. */
export function allows(verdict: FamilyVerdict, bytes: Uint8Array, spans: LabelSpans, shape: LabelShape): boolean {
  if (typeof verdict === "string") return verdict === "all";
  // By loops, as this is done for each sample.
  for (const matchers of verdict) {
    let all = true;
    for (let i = 0; all && i < matchers.length; i++) all = matchers[i].matches(bytes, spans, shape);
    if (all) return true;
  }
  return false;
}
