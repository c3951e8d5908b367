/**
 * When the certificates end that the client trusts or shows, on its `/metrics`.
 *
 * @module
 */

// Loaded when somebody reads the metric of a client that has certificates: with what it brings along it takes 3 MB.
import defer * as crypto from "node:crypto";
import { type FamilyRegistry, metricOf } from "../common/exposition/family_registry.ts";
import { eachCertificate } from "../common/pem.ts";
import type { HttpClients } from "./http_client.ts";

/** Registers the metric of the certificates that the clients of both sides use now. */
export function addCertificateMetrics(
  registry: FamilyRegistry,
  clients: () => readonly Pick<HttpClients, "certificates">[],
): void {
  registry.read(() => ({
    name: "telemeter_certificate_expiry_timestamp_seconds",
    help: "When a certificate that the client uses ends; of several in one file, the first that does",
    type: "gauge",
    metrics: Array.from(
      new Map(clients().flatMap((of) => [...of.certificates()])),
      ([file, pem]) => metricOf({ file }, endsMs(pem) / 1_000),
    ),
  }));
}

function endsMs(pem: string): number {
  const ends: number[] = [];
  eachCertificate(pem, (text) => void ends.push(new crypto.X509Certificate(text).validToDate.getTime()));
  return Math.min(...ends);
}
