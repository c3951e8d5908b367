/**
 * Families written as lines, `name{label="value",…} number`, for tests that look at names, labels and order. Values hold
 * neither quotes nor escapes; types are untyped and there are no timestamps.
 *
 * @module
 */

import type { MetricFamily } from "../../common/exposition/metric_family.ts";

/** Reads lines into families; lines that follow each other with one name are one family. */
export function families(lines: readonly string[]): MetricFamily[] {
  const families: (MetricFamily & { metrics: MetricFamily["metrics"][number][] })[] = [];
  for (const line of lines) {
    const match = /^([^{ ]+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match === null) throw new SyntaxError(`Cannot read the line '${line}'`);
    const labels = [...(match[2] ?? "").matchAll(/([^=,]+)="([^"]*)"/g)].map(([, name, value]) => ({ name, value }));
    const metric = { labels, value: Number(match[3]) };
    const last = families.at(-1);
    if (last?.name === match[1]) last.metrics.push(metric);
    else families.push({ name: match[1], type: "untyped", metrics: [metric] });
  }
  return families;
}

/** Writes families as lines. */
export function series(families: readonly MetricFamily[]): string[] {
  return families.flatMap(({ name, metrics }) =>
    metrics.map(({ labels, value }) => {
      const shown = labels.map((label) => `${label.name}="${label.value}"`).join(",");
      return `${name}${shown && `{${shown}}`} ${value}`;
    })
  );
}
