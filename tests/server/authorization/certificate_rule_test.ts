import assert from "node:assert/strict";
import type { SubjectNames } from "../../../common/certificate_names.ts";
import { CertificateRule } from "../../../server/authorization/certificate_rule.ts";

const NONE: SubjectNames = { cn: [], dns: [], uri: [] };

Deno.test("CertificateRule.idIn() finds the one id that the names hold", () => {
  const rows: [rule: string, names: Partial<SubjectNames>, id: string | undefined][] = [
    ["cn:{id}", { cn: ["a"] }, "a"],
    ["cn:{id}", { dns: ["a"] }, undefined],
    ["cn:{id}", { cn: ["a", "a"] }, "a"],
    ["cn:{id}", { cn: ["a", "b"] }, undefined],
    ["cn:{id}", { cn: [""] }, undefined],
    ["cn:{id}", { cn: ["x".repeat(256)] }, undefined],
    ["cn:cluster {id}", { cn: ["cluster 7"] }, "7"],
    ["cn:cluster {id}", { cn: ["other 7"] }, undefined],
    ["dns:{id}.clusters.example", { dns: ["localhost", "a.b.clusters.example", "clusters.example"] }, "a.b"],
    ["dns:{id}.clusters.example", { dns: [".clusters.example"] }, undefined],
    ["dns:a{id}a", { dns: ["aa", "a"] }, undefined],
    ["uri:spiffe://example/cluster/{id}", { uri: ["spiffe://example/cluster/n/1", "spiffe://other/cluster/2"] }, "n/1"],
  ];
  for (const [rule, names, id] of rows) {
    assert.equal(new CertificateRule(rule).idIn({ ...NONE, ...names }), id, `${rule} ${JSON.stringify(names)}`);
  }
});

Deno.test("CertificateRule takes one place for the id in one kind of name", () => {
  assert.equal(String(new CertificateRule("cn:{id}")), "cn:{id}");
  for (const bad of ["", "{id}", "cn:", "cn:id", "cn:{id}{id}", "ip:{id}", "CN:{id}"]) {
    assert.throws(() => new CertificateRule(bad), SyntaxError, bad);
  }
});
