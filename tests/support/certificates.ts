/**
 * Certificates for tests, made in memory.
 *
 * @module
 */

import "reflect-metadata";
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from "@peculiar/x509";

/** A certificate and its private key, in PEM. */
export interface TestCertificate {
  /** The certificate, which stands for itself: clients that trust it trust no other. */
  readonly cert: string;
  /** The private key, PKCS#8. */
  readonly key: string;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** Makes a self-signed server certificate for localhost, with `name` as its common name. */
export async function makeCertificate(name: string): Promise<TestCertificate> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as CryptoKeyPair;
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    extensions: [
      new SubjectAlternativeNameExtension([{ type: "dns", value: "localhost" }, { type: "ip", value: "127.0.0.1" }]),
    ],
  });
  return { cert: certificate.toString("pem"), key: await pemOf(keys.privateKey) };
}

async function pemOf(key: CryptoKey): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.exportKey("pkcs8", key));
  return `-----BEGIN PRIVATE KEY-----\n${bytes.toBase64().replace(/.{64}/g, "$&\n")}\n-----END PRIVATE KEY-----\n`;
}
