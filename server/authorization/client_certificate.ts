/**
 * Whose a client's certificate is, and for how long.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import { isForClients, subjectNames } from "../../common/certificate_names.ts";
import type { CertificateRule } from "./certificate_rule.ts";

/** Whom a certificate names, and how long it is good. */
export interface CertificateIdentity {
  /** The cluster's id. */
  readonly id: string;
  /** From when on it is good, in milliseconds since the epoch. */
  readonly fromMs: number;
  /** When it ends, in milliseconds since the epoch. */
  readonly endsMs: number;
}

/**
 * Finds the cluster that a certificate is of, which an authority of clients has signed; undefined if it names none by the rule, or
 * several, or is an authority's, or one for servers alone.
 */
export function identityIn(der: Uint8Array, rule: CertificateRule): CertificateIdentity | undefined {
  try {
    const id = rule.idIn(subjectNames(der)), certificate = new X509Certificate(der);
    if (id === undefined || certificate.ca || !isForClients(der)) return undefined;
    const fromMs = Date.parse(certificate.validFrom), endsMs = Date.parse(certificate.validTo);
    // What nobody can read would never end.
    return Number.isNaN(fromMs) || Number.isNaN(endsMs) ? undefined : { id, fromMs, endsMs };
  } catch {
    // It was good enough for the handshake, and is not for us.
    return undefined;
  }
}
