import assert from "node:assert/strict";
import { anonymize } from "../../../client/transforms/anonymize.ts";
import { dedupe } from "../../../client/transforms/dedupe.ts";
import { dropEmpty } from "../../../client/transforms/drop_empty.ts";
import { Account, countSamples, pipeline } from "../../../client/transforms/pipeline.ts";
import { rename } from "../../../client/transforms/rename.ts";
import { setLabels } from "../../../client/transforms/set_labels.ts";
import { sortByTimestamp } from "../../../client/transforms/sort_by_timestamp.ts";
import { families, series } from "../../support/series.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("pipeline() runs its rules in their order and keeps one account", () => {
  const account = new Account();
  const passed = pipeline([
    setLabels(new Map([["namespace", "value"]]), { origin: "--label" }),
    rename(new Map([["ALERTS", "alerts"]])),
    dropEmpty,
    sortByTimestamp,
    anonymize({ labels: ["namespace"], salt: "salt" }),
    setLabels(new Map([["pod", "p"]]), { origin: "token label" }),
    dedupe,
  ])(families(['ALERTS{pod="1"} 1', 'alerts{pod="2"} 2', 'up{pod="1"} 3']), account);
  assert.deepEqual(series(passed), [
    'alerts{pod="p",namespace="1DCh2jCv4anQ"} 2',
    'up{pod="p",namespace="1DCh2jCv4anQ"} 3',
  ]);
  assert.deepEqual(account.entries(), [
    { rule: "--label namespace", effect: "labelled", count: 3 },
    { rule: "--rename ALERTS=alerts", effect: "renamed", count: 1 },
    { rule: "--anonymize-labels namespace", effect: "anonymized", count: 3 },
    { rule: "token label pod", effect: "labelled", count: 3 },
    { rule: "dedupe (series comes again later)", effect: "dropped", count: 1 },
  ]);
});

Deno.test("pipeline() of nothing passes everything", () => {
  const given = families(["up 1"]);
  assert.equal(pipeline([])(given, new Account()), given);
});

Deno.test("Account adds up by rule and effect", () => {
  const account = new Account();
  account.add("a", "dropped", 1);
  account.add("a", "truncated", 2);
  account.add("b", "dropped", 0);
  account.add("a", "dropped", 3);
  assert.deepEqual(account.entries(), [
    { rule: "a", effect: "dropped", count: 4 },
    { rule: "a", effect: "truncated", count: 2 },
    { rule: "b", effect: "dropped", count: 0 },
  ]);
});

Deno.test("countSamples() counts over all families", () => {
  assert.equal(countSamples([]), 0);
  assert.equal(countSamples(families(["a 1", "a 2", "b 1"])), 3);
});
