/**
 * What PromQL expressions ask for, by the parser of Prometheus's own editor.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parser } from "@prometheus-io/lezer-promql";

/** A selector in an expression. */
export interface VectorSelector {
  /** The whole of it, its braces included. */
  readonly text: string;
  /** The metric in front of the braces; undefined if it selects by labels alone. */
  readonly metric: string | undefined;
}

/** The selectors of an expression. It is a failure if it cannot be parsed. */
export function selectorsOf(expr: string): VectorSelector[] {
  const selectors: VectorSelector[] = [];
  parser.parse(expr).iterate({
    enter: ({ name, from, to }) => {
      assert.notEqual(name, "⚠", `it cannot be parsed at ${from}: ${expr}`);
      if (name !== "VectorSelector") return;
      const text = expr.slice(from, to);
      selectors.push({ text, metric: /^[a-zA-Z_:][\w:]*/.exec(text)?.[0] });
    },
  });
  return selectors;
}
