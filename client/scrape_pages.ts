/**
 * One scrape in as many requests as its selectors need: a URL has room for some 64 KiB.
 *
 * @module
 */

import type { MetricFamily } from "../common/exposition/metric_family.ts";
import { federate, type Scrape } from "./federate.ts";
import { dedupe } from "./transforms/dedupe.ts";
import { Account } from "./transforms/pipeline.ts";

/** The longest URL of a scrape, in bytes. The platform sends no longer one than 65,534. */
export const MAX_URL_BYTES = 60_000;

/** How much of a selector a message shows, in characters. */
const EXCERPT_LENGTH = 60;

/**
 * Shares selectors out among URLs, in order and none too long.
 *
 * @throws {RangeError} if one selector alone is too long, with its beginning.
 */
export function shareOut(url: URL, matches: readonly string[]): string[][] {
  const groups: string[][] = [[]];
  let free = MAX_URL_BYTES - url.href.length;
  for (const match of matches) {
    const size = `&${new URLSearchParams({ "match[]": match })}`.length;
    if (size > MAX_URL_BYTES - url.href.length) {
      const excerpt = match.length > EXCERPT_LENGTH ? `${match.slice(0, EXCERPT_LENGTH)}…` : match;
      throw new RangeError(
        `Cannot ask for '${excerpt}': its URL is longer than ${MAX_URL_BYTES} bytes: write several selectors instead`,
      );
    }
    if (size > free) {
      groups.push([]);
      free = MAX_URL_BYTES - url.href.length;
    }
    groups[groups.length - 1].push(match);
    free -= size;
  }
  return groups;
}

/**
 * Reads what all selectors find as one page, in one request or one after the other. The limit on bytes is one for all of them,
 * families come once, and of a series that several requests find the last sample stands.
 */
export async function scrapePages(scrape: Scrape): Promise<readonly MetricFamily[]> {
  const pages: MetricFamily[][] = [];
  let limitBytes = scrape.limitBytes;
  const onPage = (bytes: number) => {
    limitBytes -= bytes;
    scrape.onPage?.(bytes);
  };
  for (const matches of shareOut(scrape.url, scrape.matches)) {
    pages.push(await federate({ ...scrape, matches, limitBytes, onPage }));
  }
  return pages.length === 1 ? pages[0] : merge(pages);
}

function merge(pages: readonly MetricFamily[][]): readonly MetricFamily[] {
  const families = new Map<string, MetricFamily>();
  for (const family of pages.flat()) {
    const key = `${family.type} ${family.name}`;
    const met = families.get(key);
    families.set(key, met ? { ...met, metrics: [...met.metrics, ...family.metrics] } : family);
  }
  return dedupe([...families.values()], new Account());
}
