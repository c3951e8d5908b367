/**
 * What a member of a ring tells the others of itself.
 *
 * @module
 */

import { isThisMachine } from "../../common/http/addresses.ts";
import { isHost } from "../../common/http/request_target.ts";
import { urlOf } from "../../common/http/listener.ts";
import { type Awaited, AWAITED_FOR } from "../../ring/protocol/awaited.ts";
import { plainText } from "../../common/plain_text.ts";
import type { CertificateStatus } from "../api/status.ts";
import { WRITE_VERSIONS } from "../../common/remote_write/write_fields.ts";
import { SINK_STATES, type SinkReport } from "../sinks/sink.ts";
import type { RunningRingStatus } from "./open_ring.ts";

/** Where the internal listener of a member listens. */
export interface InternalAddress {
  /** As `--listen-internal` has it. */
  readonly hostname: string;
  /** The port that it has got. */
  readonly port: number;
  /** Whether it speaks TLS. */
  readonly secure: boolean;
}

/** What a member says of itself: how it sees the ring, and what the others cannot see. */
export interface MemberReport extends RunningRingStatus {
  /** The certificates that it uses. Members of before do not tell. */
  readonly certificates?: readonly CertificateStatus[];
  /** The sinks that it forwards to. Members of before do not tell. */
  readonly sinks?: readonly SinkReport[];
  /** Where its pages are; not known while it starts, and of members of before. */
  readonly internal?: InternalAddress;
}

/** Whether this is what a member says of itself, as far as others go by it. What came with later versions is checked by itself. */
export function isMemberReport(value: unknown): value is MemberReport {
  const { view, closed, clusters, transfers } = Object(value);
  const { owned, standby, foreign } = Object(clusters), { owed, copies } = Object(transfers);
  return typeof Object(view).digest === "string" &&
    (closed === undefined || typeof Object(closed).message === "string") &&
    [owned, standby, foreign, owed, copies].every(Number.isFinite);
}

/** The most members of which a member tells something. */
const MAX_TOLD = 100;

/** For whom a member says that it waits; nobody if it does not, or says something else. */
export function awaitedOf({ waitsFor }: { readonly waitsFor?: unknown }): Awaited[] {
  if (!Array.isArray(waitsFor)) return [];
  const told = waitsFor.filter((each): each is Awaited => {
    const { member, why } = Object(each);
    return typeof member === "string" && AWAITED_FOR.includes(why);
  });
  return told.slice(0, MAX_TOLD).map(({ member, why }) => ({ member: plainText(member), why }));
}

/** What a member has left to hand over, and to whom as far as it tells. */
export function transfersOf({ transfers }: Pick<MemberReport, "transfers">): MemberReport["transfers"] {
  const { owed, copies, owedTo } = transfers;
  const told = Object.entries(Object(owedTo)).filter((each): each is [string, number] => Number.isFinite(each[1]));
  if (told.length === 0) return { owed, copies };
  return { owed, copies, owedTo: Object.fromEntries(told.slice(0, MAX_TOLD).map(([name, n]) => [plainText(name), n])) };
}

/** A member as another one knows it. */
export interface KnownMember {
  /** Where it can be dialled, `HOST:PORT`. */
  readonly address: string;
  /** The machine that it runs on. */
  readonly host: string;
}

/** The certificates of a member that are shown: it uses five at most. */
const MAX_CERTIFICATES = 10;

/** The certificates that a member tells of; undefined if it does not, or tells something else. */
export function certificatesOf({ certificates }: { readonly certificates?: unknown }): CertificateStatus[] | undefined {
  if (!Array.isArray(certificates) || !certificates.every(isCertificate)) return undefined;
  return certificates.slice(0, MAX_CERTIFICATES).map(({ flag, file, subject, ends, days }) => {
    return { flag: plainText(flag), file: plainText(file), subject: plainText(subject), ends, days };
  });
}

function isCertificate(value: unknown): value is CertificateStatus {
  const { flag, file, subject, ends, days } = Object(value);
  return [flag, file, subject].every((text) => typeof text === "string") && isTime(ends) && Number.isFinite(days);
}

/** The sinks of a member that are shown. */
const MAX_SINKS = 100;

/** The sinks that a member tells of; undefined if it does not, or tells something else. */
export function sinksOf({ sinks }: { readonly sinks?: unknown }): SinkReport[] | undefined {
  if (!Array.isArray(sinks) || !sinks.every(isSink)) return undefined;
  return sinks.slice(0, MAX_SINKS).map(({ lastSuccess, lastFailure, ...sink }) => {
    const { url, state, version, waiting, lagSeconds, sent, dropped, conflated } = sink;
    return {
      ...{ url: plainText(url), state, version, waiting, lagSeconds },
      ...lastSuccess !== undefined && { lastSuccess },
      ...lastFailure !== undefined && { lastFailure: failureOf(lastFailure) },
      ...{ sent, dropped, conflated },
    };
  });
}

function failureOf({ at, why, advice }: NonNullable<SinkReport["lastFailure"]>): SinkReport["lastFailure"] {
  return { at, why: plainText(why), ...advice !== undefined && { advice: plainText(advice) } };
}

function isSink(value: unknown): value is SinkReport {
  const { url, state, version, waiting, lagSeconds, lastSuccess, lastFailure, sent, dropped, conflated } = Object(
    value,
  );
  return typeof url === "string" && SINK_STATES.includes(state) && WRITE_VERSIONS.includes(version) &&
    [waiting, lagSeconds, sent, dropped, conflated].every((number) => Number.isFinite(number) && number >= 0) &&
    (lastSuccess === undefined || isTime(lastSuccess)) &&
    (lastFailure === undefined || isFailure(lastFailure));
}

function isFailure(value: unknown): boolean {
  const { at, why, advice } = Object(value);
  return isTime(at) && typeof why === "string" && (advice === undefined || typeof advice === "string");
}

function isTime(value: unknown): boolean {
  return typeof value === "string" && value.length < 40 && !Number.isNaN(Date.parse(value));
}

const WILDCARDS: ReadonlySet<string> = new Set(["", "0.0.0.0", "::"]);

/**
 * Where a reader of this member's pages finds those of another one; undefined where that cannot be known. One that listens on all
 * its addresses is reached by the one that the ring dials; one that listens for its own machine alone is reached from there.
 */
export function pagesOf(
  internal: InternalAddress | undefined,
  { member, own }: { readonly member: KnownMember; readonly own: KnownMember },
): string | undefined {
  if (internal === undefined) return undefined;
  const { hostname, port, secure } = internal;
  if (typeof hostname !== "string" || !(Number.isInteger(port) && port > 0 && port < 65_536)) return undefined;
  if (isThisMachine(hostname) && member.host !== own.host) return undefined;
  const dialled = URL.parse(`http://${member.address}`)?.hostname.replace(/^\[(.*)\]$/, "$1");
  const reached = WILDCARDS.has(hostname) ? dialled : hostname;
  // A link leads there, whatever another member says.
  if (reached === undefined || !isHost(reached.includes(":") ? `[${reached}]` : reached)) return undefined;
  return urlOf({ secure: secure === true, hostname: reached, port }).origin;
}
