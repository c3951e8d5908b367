/**
 * HELLO: what each end of a link says of itself first, and whether the other can link with one who says so.
 *
 * @module
 */

import { plainText } from "../../common/plain_text.ts";
import type { FrameHeader } from "./frames.ts";
import type { Hello, RefusalCode } from "../protocol/mesh.ts";
import type { RingRefusalReason } from "./refusal_log.ts";

/** The versions of the frame format that a member speaks, from the oldest to the newest. */
export interface VersionRange {
  /** 1 to 255. */
  readonly oldest: number;
  /** From `oldest` to 255. */
  readonly newest: number;
}

/** What this program speaks. A new version is spoken by all members first, and the old one dropped by a later release. */
export const FRAME_VERSIONS: VersionRange = { oldest: 2, newest: 2 };

/** The thumbprints of the keys that a member uses for tokens. */
export interface TokenKeyIds {
  /** Of the key that it signs with. */
  readonly signing: string;
  /** Of all keys that it verifies with, at most {@linkcode MAX_KEYS}. */
  readonly verifying: readonly string[];
}

/** The most keys in a HELLO. */
export const MAX_KEYS = 16;

/** The longest of their thumbprints, in bytes. Ours have 43; with all else at its longest a HELLO fits its frame. */
export const MAX_KEY_BYTES = 64;

/** Of the sentence in a REFUSAL, in bytes. */
const MAX_MESSAGE_BYTES = 1_000;

/** All that a HELLO says. */
export interface HelloHeader extends Hello {
  /** The versions that its sender speaks. */
  readonly versions: VersionRange;
  /** The name of the cluster that it belongs to. */
  readonly cluster: string;
  /** The keys of its tokens. */
  readonly keys: TokenKeyIds;
}

/** What the peer is told when its link is refused. */
export interface RefusalHeader {
  /** Why. `duplicate`: there is a link between the two already, and that one stays. */
  readonly code: RefusalCode | "duplicate";
  /** For a person. */
  readonly message: string;
  /** With `duplicate`: who says so. */
  readonly name?: string;
}

/** Why a link is refused: the label that it is counted under, and what the peer is told. */
export interface LinkRefusal extends RefusalHeader {
  /** The counter's label; those that nobody is to blame for are not counted. */
  readonly reason: RingRefusalReason | "self" | "duplicate";
}

const REFUSAL_CODES: readonly string[] = [
  "self",
  "name-taken",
  "not-allowed",
  "other-cluster",
  "version",
  "handshake",
  "unreachable",
  "duplicate",
] satisfies RefusalHeader["code"][];

/** The header of a HELLO. */
export function writeHello(hello: HelloHeader): FrameHeader {
  const { versions: { oldest, newest }, keys: { signing, verifying }, ...rest } = hello;
  return { ...rest, versions: [oldest, newest], keys: { signing, verifying } };
}

/**
 * Reads the header of a HELLO. Fields that a later generation adds are ignored.
 *
 * @throws {SyntaxError} if a field is missing or not of its form.
 */
export function readHello(header: FrameHeader): HelloHeader {
  const { name, boot, incarnation, address, host, cluster, versions, keys } = header;
  const { signing, verifying } = asObject(keys);
  if (typeof incarnation !== "number" || !Number.isSafeInteger(incarnation) || incarnation < 0) {
    throw malformed("incarnation", "a whole number from 0 up");
  }
  if (typeof boot !== "string" || !/^[0-9a-f]{32}$/.test(boot)) throw malformed("boot", "32 hexadecimal digits");
  if (!Array.isArray(verifying) || verifying.length > MAX_KEYS) throw malformed("keys", `at most ${MAX_KEYS} keys`);
  return {
    name: readText("name", name),
    boot,
    incarnation,
    address: readText("address", address),
    host: readText("host", host),
    cluster: readText("cluster", cluster),
    versions: readVersions(versions),
    keys: { signing: readKey(signing), verifying: verifying.map(readKey) },
  };
}

/** The header of a REFUSAL. */
export function writeRefusal({ code, message, name }: RefusalHeader): FrameHeader {
  return {
    code,
    message: plainText(message, { maxBytes: MAX_MESSAGE_BYTES }),
    ...(name === undefined ? {} : { name }),
  };
}

