/**
 * Asking the same question at both ends, and what is different in the answers.
 *
 * @module
 */

import { evaluate, type VectorElement } from "../promql.ts";
import { centralDialect, type Form, FORM_LABEL, SOURCE_DIALECT, type Way, withUnderscores } from "./chain_plan.ts";
import type { Question } from "./kind.ts";

/** Where series arrive: which Prometheus, in which form, and the way that they took. */
export interface Arrival {
  /** The central Prometheus. */
  readonly url: URL;
  /** How it read them. */
  readonly form: Form;
  /** How they came there. */
  readonly way: Way;
}

/** The differences that a report names of one question. */
const SHOWN_DIFFERENCES = 2;
/** Rates are computed from other times at each end, which shows in their last digits. */
const ROUNDING = 1e-9;

/**
 * Asks a question at both ends, and says what is different; undefined if the answers are the same. That there is no answer at
 * the source is a difference too.
 */
export async function difference(
  question: Question,
  { source, arrival, isExact, signal }: {
    readonly source: URL;
    readonly arrival: Arrival;
    /** Whether numbers must be the same to the last digit. */
    readonly isExact: boolean;
    readonly signal: AbortSignal;
  },
): Promise<string | undefined> {
  const { form, way, url } = arrival;
  const sides = typeof question === "function" ? { source: question, central: question } : question;
  const asked = sides.source(SOURCE_DIALECT);
  const [sent, arrived] = await Promise.all([
    evaluate(source, asked, { signal }),
    evaluate(url, sides.central(centralDialect({ way, form })), { signal }),
  ]);
  const expected = byLabels(sent.map((element) => asWrittenIn(form, element)));
  const differences = expected.size === 0
    ? ["the source has no answer"]
    : differencesOf(expected, byLabels(arrived.map(withoutWay)), { isExact });
  if (differences.length === 0) return undefined;
  const more = differences.length - SHOWN_DIFFERENCES;
  return `${asked}, by way of ${way.name}: ${differences.slice(0, SHOWN_DIFFERENCES).join("; ")}${
    more > 0 ? `; and ${more} more` : ""
  }`;
}

/** The values of series by what they are called; two of one name make a list. */
function byLabels(elements: readonly VectorElement[]): Map<string, VectorElement["value"]> {
  return new Map(elements.map(({ labels, value }) => [
    JSON.stringify(Object.entries(labels).sort(([a], [b]) => a < b ? -1 : 1)),
    value,
  ]));
}

/** Compares the answers of a source and of a central Prometheus, and names each series that is not the same. */
function differencesOf(
  expected: ReadonlyMap<string, VectorElement["value"]>,
  actual: ReadonlyMap<string, VectorElement["value"]>,
  { isExact }: { isExact: boolean },
): string[] {
  const said = (value: VectorElement["value"] | undefined) => value === undefined ? "absent" : JSON.stringify(value);
  return [...new Set([...expected.keys(), ...actual.keys()])].flatMap((labels) => {
    const [sent, arrived] = [expected.get(labels), actual.get(labels)];
    const isSame = sent !== undefined && arrived !== undefined && sameValue(sent, arrived, { isExact });
    return isSame ? [] : [`${labels} is ${said(sent)} at the source and ${said(arrived)} where it arrives`];
  });
}

function sameValue(a: VectorElement["value"], b: VectorElement["value"], { isExact }: { isExact: boolean }): boolean {
  if (JSON.stringify(a) === JSON.stringify(b)) return true;
  if (isExact || typeof a !== "string" || typeof b !== "string") return false;
  const [x, y] = [Number(a), Number(b)];
  return Math.abs(x - y) <= ROUNDING * Math.max(Math.abs(x), Math.abs(y));
}

/** A series of the source with the names that it has in a form. */
function asWrittenIn({ names }: Form, { labels, value }: VectorElement): VectorElement {
  if (names === "utf-8") return { labels, value };
  const written = Object.entries(labels).map(([name, value]) =>
    name === "__name__" ? [name, withUnderscores(value)] : [withUnderscores(name), value]
  );
  return { labels: Object.fromEntries(written), value };
}

/** A series that arrived without the labels that tell how. */
function withoutWay({ labels, value }: VectorElement): VectorElement {
  const { _id, [FORM_LABEL]: _form, ...own } = labels;
  return { labels: own, value };
}
