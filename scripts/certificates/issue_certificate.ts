/**
 * Certificates: an authority, and what it signs for the members of a ring, good enough to start with.
 *
 * @module
 */

import "reflect-metadata";
import { isIP } from "node:net";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** A certificate and its private key (PKCS#8), both in PEM. */
export interface Identity {
  /** The certificate. */
  readonly cert: string;
  /** The private key. */
  readonly key: string;
}

/** For how many days an authority is good, and so at most what it signs. */
export const AUTHORITY_DAYS = 3_650;

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY_MS = 24 * 3_600_000;
/** How far clocks may be apart when a certificate is used for the first time, in milliseconds. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** Makes an authority. */
export async function makeAuthority({ now = Date.now() }: { now?: number } = {}): Promise<Identity> {
  const keys = await makeKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=Telemeter ring authority",
    keys,
    ...validity(now, AUTHORITY_DAYS),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: certificate.toString("pem") + "\n", key: await pemOf(keys.privateKey) };
}

/** Throws unless an authority's certificate can be read and its key signs for it. */
export async function mustSign({ cert, key }: Identity): Promise<void> {
  const { publicKey } = new X509Certificate(cert);
  const message = new TextEncoder().encode("telemeter");
  const signature = await crypto.subtle.sign(ALGORITHM, await readKey(key), message);
  const isItsOwn = await crypto.subtle.verify(
    ALGORITHM,
    await publicKey.export(ALGORITHM, ["verify"]),
    signature,
    message,
  );
  if (!isItsOwn) throw new Error("The private key is not that of the certificate");
}

/** Issues a certificate with which a member both listens and dials. Its subject is its name, which is also a DNS name. */
export async function issueCertificate(
  name: string,
  { authority, hosts, days, now = Date.now() }: {
    readonly authority: Identity;
    readonly hosts: readonly string[];
    readonly days: number;
    readonly now?: number;
  },
): Promise<Identity> {
  const keys = await makeKeys();
  const issuer = new X509Certificate(authority.cert);
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${name}`,
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey: await readKey(authority.key),
    ...validity(now, days),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(false),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension(
        [name, ...hosts].map((value) => ({ type: isIP(value) ? "ip" as const : "dns" as const, value })),
      ),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return { cert: certificate.toString("pem") + "\n", key: await pemOf(keys.privateKey) };
}

async function makeKeys(): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as CryptoKeyPair;
}

async function readKey(pem: string): Promise<CryptoKey> {
  return await crypto.subtle.importKey("pkcs8", PemConverter.decodeFirst(pem), ALGORITHM, false, ["sign"]);
}

async function pemOf(key: CryptoKey): Promise<string> {
  return PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY") + "\n";
}

function validity(now: number, days: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(now - CLOCK_SKEW_MS), notAfter: new Date(now + days * DAY_MS) };
}
