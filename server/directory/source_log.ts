/**
 * What the log says of sources: a line each time that one fares differently, and one for all where they are many.
 *
 * @module
 */

import type { Logger } from "../../common/log.ts";
import { plural } from "../../common/plural.ts";
import { plainFields } from "../../common/plain_text.ts";
import { flagOf } from "../../common/options.ts";
import type { NearLimit, Transition } from "./directory.ts";
import { nothingShownBy, ruleWords } from "./nothing_shown.ts";
import type { RefusedInName, Source, SourceLimits } from "./source.ts";
import { lastWayOf, sendersOf, usedOf, waysOf } from "./source_state.ts";

/** How many sources are told one by one that come to fare the same at the same time. */
const MAX_LINES = 20;

/** How many of the others are named. */
const MAX_NAMED = 5;

interface Change {
  readonly level: "info" | "warn";
  readonly one: string;
  readonly many: string;
}

/** Writes into the log what has changed. */
export function tellTransitions(log: Logger, transitions: readonly Transition[]): void {
  const byChange = Map.groupBy(transitions, changeOf);
  for (const [change, alike] of byChange) {
    if (change === undefined) continue;
    if (alike.length > MAX_LINES) {
      const named = alike.slice(0, MAX_NAMED).map(({ source }) => source.id);
      log[change.level](change.many, plainFields({ sources: alike.length, among: named }));
      continue;
    }
    for (const transition of alike) log[change.level](change.one, plainFields(fieldsOf(transition)));
  }
}

/** Writes into the log which sources have come near a limit. */
export function tellNearLimits(log: Logger, near: readonly NearLimit[], limits: SourceLimits): void {
  for (const [limit, alike] of Map.groupBy(near, ({ limit }) => limit)) {
    const of = { raise: flagOf(`limit-${limit}`), limit: limits[limit] };
    if (alike.length > MAX_LINES) {
      const named = alike.slice(0, MAX_NAMED).map(({ source }) => source.id);
      log.warn(
        "Sources are near a limit: raise it before what they send is refused or left out",
        plainFields({ sources: alike.length, among: named, ...of }),
      );
      continue;
    }
    for (const { source } of alike) {
      log.warn(
        "A source is near a limit: raise it, or have it send less, before what it sends is refused or left out",
        plainFields({ cluster: source.id, [limit]: usedOf(source, limit), ...of }),
      );
    }
  }
}

/** Writes into the log of which sources nothing is shown, though they send. */
export function tellBlank(log: Logger, blank: readonly Source[]): void {
  const rulesOf = (source: Source) => nothingShownBy(source) ?? [];
  if (blank.length > MAX_LINES) {
    const named = blank.slice(0, MAX_NAMED).map(({ id }) => id);
    const rules = [...new Set(blank.flatMap(rulesOf))].join(", ");
    log.warn(
      "Nothing of what some sources send is shown: all of it breaks rules",
      plainFields({ sources: blank.length, among: named, rules }),
    );
    return;
  }
  for (const source of blank) {
    const rules = rulesOf(source);
    const mend = rules.map((rule) => ruleWords(rule).mend).join("; ");
    log.warn(
      "Nothing of what a source sends is shown: all of it breaks rules",
      plainFields({ cluster: source.id, rules: rules.join(", "), mend }),
    );
  }
}

const FIRST: Change = {
  level: "info",
  one: "A source pushes for the first time",
  many: "Sources push for the first time",
};
const BACK: Change = { level: "info", one: "A source is back", many: "Sources are back" };
const ACCEPTED: Change = {
  level: "info",
  one: "A source that was refused is accepted again",
  many: "Sources that were refused are accepted again",
};
const MANY_SILENT = "Sources are silent: see what they have in common, such as a network or an upgrade";
const QUEUE_ADVICE =
  "see the remote_write queue of its Prometheus (prometheus_remote_storage_samples_pending, …_failed_total), and its log";
const SILENT: Change = {
  level: "warn",
  one: "A source is silent: see whether its client runs, and what its log says",
  many: MANY_SILENT,
};
const SILENT_PROMETHEUS: Change = {
  level: "warn",
  one: `A source is silent: ${QUEUE_ADVICE}`,
  many: MANY_SILENT,
};
const SILENT_BOTH: Change = {
  level: "warn",
  one: `A source is silent: see whether its client runs, and ${QUEUE_ADVICE}`,
  many: MANY_SILENT,
};
const REFUSED: Change = {
  level: "warn",
  one: "A source is refused: the reason says what its client, or a limit here, must change",
  many: "Sources are refused: see what they have in common, such as an upgrade or a key",
};
const REVOKED: Change = { level: "info", one: "A source is revoked", many: "Sources are revoked" };

/** What is said of a source that is silent, by what sends. */
function silenceOf(source: Source): Change {
  const senders = sendersOf(waysOf(source).map(({ name }) => name), source.sender?.userAgent);
  if (!senders.includes("prometheus")) return SILENT;
  return senders.includes("client") ? SILENT_BOTH : SILENT_PROMETHEUS;
}

function changeOf({ source, before, after }: Transition): Change | undefined {
  if (after === "silent") return silenceOf(source);
  if (after === "refused") return REFUSED;
  if (after === "revoked") return REVOKED;
  if (before === undefined) return FIRST;
  return before === "refused" ? ACCEPTED : BACK;
}

/** Why somebody was refused in the name of a source, how often, and since when. */
function inNameText({ refusal: { status, path, why }, timesSince, sinceMs }: RefusedInName): string {
  const times = `${timesSince} ${plural(timesSince, "time")} since ${new Date(sinceMs).toISOString()}`;
  return `${status} at ${path}, ${times}: ${why}`;
}

function fieldsOf({ source, after }: Transition): Record<string, unknown> {
  const { id: cluster, pushedAtMs, sender, refusal, inName } = source;
  if (after === "refused") {
    const { path, status, reason, why } = refusal!;
    return { cluster, path, status, reason, why };
  }
  const { intervalMs = 0 } = lastWayOf(source, 0) ?? {};
  const lastPushMs = Math.max(pushedAtMs, sender?.atMs ?? 0);
  return {
    cluster,
    ...lastPushMs > 0 ? { lastPush: new Date(lastPushMs).toISOString() } : {},
    ...intervalMs > 0 && after === "silent" ? { usualSeconds: Math.round(intervalMs / 1_000) } : {},
    // Its own client may have lost its token.
    ...inName !== undefined && after === "silent" && inName.atMs > pushedAtMs
      ? { refusedInName: inNameText(inName) }
      : {},
  };
}
