import assert from "node:assert/strict";
import "reflect-metadata";
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from "@peculiar/x509";
import fc from "fast-check";
import { certificateNames, subjectNames } from "../../common/certificate_names.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as CryptoKeyPair;

/** A certificate, written by a library that reads and writes all of X.509. */
async function der(names: { type: "dns" | "ip" | "email" | "url"; value: string }[]): Promise<Uint8Array> {
  const extensions = names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)];
  const options = { name: "CN=subject", keys, signingAlgorithm: ALGORITHM, extensions };
  return new Uint8Array((await X509CertificateGenerator.createSelfSigned(options)).rawData);
}

const dns = (value: string) => ({ type: "dns" as const, value });

Deno.test("certificateNames() finds the DNS names, and takes no other name for one", async () => {
  const rows: [Parameters<typeof der>[0], string[]][] = [
    [[], []],
    [[dns("a")], ["a"]],
    [[dns("a"), { type: "ip", value: "127.0.0.1" }, { type: "ip", value: "::1" }, dns("b.example")], [
      "a",
      "b.example",
    ]],
    [[{ type: "email", value: "evil" }, { type: "url", value: "https://x/, DNS:evil" }], []],
    [[dns("x, DNS:evil"), dns("*.wild"), dns("Ab")], ["x, DNS:evil", "*.wild", "Ab"]],
    [[dns("l".repeat(200)), dns("m".repeat(300))], ["l".repeat(200), "m".repeat(300)]],
  ];
  for (const [names, expected] of rows) assert.deepEqual(certificateNames(await der(names)), expected);
});

Deno.test("subjectNames() tells common names, DNS names and URIs apart, each as it stands there", async () => {
  const named = async (name: string) => {
    const names = [dns("d"), { type: "url" as const, value: "spiffe://x/y" }, { type: "email" as const, value: "e" }];
    const extensions = [new SubjectAlternativeNameExtension(names)];
    const made = await X509CertificateGenerator.createSelfSigned({
      name,
      keys,
      signingAlgorithm: ALGORITHM,
      extensions,
    });
    return subjectNames(new Uint8Array(made.rawData));
  };
  const rows: [string, string[]][] = [
    ["CN=a", ["a"]],
    ["O=CN\\=b, CN=a\\, CN\\=c, OU=d", ["a, CN=c"]],
    ["CN=a, CN=b", ["a", "b"]],
    ["O=a", []],
    ["CN=\u00e9", ["\u00e9"]],
  ];
  for (const [name, cn] of rows) assert.deepEqual(await named(name), { cn, dns: ["d"], uri: ["spiffe://x/y"] });
});

Deno.test("certificateNames() throws nothing but a SyntaxError, whatever the bytes", async () => {
  const certificate = await der([dns("a"), dns("b".repeat(150))]);
  const mutated = fc.tuple(fc.nat(certificate.length), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }))
    .map(([length, edits]) => {
      const bytes = certificate.slice(0, length);
      for (const [at, value] of edits) bytes[at % bytes.length] = value;
      return bytes;
    });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 60, size: "max" })), (bytes) => {
      try {
        assert.ok(certificateNames(bytes).every((name) => typeof name === "string"));
        const { cn, dns, uri } = subjectNames(bytes);
        assert.ok([...cn, ...dns, ...uri].every((name) => typeof name === "string"));
      } catch (error) {
        assert.ok(error instanceof SyntaxError, String(error));
      }
    }),
    { numRuns: 3_000 },
  );
});
