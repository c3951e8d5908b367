import assert from "node:assert/strict";
import { anonymize } from "../../../client/transforms/anonymize.ts";
import { Account } from "../../../client/transforms/pipeline.ts";
import { families, series } from "../../support/series.ts";

Deno.test.sanitizer({ ops: true, resources: true });

// Made with coreutils: printf %s "$salt$value" | sha256sum | cut -c1-18 | xxd -r -p | base64 | tr +/ -_
const vectors: [salt: string, value: string, hash: string][] = [
  ["salt", "value", "1DCh2jCv4anQ"],
  ["salt", "kube-system", "m0Gh0iMBR5Zq"],
  ["pepper", "kube-system", "0j9ZAt9C7bbW"],
  ["salt", "ünïcode ☃", "AdRX48q7GKCB"],
  ["salt", "pod-15", "GBTwYRl-t5_A"],
  ["", "x", "LXEWQrcmsEQB"],
];

for (const [salt, value, hash] of vectors) {
  Deno.test(`anonymize() turns '${value}' with the salt '${salt}' into ${hash}`, () => {
    const given = [{ name: "up", type: "gauge" as const, metrics: [{ labels: [{ name: "a", value }], value: 1 }] }];
    const [{ metrics }] = anonymize({ labels: ["a"], salt })(given, new Account());
    assert.deepEqual(metrics[0].labels, [{ name: "a", value: hash }]);
    assert.equal(given[0].metrics[0].labels[0].value, value);
  });
}

Deno.test("anonymize() hashes the named labels only, and counts them", () => {
  const account = new Account();
  const passed = anonymize({ labels: ["a", "b", "c"], salt: "salt" })(
    families(['up{a="value",b="kube-system",d="value"} 1', 'up{a="value"} 2', 'down{d="value"} 3']),
    account,
  );
  assert.deepEqual(series(passed), [
    'up{a="1DCh2jCv4anQ",b="m0Gh0iMBR5Zq",d="value"} 1',
    'up{a="1DCh2jCv4anQ"} 2',
    'down{d="value"} 3',
  ]);
  assert.deepEqual(account.entries(), [
    { rule: "--anonymize-labels a", effect: "anonymized", count: 2 },
    { rule: "--anonymize-labels b", effect: "anonymized", count: 1 },
    { rule: "--anonymize-labels c", effect: "anonymized", count: 0 },
  ]);
});

Deno.test("anonymize() leaves empty values empty", () => {
  const account = new Account();
  const passed = anonymize({ labels: ["a"], salt: "salt" })(families(['up{a=""} 1']), account);
  assert.deepEqual(series(passed), ['up{a=""} 1']);
  assert.equal(account.entries()[0].count, 0);
});

Deno.test("anonymize() gives the same hashes when its cache overflows", () => {
  const transform = anonymize({ labels: ["a"], salt: "salt", cacheSize: 2 });
  const given = families(['up{a="value"} 1', 'up{a="kube-system"} 2', 'up{a="value"} 3', 'up{a="value"} 4']);
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(series(transform(given, new Account())), [
      'up{a="1DCh2jCv4anQ"} 1',
      'up{a="m0Gh0iMBR5Zq"} 2',
      'up{a="1DCh2jCv4anQ"} 3',
      'up{a="1DCh2jCv4anQ"} 4',
    ]);
  }
});
