/**
 * What the client says of itself to people.
 *
 * @module
 */

import { reportOptions, type UsedOptions } from "../common/option_report.ts";
import type { Forwarder } from "./forwarder.ts";
import { familiesOf } from "./history.ts";
import { sizesOf } from "./metric_sizes.ts";
import { CLIENT_OPTIONS } from "./options.ts";
import type { ClientView } from "./pages/client_view.ts";
import { placeOf } from "./request.ts";
import { suspectLabels } from "./suspect_labels.ts";

/** What the client is, does and has done. It is worked out when somebody asks. */
export function clientView(
  { settings, state, history, clocks }: Pick<Forwarder, "settings" | "state" | "history" | "clocks">,
  options: UsedOptions,
): ClientView {
  const { lastPushMs, failures } = state;
  const { prepared } = history;
  const families = prepared === undefined ? [] : familiesOf(prepared), account = prepared?.account;
  return {
    from: placeOf(settings.from),
    to: settings.upload && placeOf(settings.upload),
    isRemoteWrite: settings.isRemoteWrite,
    forwards: history.latest,
    lastPushMs,
    failures,
    nextMs: history.nextMs,
    clocks: { source: clocks.known("source"), server: clocks.known("server") },
    tokenEndsMs: settings.exchange?.endsMs,
    rules: account?.entries() ?? [],
    losses: account?.losses() ?? [],
    sizes: sizesOf(families),
    suspects: suspectLabels(families, { hashed: settings.anonymizeLabels })
      .map(({ label, why, samples }) => ({ label, why, samples })),
    flags: reportOptions(CLIENT_OPTIONS, options),
  };
}