/** Reads the header of a REFUSAL, whatever it says: the link ends all the same. */
export function readRefusal({ code, message, name }: FrameHeader): RefusalHeader {
  return {
    code: REFUSAL_CODES.includes(code as string) ? code as RefusalHeader["code"] : "unreachable",
    message: typeof message === "string" ? plainText(message, { maxBytes: MAX_MESSAGE_BYTES }) : "no reason given",
    ...(typeof name === "string" ? { name } : {}),
  };
}

/** The version that two members speak with each other: the newest that both know. */
export function commonVersion(a: VersionRange, b: VersionRange): number | undefined {
  const newest = Math.min(a.newest, b.newest);
  return newest >= Math.max(a.oldest, b.oldest) ? newest : undefined;
}

/** What {@linkcode refusalOf} knows of one who says HELLO. */
export interface HelloCheck {
  /** The HELLO. */
  readonly theirs: HelloHeader;
  /** Ours. */
  readonly ours: HelloHeader;
  /** The DNS names in the peer's certificate. */
  readonly certificateNames: readonly string[];
  /** The names that `--peer-allow` lets in; all if absent. */
  readonly peerAllow?: ReadonlySet<string>;
}

/** Why the two do not link, if they do not. The name comes first: what else a peer says counts only once that is proven. */
export function refusalOf({ theirs, ours, certificateNames, peerAllow }: HelloCheck): LinkRefusal | undefined {
  const name = quoted(theirs.name);
  if (!certificateNames.includes(theirs.name)) {
    return { code: "not-allowed", reason: "name", message: `The certificate does not have the name ${name}` };
  }
  if (theirs.boot === ours.boot) return { code: "self", reason: "self", message: "This process dialled itself" };
  if (peerAllow && !peerAllow.has(theirs.name)) {
    const message = `--peer-allow of ${ours.name} does not list ${name}`;
    return { code: "not-allowed", reason: "peer-allow", message };
  }
  if (theirs.cluster !== ours.cluster) {
    const message = `${ours.name} is in cluster ${quoted(ours.cluster)}, not ${quoted(theirs.cluster)}`;
    return { code: "other-cluster", reason: "cluster", message };
  }
  // While keys are rotated members sign with different ones, and all of them verify both.
  if (!ours.keys.verifying.includes(theirs.keys.signing) || !theirs.keys.verifying.includes(ours.keys.signing)) {
    const message = `${ours.name} and ${name} do not verify each other's tokens: check --shared-key`;
    return { code: "other-cluster", reason: "keys", message };
  }
  if (commonVersion(theirs.versions, ours.versions) === undefined) {
    const { oldest, newest } = ours.versions;
    const message =
      `${ours.name} speaks versions ${oldest} to ${newest} of the frames, not ${theirs.versions.oldest} ` +
      `to ${theirs.versions.newest}`;
    return { code: "version", reason: "version", message };
  }
  if (theirs.name === ours.name) {
    return { code: "name-taken", reason: "name-taken", message: `Another process is running as ${ours.name}` };
  }
  return undefined;
}

function quoted(text: string): string {
  return JSON.stringify(plainText(text));
}

function readVersions(value: unknown): VersionRange {
  const [oldest, newest] = Array.isArray(value) ? value : [];
  const fits = Number.isInteger(oldest) && Number.isInteger(newest) && oldest >= 1 && oldest <= newest && newest <= 255;
  if (!fits) throw malformed("versions", "a range within 1 to 255");
  return { oldest, newest };
}

function readKey(value: unknown): string {
  return readText("keys", value, MAX_KEY_BYTES);
}

function readText(field: string, value: unknown, maxBytes = 255): string {
  // No UTF-16 unit takes less than a byte.
  const fits = typeof value === "string" && value !== "" && value.length <= maxBytes &&
    new TextEncoder().encode(value).length <= maxBytes;
  if (!fits) throw malformed(field, `a text of 1 to ${maxBytes} bytes`);
  return value;
}

function asObject(value: unknown): FrameHeader {
  return typeof value === "object" && value !== null ? value as FrameHeader : {};
}

function malformed(field: string, rule: string): SyntaxError {
  return new SyntaxError(`Cannot read HELLO: its ${field} must be ${rule}`);
}
