/**
 * A certificate authority for tests: issues P-256 certificates for localhost that are good for an hour.
 *
 * @module
 */

import "reflect-metadata";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const HOUR_MS = 3_600_000;

/** A certificate and its private key (PKCS#8), both PEM. */
export interface Identity {
  /** The certificate. */
  readonly cert: string;
  /** The key. */
  readonly key: string;
}

/** Signs certificates; its own goes to those who trust it. */
export class CertificateAuthority {
  readonly #certificate: X509Certificate;
  readonly #keys: CryptoKeyPair;

  private constructor(certificate: X509Certificate, keys: CryptoKeyPair) {
    this.#certificate = certificate;
    this.#keys = keys;
  }

  /** Makes an authority of its own keys. */
  static async create(): Promise<CertificateAuthority> {
    const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    const certificate = await X509CertificateGenerator.createSelfSigned({
      name: "CN=test authority",
      keys,
      ...validity(),
      signingAlgorithm: ALGORITHM,
      extensions: [new BasicConstraintsExtension(true, undefined, true)],
    });
    return new CertificateAuthority(certificate, keys);
  }

  /** Its own certificate, PEM. */
  get cert(): string {
    return this.#certificate.toString("pem");
  }

  /** Its own certificate with its key, as a server has them that its user made an authority by mistake. */
  async itself(): Promise<Identity> {
    return { cert: this.cert, key: await pemOf(this.#keys.privateKey) };
  }

  /** Issues a certificate to `name`, for localhost, 127.0.0.1 and the hosts given. */
  async issue(
    name: string,
    { hosts = [], uris = [], uses, endsInMs = HOUR_MS }: {
      hosts?: readonly string[];
      uris?: readonly string[];
      /** What it may be used for, as object ids; for all, if that is left out. */
      uses?: readonly string[];
      endsInMs?: number;
    } = {},
  ): Promise<Identity> {
    const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    const certificate = await X509CertificateGenerator.create({
      subject: `CN=${name}`,
      issuer: this.#certificate.subject,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      ...validity(endsInMs),
      signingAlgorithm: ALGORITHM,
      extensions: [
        ...(uses === undefined ? [] : [new ExtendedKeyUsageExtension([...uses])]),
        new BasicConstraintsExtension(false),
        new SubjectAlternativeNameExtension([
          { type: "dns", value: "localhost" },
          { type: "ip", value: "127.0.0.1" },
          ...hosts.map((value) => ({ type: "dns" as const, value })),
          ...uris.map((value) => ({ type: "url" as const, value })),
        ]),
        await AuthorityKeyIdentifierExtension.create(this.#certificate),
      ],
    });
    return { cert: certificate.toString("pem"), key: await pemOf(keys.privateKey) };
  }
}

async function pemOf(key: CryptoKey): Promise<string> {
  const text = new Uint8Array(await crypto.subtle.exportKey("pkcs8", key)).toBase64();
  return `-----BEGIN PRIVATE KEY-----\n${text.replace(/.{1,64}/g, "$&\n")}-----END PRIVATE KEY-----\n`;
}

function validity(endsInMs = HOUR_MS): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() - HOUR_MS), notAfter: new Date(Date.now() + endsInMs) };
}
