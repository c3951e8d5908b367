import assert from "node:assert/strict";
import { certificatesIn, eachCertificate, privateKeyFault } from "../../common/pem.ts";

const one = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
const two = "-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----";
const key = "-----BEGIN PRIVATE KEY-----\nCCCC\n-----END PRIVATE KEY-----";

const texts: [what: string, text: string, certificates: string[]][] = [
  ["nothing", "", []],
  ["a key", key, []],
  ["one certificate", one, [one]],
  ["certificates between comments and keys", `# one\n${one}\n${key}\n# two\r\n${two}\n`, [one, two]],
  ["certificates without a line break between", one + two, [one, two]],
  ["one whose end is missing", `${one.replace(/-----END.*/, "")}${two}`, ["-----BEGIN CERTIFICATE-----\nAAAA\n", two]],
  ["one that breaks off", `${one}\n${two.slice(0, 30)}`, [one, two.slice(0, 30)]],
];

for (const [what, text, certificates] of texts) {
  Deno.test(`certificatesIn() finds ${certificates.length} in ${what}`, () => {
    assert.deepEqual(certificatesIn(text), certificates);
  });
}

Deno.test("eachCertificate() names the one that cannot be read by its number, and quotes nothing", () => {
  const read = (certificate: string) => {
    if (certificate.includes("BBBB")) throw new Error("bad encoding of BBBB");
  };
  assert.deepEqual(eachCertificate(`${one}\n${one}`, read), [one, one]);
  const fault = (text: string, message: string) =>
    assert.throws(() => eachCertificate(text, read), { name: "SyntaxError", message });
  fault(`${one}\n${two}\n${one}`, "certificate 2 of 3 is garbled");
  fault(two, "its certificate is garbled");
  fault(key, "it holds no certificate in PEM: name a file that has a line -----BEGIN CERTIFICATE-----");
});

const keys: [what: string, text: string, fault: string][] = [
  ["nothing", "", "it holds no private key in PEM: name a file that has a line -----BEGIN PRIVATE KEY-----"],
  ["a certificate", one, "it holds no private key in PEM: name a file that has a line -----BEGIN PRIVATE KEY-----"],
  [
    "a public key",
    key.replaceAll("PRIVATE", "PUBLIC"),
    "it holds no private key in PEM: name a file that has a line -----BEGIN PRIVATE KEY-----",
  ],
  ["a key", key, "its private key is garbled, or of a kind that is not known"],
  ["a key that breaks off", key.slice(0, 30), "its private key is garbled, or of a kind that is not known"],
  [
    "a key of SEC1",
    key.replaceAll("PRIVATE", "EC PRIVATE"),
    "its private key is garbled, or of a kind that is not known",
  ],
  [
    "an encrypted key",
    key.replaceAll("PRIVATE", "ENCRYPTED PRIVATE"),
    "its private key is encrypted: decrypt it with 'openssl pkey'",
  ],
  [
    "an encrypted key of PKCS#1",
    "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n",
    "its private key is encrypted: decrypt it with 'openssl pkey'",
  ],
];

for (const [what, text, fault] of keys) {
  Deno.test(`privateKeyFault() says of ${what} that ${fault}`, () => assert.equal(privateKeyFault(text), fault));
}
