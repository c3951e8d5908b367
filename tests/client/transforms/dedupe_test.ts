import assert from "node:assert/strict";
import { dedupe } from "../../../client/transforms/dedupe.ts";
import { Account } from "../../../client/transforms/pipeline.ts";
import { families, series } from "../../support/series.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const cases: [what: string, given: string[], kept: string[]][] = [
  ["the last of a series", ['up{a="1"} 1', 'up{a="2"} 2', 'up{a="1"} 3'], ['up{a="2"} 2', 'up{a="1"} 3']],
  ["whatever the order of labels", ['up{a="1",b="2"} 1', 'up{b="2",a="1"} 2'], ['up{b="2",a="1"} 2']],
  ["not counting empty labels", ['up{a="1",b=""} 1', 'up{a="1"} 2'], ['up{a="1"} 2']],
  ["across families of one name", ["up 1", "down 1", "up 2"], ["down 1", "up 2"]],
  ["series that differ in a name", ['up{a="1"} 1', 'up{b="1"} 2'], ['up{a="1"} 1', 'up{b="1"} 2']],
  ["series that differ in their family", ["up 1", "down 1"], ["up 1", "down 1"]],
  ["series whose texts run together alike", ['up{a="1 1 b 1 2"} 1', 'up{a="1",b="2"} 2'], [
    'up{a="1 1 b 1 2"} 1',
    'up{a="1",b="2"} 2',
  ]],
];

for (const [what, given, kept] of cases) {
  Deno.test(`dedupe() keeps ${what}`, () => {
    const account = new Account();
    const before = families(given);
    assert.deepEqual(series(dedupe(before, account)), kept);
    assert.deepEqual(series(dedupe(before, new Account())), kept, "when its labels come again");
    assert.deepEqual(series(before), given);
    const count = given.length - kept.length;
    assert.deepEqual(
      account.entries(),
      count === 0 ? [] : [{ rule: "dedupe (series comes again later)", effect: "dropped", count }],
    );
  });
}
