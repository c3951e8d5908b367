import assert from "node:assert/strict";
import "reflect-metadata";
import { createHash, generateKeyPairSync, type KeyObject } from "node:crypto";
import { X509CertificateGenerator } from "@peculiar/x509";
import { UsageError } from "../../../common/options.ts";
import {
  generateSigningKey,
  openTokenKeys,
  readSigningKey,
  readVerifyingKey,
} from "../../../server/authorization/token_keys.ts";

import { recordingLog } from "../../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const curve = (namedCurve: string) => generateKeyPairSync("ec", { namedCurve });
const rsa = (modulusLength: number) => generateKeyPairSync("rsa", { modulusLength });
const privatePem = (key: KeyObject, type: "pkcs8" | "pkcs1" | "sec1") => key.export({ type, format: "pem" }).toString();

/** RFC 7638 section 3, written out: the required members in the order of their names. */
function thumbprint(key: KeyObject): string {
  const { kty, crv, x, y, e, n } = key.export({ format: "jwk" });
  const members = kty === "RSA" ? { e, kty, n } : { crv, kty, x, y };
  return createHash("sha256").update(JSON.stringify(members)).digest("base64url");
}

Deno.test("readSigningKey() reads PKCS#8, PKCS#1 and SEC1, and binds each key to one algorithm", async () => {
  const pairs = [
    ["ES256", curve("P-256"), ["pkcs8", "sec1"]],
    ["ES384", curve("P-384"), ["pkcs8", "sec1"]],
    ["ES512", curve("P-521"), ["pkcs8", "sec1"]],
    ["RS256", rsa(2_048), ["pkcs8", "pkcs1"]],
  ] as const;
  for (const [algorithm, { privateKey, publicKey }, types] of pairs) {
    for (const type of types) {
      const key = await readSigningKey(privatePem(privateKey, type));
      assert.equal(key.algorithm, algorithm);
      assert.equal(key.id, thumbprint(publicKey));
      assert.equal(key.privateKey.extractable, false);
    }
  }
});

Deno.test("readSigningKey() finds the key behind what openssl writes before it", async () => {
  const { privateKey, publicKey } = curve("P-256");
  const parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
  const key = await readSigningKey("a comment\n" + parameters + privatePem(privateKey, "sec1"));
  assert.equal(key.id, thumbprint(publicKey));
});

Deno.test("readVerifyingKey() reads a public key, a certificate and the public half of a private key", async () => {
  const { privateKey, publicKey } = curve("P-256");
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=signer",
    keys: pair as CryptoKeyPair,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
  });
  assert.equal(
    (await readVerifyingKey(publicKey.export({ type: "spki", format: "pem" }).toString())).id,
    thumbprint(publicKey),
  );
  assert.equal((await readVerifyingKey(privatePem(privateKey, "sec1"))).id, thumbprint(publicKey));
  assert.equal((await readVerifyingKey(certificate.toString("pem"))).algorithm, "ES256");
  const { publicKey: rsaKey } = rsa(2_048);
  assert.equal(
    (await readVerifyingKey(rsaKey.export({ type: "pkcs1", format: "pem" }).toString())).id,
    thumbprint(rsaKey),
  );
});

Deno.test("readSigningKey() refuses what signs no tokens, with a sentence that quotes nothing of it", async () => {
  const good = privatePem(curve("P-256").privateKey, "pkcs8");
  const encrypted = curve("P-256").privateKey
    .export({ type: "pkcs8", format: "pem", cipher: "aes-128-cbc", passphrase: "x" }).toString();
  const encryptedOldStyle = good.replaceAll("PRIVATE", "EC PRIVATE").replace("\n", "\nProc-Type: 4,ENCRYPTED\n");
  const bad: readonly [pem: string, message: RegExp][] = [
    ["", /find a private key/],
    ["a secret that is not PEM", /find a private key/],
    [curve("P-256").publicKey.export({ type: "spki", format: "pem" }).toString(), /find a private key/],
    [good.slice(0, 100), /find a private key/],
    [good.replace(/\n\w{20}/, "\nAAAAAAAAAAAAAAAAAAAA"), /damaged/],
    [privatePem(rsa(1_024).privateKey, "pkcs1"), /less than 2048 bits/],
    [privatePem(generateKeyPairSync("ed25519").privateKey, "pkcs8"), /P-256, P-384, P-521 or RSA/],
    [privatePem(curve("secp256k1").privateKey, "pkcs8"), /P-256, P-384, P-521 or RSA/],
    [encrypted, /encrypted/],
    [encryptedOldStyle, /encrypted/],
  ];
  for (const [pem, message] of bad) {
    await assert.rejects(readSigningKey(pem), (error: Error) => {
      assert(error instanceof SyntaxError, `${error.stack}`);
      assert.match(error.message, message);
      for (const line of pem.split("\n")) assert(line.length < 20 || !error.message.includes(line), "quotes the key");
      return true;
    });
  }
});

Deno.test("generateSigningKey() makes another key each time", async () => {
  const [a, b] = [await generateSigningKey(), await generateSigningKey()];
  assert.notEqual(a.id, b.id);
  assert.equal(a.algorithm, "ES256");
});

Deno.test("openTokenKeys() signs with --shared-key and verifies with that and each --verify-key", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [shared, ...others] = [curve("P-256"), curve("P-256"), curve("P-384")];
    await Deno.writeTextFile(`${folder}/key.pem`, privatePem(shared.privateKey, "sec1"), { mode: 0o600 });
    const verifyKeys = [];
    for (const [i, { publicKey }] of others.entries()) {
      verifyKeys.push(`${folder}/${i}.pem`);
      await Deno.writeTextFile(`${folder}/${i}.pem`, publicKey.export({ type: "spki", format: "pem" }).toString());
    }
    const { log, records } = recordingLog();
    const { signing, verifying } = await openTokenKeys({ sharedKey: `${folder}/key.pem`, verifyKeys, log });
    assert.equal(signing.id, thumbprint(shared.publicKey));
    assert.deepEqual(verifying.map(({ id }) => id), [shared, ...others].map(({ publicKey }) => thumbprint(publicKey)));
    assert.deepEqual(records, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("openTokenKeys() makes a key without --shared-key, and says what that means", async () => {
  const { log, records } = recordingLog();
  const { signing, verifying } = await openTokenKeys({ verifyKeys: [], log });
  assert.deepEqual(verifying, [signing]);
  assert.equal(records[0].level, "warn");
  assert.match(records[0].sentence, /valid until this process ends/);
});

Deno.test("openTokenKeys() names the flag and the file that are bad", async () => {
  const path = await Deno.makeTempFile();
  try {
    const { log } = recordingLog();
    const missing = `${path}.missing`;
    for (
      const [bad, fault] of [[path, ` '${path}': `], [
        missing,
        `: Cannot read '${missing}': there is no such file: make it, or name another`,
      ]]
    ) {
      for (
        const [flag, files] of [["--shared-key", { sharedKey: bad, verifyKeys: [] }], ["--verify-key", {
          verifyKeys: [bad],
        }]] as const
      ) {
        await assert.rejects(openTokenKeys({ ...files, log }), (error) => {
          return error instanceof UsageError && error.message.startsWith(`Bad ${flag}${fault}`);
        });
      }
    }
  } finally {
    await Deno.remove(path);
  }
});
