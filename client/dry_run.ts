/**
 * `--dry-run`: what would leave this machine, and what each rule did to it.
 *
 * @module
 */

import { formatText } from "../common/exposition/text_format.ts";
import { Losses } from "../common/ingest/losses.ts";
import { UNKNOWN_SERVER } from "../common/ingest/server_abilities.ts";
import { OutgoingPushes } from "./outgoing.ts";
import { Account, countSamples, type Effect } from "./transforms/pipeline.ts";
import { notePageFault, scrape } from "./forwarder.ts";
import { placeOf } from "./request.ts";
import type { Settings } from "./settings.ts";

/** What an effect is counted in. */
const UNITS: Readonly<Record<Effect, string>> = {
  labelled: "samples",
  renamed: "samples",
  dropped: "samples",
  truncated: "labels",
  anonymized: "values",
};

/** A server that takes whatever we have: which one it will be, and what that takes, is known when it is asked. */
const ANYWHERE = {
  labels: new Map<string, string>(),
  server: { ...UNKNOWN_SERVER, takesUtf8Names: true, takesNativeHistograms: true },
};

/**
 * Scrapes once and returns a page in the text format: the samples that would be pushed, then, as comments, the account of
 * every rule. Nothing is sent: not even the token is exchanged, so that the labels it would bring are not among them.
 */
export async function dryRun(
  settings: Settings,
  { signal, now }: { signal: AbortSignal; now: () => number },
): Promise<string> {
  const account = new Account();
  const scraped = await scrape(settings, { signal, onFault: notePageFault(new Losses(), account) });
  const kept = (await settings.rules())(scraped, account);
  const { families: outgoing } = new OutgoingPushes().prepare(kept, { ...ANYWHERE, nowMs: now() }, account);
  const to = settings.upload ? ` to ${placeOf(settings.upload)}` : "";
  const lines = [
    `dry run: nothing was sent; of ${countSamples(scraped)} samples from ${placeOf(settings.from)}, ` +
    `${countSamples(outgoing)} would be pushed${to}`,
    ...account.entries().map(({ rule, effect, count }) => `${effect} ${count} ${UNITS[effect]} by ${rule}`),
    ...(settings.exchange ? ["labels from the token exchange would be set on every sample"] : []),
  ];
  const page = new TextDecoder().decode(formatText(outgoing, { timestamps: true }));
  return page + lines.map((line) => `# ${line.replace(/\s/g, " ")}\n`).join("");
}
