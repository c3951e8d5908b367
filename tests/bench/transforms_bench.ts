/**
 * The client's transform chain on a realistic push, as every forward runs it.
 *
 * @module
 */

import { anonymize } from "../../client/transforms/anonymize.ts";
import { dedupe } from "../../client/transforms/dedupe.ts";
import { dropEmpty } from "../../client/transforms/drop_empty.ts";
import { removeLongLabels } from "../../client/transforms/remove_long_labels.ts";
import { Account, pipeline } from "../../client/transforms/pipeline.ts";
import { rename } from "../../client/transforms/rename.ts";
import { setLabels } from "../../client/transforms/set_labels.ts";
import { sortByTimestamp } from "../../client/transforms/sort_by_timestamp.ts";
import { realisticFamilies } from "../support/realistic_push.ts";

const NOW = 1_700_000_000_000;
const families = realisticFamilies({ id: "cluster", nowMs: NOW });
const rules = pipeline([
  setLabels(new Map([["zone", "a"]]), { origin: "--label" }),
  rename(new Map([["ALERTS", "alerts"]])),
  removeLongLabels,
  dropEmpty,
  sortByTimestamp,
]);
const hash = anonymize({ labels: ["instance", "pod"], salt: "salt" });
const token = pipeline([setLabels(new Map([["_id", "cluster"]]), { origin: "token label" }), dedupe]);

Deno.bench("transforms: label, rename, drop, sort", () => void rules(families, new Account()));

Deno.bench("transforms: anonymize, hashes known", () => void hash(families, new Account()));

Deno.bench("transforms: anonymize, first scrape", () => {
  anonymize({ labels: ["instance", "pod"], salt: "salt" })(families, new Account());
});

Deno.bench("transforms: token labels, dedupe", () => void token(families, new Account()));
