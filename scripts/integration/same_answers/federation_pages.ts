/**
 * What selectors pick on `/federate`: the source's own page and those of the servers must have the same series, whichever names
 * they are asked for in.
 *
 * @module
 */

import { UNLIMITED } from "../../../common/exposition/metric_family.ts";
import { parseText } from "../../../common/exposition/text_format.ts";
import { TRIAL_SELECTOR } from "./chain_plan.ts";

/** Selectors, and how many series they pick: names are those that the exposer has, not those that a page shows. */
const SELECTORS: readonly [selector: string, series: number][] = [
  ['{"trial.temperature"}', 1],
  ["trial_temperature", 0],
  ['{"trial.temperature","sensor.id"="a.b"}', 1],
  ['{"trial.temperature",sensor_id="a.b"}', 0],
  ['{"sensor.id"=~"a.*"}', 1],
  ['{"größe"!=""}', 1],
  ['{"trial.clash",job!=""}', 1],
  ['trial_clash{job!=""}', 1],
  ['{"trial.latency_bucket",le="2.5"}', 1],
  ['trial_temperature_celsius{sensor=~"a.*"}', 1],
];

/** What a page is asked for with. */
const FORMS: readonly string[] = [
  "text/plain;version=0.0.4",
  "text/plain;version=0.0.4;escaping=underscores",
  "text/plain;version=1.0.0;escaping=allow-utf-8",
];

/**
 * Compares what each selector picks of the source and of all servers of a way.
 *
 * @throws {Error} naming the first selector that does not pick the same.
 */
export async function compareFederation(
  source: URL,
  servers: readonly URL[],
  { signal }: { signal: AbortSignal },
): Promise<void> {
  for (const accept of FORMS) {
    for (const [selector, count] of SELECTORS) {
      const series = (urls: readonly URL[]) => pickedSeries(urls, { selector, accept, signal });
      const [sent, shown] = await Promise.all([series([source]), series(servers)]);
      const what = `${selector} as ${accept}`;
      if (sent.length !== count) {
        throw new Error(`${what} picks ${sent.length} series of the source: ${sent.join(" ")}`);
      }
      if (sent.join("\n") !== shown.join("\n")) {
        throw new Error(
          `${what} picks ${sent.join(" ") || "nothing"} of the source and ${shown.join(" ") || "nothing"}`,
        );
      }
    }
  }
}

/** The series of pages, in order, without their values and the label that servers add. */
async function pickedSeries(
  urls: readonly URL[],
  { selector, accept, signal }: { selector: string; accept: string; signal: AbortSignal },
): Promise<string[]> {
  const series: string[] = [];
  for (const url of urls) {
    const page = new URL("federate", url);
    // Within the trial: the source also has series of its own.
    page.searchParams.set("match[]", withTrial(selector));
    const response = await fetch(page, { headers: { accept }, signal });
    for (const { name, metrics } of parseText(await response.bytes(), UNLIMITED)) {
      for (const { labels } of metrics) {
        const own = labels.filter(({ name }) => name !== "_id").map(({ name, value }) => `${name}=${value}`);
        series.push(`${name}{${own.sort().join()}}`);
      }
    }
  }
  return series.sort();
}

function withTrial(selector: string): string {
  const trial = TRIAL_SELECTOR.slice(1, -1);
  return selector.endsWith("}") ? `${selector.slice(0, -1)},${trial}}` : `${selector}{${trial}}`;
}
