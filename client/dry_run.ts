/**
 * `--dry-run`: what would leave this machine, what each rule did to it, and what people should know of it before they send it.
 *
 * @module
 */

import type { MetricFamily } from "../common/exposition/metric_family.ts";
import { frameSnappy } from "../common/exposition/snappy.ts";
import { plural } from "../common/plural.ts";
import { formatText } from "../common/exposition/text_format.ts";
import { WriteEncoder } from "../common/remote_write/write_encoder.ts";
import { WriteRequests } from "../common/remote_write/write_requests.ts";
import { ANYWHERE, describeRule, type Outgoing, OutgoingPushes } from "./outgoing.ts";
import { Account, countSamples, EFFECT_UNITS } from "./transforms/pipeline.ts";
import { scrape } from "./forwarder.ts";
import { sizesOf } from "./metric_sizes.ts";
import { placeOf } from "./request.ts";
import type { Settings } from "./settings.ts";
import { suspectLabels } from "./suspect_labels.ts";

/** How many metrics are told of, of those that lose samples and of the largest, and how many of those with a label. */
const TOLD_LOSSES = 100, TOLD_SIZES = 20, TOLD_METRICS = 5;

/**
 * Scrapes once and returns a page in the text format: the samples that would be pushed, then, as comments, the account of
 * every rule, what each metric takes, and labels to look at. Nothing is sent: not even the token is exchanged, so that the
 * labels it would bring are not among them.
 */
export async function dryRun(
  settings: Settings,
  { signal, now }: { signal: AbortSignal; now: () => number },
): Promise<string> {
  const account = new Account();
  let unread = 0;
  const scraped = await scrape(settings, {
    signal,
    onFault: ({ rule, metric, why, line }) => {
      unread++;
      account.drop({ ...describeRule(rule, `${why}, in line ${line} of the page`), metric });
    },
  });
  const kept = (await settings.rules())(scraped, account);
  // Which server it will be, and what that takes, is known when it is asked.
  const prepared = new OutgoingPushes().prepare(kept, { ...ANYWHERE, nowMs: now() }, account);
  const { families: outgoing } = prepared;
  const to = settings.upload ? ` to ${placeOf(settings.upload)}` : "";
  const scrapedCount = unread + countSamples(scraped);
  const lines = [
    `dry run: nothing was sent; of ${scrapedCount} ${plural(scrapedCount, "sample")} from ${placeOf(settings.from)}, ` +
    `${countSamples(outgoing)} would be pushed${to}`,
    ...account.entries().map(({ rule, effect, count }) =>
      `${effect} ${count} ${plural(count, EFFECT_UNITS[effect])} by ${rule}`
    ),
    ...(settings.exchange ? ["labels from the token exchange would be set on every sample"] : []),
    ...scrapedCount === 0 ? ["the source has nothing that --match selects: check --match and --from"] : [],
    ...lossLines(account),
    ...sizeLines(prepared, settings),
    ...suspectLines(outgoing, settings.anonymizeLabels),
  ];
  const page = new TextDecoder().decode(formatText(outgoing, { timestamps: true }));
  return page + lines.map((line) => `# ${line.replace(/[\s\p{Cc}]/gu, " ")}\n`).join("");
}

/** What would not be sent, by rule and metric, the most first. */
function lossLines(account: Account): string[] {
  const losses = account.losses().sort((a, b) => b.count - a.count);
  const lines = losses.slice(0, TOLD_LOSSES).map(({ rule, metric, why, count }) =>
    `${metric}: ${count} ${plural(count, "sample")} by ${rule}: ${why}`
  );
  if (losses.length > TOLD_LOSSES) {
    lines.push(
      `and ${plural(losses.length - TOLD_LOSSES, "that", "those")} of ${losses.length - TOLD_LOSSES} more ${
        plural(losses.length - TOLD_LOSSES, "rule and metric", "rules and metrics")
      }`,
    );
  }
  return section("what would not be sent, by metric and rule:", lines);
}

/** What the largest metrics take, and all of them together. */
function sizeLines(
  { families, encoded, lines }: Outgoing,
  { isRemoteWrite }: Pick<Settings, "isRemoteWrite">,
): string[] {
  const sizes = sizesOf(families);
  if (sizes.length === 0) return [];
  const series = sizes.reduce((sum, { series }) => sum + series, 0);
  const told = sizes.length > TOLD_SIZES ? `the ${TOLD_SIZES} largest of ${sizes.length}` : "the largest first";
  return section(`series and bytes by metric, ${told}:`, [
    ...sizes.slice(0, TOLD_SIZES).map(({ metric, series, bytes }) =>
      `${metric}: ${series} series, ${bytes} ${plural(bytes, "byte")}`
    ),
    `in all: ${series} series, ${encoded.length} bytes, ${
      isRemoteWrite ? inRequests(lines) : `${frameSnappy(encoded).length} when they are compressed`
    }`,
  ]);
}

/** What lines come to by remote write. */
function inRequests(lines: Outgoing["lines"]): string {
  const making = new WriteRequests(new WriteEncoder(), "2.0");
  making.addFamilies(lines);
  const requests = making.finish();
  const bytes = requests.reduce((sum, { body }) => sum + body.length, 0);
  const samples = requests.reduce((sum, { samples }) => sum + samples, 0);
  return `${bytes} when they are compressed, as ${samples} ${plural(samples, "sample")} in ${requests.length} ${
    plural(requests.length, "request")
  } of remote write`;
}

/** Labels to look at; what they hold is not said, as this may be shown to others. */
function suspectLines(families: readonly MetricFamily[], hashed: readonly string[]): string[] {
  const lines = suspectLabels(families, { hashed }).map(({ label, why, metrics, samples }) => {
    const names = [...metrics].slice(0, TOLD_METRICS).join(", ") + (metrics.size > TOLD_METRICS ? ", …" : "");
    return `${label}: ${samples} ${plural(samples, "sample")} of ${metrics.size} ${
      plural(metrics.size, "metric")
    } (${names}): ${why}`;
  });
  return section("labels that may hold what should not leave, unless --anonymize-labels hashes them:", lines);
}

function section(head: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [head, ...lines.map((line) => `  ${line}`)];
}
