/**
 * The certificates that the server shows to others and trusts, and when they end.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import { Gauge } from "prom-client";
import type { Registry } from "../common/metrics.ts";
import type { Authorities } from "../common/authorities.ts";
import { eachCertificate } from "../common/pem.ts";
import type { TlsIdentity } from "../common/tls.ts";
import type { RunningRing } from "./ring/open_ring.ts";
import type { ServerSettings } from "./settings.ts";

/** A certificate in use. */
export interface UsedCertificate {
  /** The flag that names its file. */
  readonly flag: string;
  /** Its file. */
  readonly file: string;
  /** What is in force of it now, in PEM; it may hold several certificates. */
  readonly pem: () => string;
}

/** When a certificate ends. */
export interface CertificateReport {
  /** The flag that names its file. */
  readonly flag: string;
  /** Its file. */
  readonly file: string;
  /** Whose it is. */
  readonly subject: string;
  /** When it ends, in milliseconds since the epoch; of several in one file, the first that does. */
  readonly endsMs: number;
}

/** Reports on certificates. Those of one file are one: what they are for ends with the first of them. */
export function reportCertificates(used: readonly UsedCertificate[]): CertificateReport[] {
  return used.map(({ flag, file, pem }) => {
    const found: X509Certificate[] = [];
    eachCertificate(pem(), (certificate) => void found.push(new X509Certificate(certificate)));
    return { flag, file, subject: found[0].subject, endsMs: Math.min(...found.map(({ validToDate }) => +validToDate)) };
  });
}

/** Tells on /metrics when certificates end. */
export function watchCertificates(used: readonly UsedCertificate[], { registry }: { registry: Registry }): void {
  if (used.length === 0) return;
  new Gauge({
    name: "telemeter_certificate_expiry_timestamp_seconds",
    help: "When a certificate that the server uses ends; of several in one file, the first that does",
    labelNames: ["file"],
    registers: [registry],
    collect() {
      for (const { file, endsMs } of reportCertificates(used)) this.set({ file }, endsMs / 1_000);
    },
  });
}

/** The settings that name certificates. */
export type CertificateSettings = Pick<ServerSettings, "tls" | "clientCa" | "internalTls" | "ring" | "sinks">;

/** The certificates that others get to see, and those of the authorities by which others are known. */
export function usedCertificates(
  { tls, clientCa, internalTls, ring, sinks }: CertificateSettings,
  running: {
    externalTls?: TlsIdentity;
    clientAuthorities?: Authorities;
    internalTls?: TlsIdentity;
    ring?: RunningRing;
  },
): UsedCertificate[] {
  const used: UsedCertificate[] = [];
  const add = (files: { certPath: string; flags: { cert: string } }, pem: () => string) =>
    used.push({ flag: files.flags.cert, file: files.certPath, pem });
  if (tls !== undefined) add(tls, () => running.externalTls!.current.cert);
  if (clientCa !== undefined) {
    used.push({ flag: "--client-ca", file: clientCa, pem: () => running.clientAuthorities!.current });
  }
  if (internalTls !== undefined) add(internalTls, () => running.internalTls!.current.cert);
  if (ring !== undefined) {
    add({ certPath: ring.files.certPath, flags: { cert: "--cluster-crt" } }, () => running.ring!.certificate());
    used.push({ flag: "--cluster-ca", file: ring.files.caPath, pem: () => running.ring!.authorities() });
  }
  used.push(...sinks?.certificates ?? []);
  return used;
}
