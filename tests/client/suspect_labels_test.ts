import assert from "node:assert/strict";
import { suspectLabels } from "../../client/suspect_labels.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** What there is to say of one label. */
function whyOf(name: string, value: string): string | undefined {
  const metrics = [{ labels: [{ name, value }], value: 1 }];
  return suspectLabels([{ name: "x", type: "gauge", metrics }], { hashed: [] })[0]?.why;
}

for (
  const [name, meaning] of [
    ["user", "a person"],
    ["userName", "a person"],
    ["created_by_user", "a person"],
    ["first_name", "a person"],
    ["email", "an e-mail address"],
    ["client_ip", "an address"],
    ["k8s.pod.ip", "an address"],
    ["remoteAddr", "an address"],
    ["hostname", "a host"],
    ["host", "a host"],
    ["token", "a secret"],
    ["api_key", "a secret"],
    ["db-password", "a secret"],
  ]
) {
  Deno.test(`suspectLabels() takes a label ${name} for that of ${meaning}`, () => {
    assert.equal(whyOf(name, "v"), `its name is that of ${meaning}`);
  });
}

for (
  const name of [
    "job",
    "namespace",
    "zip",
    "script",
    "tokens_per_second",
    "recipe",
    "ghost",
    "superuser",
    "monkey",
    "key",
  ]
) {
  Deno.test(`suspectLabels() sees nothing in the name ${name}`, () => assert.equal(whyOf(name, "v"), undefined));
}

for (
  const [value, look] of [
    ["jane.doe+a@mail.example.org", "e-mail addresses"],
    ["10.0.140.17", "IPv4 addresses"],
    ["10.0.140.17:9099", "IPv4 addresses"],
    ["10.0.0.0/8", "IPv4 addresses"],
    ["https://10.0.140.17:6443/metrics", "IPv4 addresses"],
    ["ip-10-0-140-17.eu-west-1.compute.internal", "IPv4 addresses"],
    ["02:42:ac:11:00:02", "MAC addresses"],
    ["02-42-AC-11-00-02", "MAC addresses"],
    ["AKIAIOSFODNN7EXAMPLE", "access keys"],
    ["glpat-ABCdef123456ABCdef12", "access keys"],
    ["xoxb-123456789012-abcdefABCDEF", "access keys"],
    ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ", "access keys"],
    ["::1", "IPv6 addresses"],
    ["fe80::1%eth0", "IPv6 addresses"],
    ["2001:db8::8a2e:370:7334", "IPv6 addresses"],
    ["2001:db8:0:1:2:3:4:5", "IPv6 addresses"],
    ["[2001:db8::1]:9090", "IPv6 addresses"],
    ["2001:db8::/32", "IPv6 addresses"],
    ["postgres://me:secret@db:5432/x", "URLs with a password"],
    ["eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "JSON web tokens"],
    ["-----BEGIN PRIVATE KEY-----", "private keys"],
    ["d41d8cd98f00b204e9800998ecf8427e", "keys or digests"],
    ["sha256:" + "0123456789abcdef".repeat(4), "keys or digests"],
    ["dGhpcyBpcyBhIHZlcnkgc2VjcmV0IGtleSAxMjM0NTY3ODkw", "keys or digests"],
    ["dGhpcyBpcyBhIHZlcnkgc2VjcmV0IGtleSAxMjM0NTY3OD==", "keys or digests"],
  ]
) {
  Deno.test(`suspectLabels() takes ${value} for one of ${look}`, () => {
    assert.equal(whyOf("x", value), `values look like ${look}`);
  });
}

for (
  const value of [
    ...[
      "",
      "a",
      "4.21.3",
      "1.2.3.4.5",
      "300.1.1.1",
      "10m",
      "12:30:45",
      "a::b::c",
      "std::vector",
      "a:b",
      "@here",
      "a@b",
    ],
    ...["/api/v1/users", "deadbeef", "1".repeat(40), "a".repeat(40), "cluster-version-operator-74886cc778-6hwnq"],
    ...[
      "http://example.org/a:b@c",
      "kube-apiserver-operator-configuration-controller-manager",
      "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    ],
  ]
) {
  Deno.test(`suspectLabels() sees nothing in the value '${value}'`, () => assert.equal(whyOf("x", value), undefined));
}

Deno.test("suspectLabels() tells of each label once, with its metrics and samples, and not of those that are hashed", () => {
  const sample = (labels: Record<string, string>) => ({
    labels: Object.entries(labels).map(([name, value]) => ({ name, value })),
    value: 1,
  });
  const families = [
    {
      name: "a",
      type: "gauge" as const,
      metrics: [sample({ user: "x", peer: "1.2.3.4" }), sample({ user: "a@b.cd" })],
    },
    { name: "b", type: "gauge" as const, metrics: [sample({ user: "" }), sample({ user: "y", token: "t" })] },
  ];
  assert.deepEqual(suspectLabels(families, { hashed: ["token"] }), [
    { label: "peer", why: "values look like IPv4 addresses", metrics: new Set(["a"]), samples: 1 },
    {
      label: "user",
      why: "its name is that of a person, values look like e-mail addresses",
      metrics: new Set(["a", "b"]),
      samples: 3,
    },
  ]);
});
