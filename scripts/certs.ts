/**
 * Makes a certificate authority and the certificates of cluster members, good enough to start with.
 *
 * @module
 */

import "reflect-metadata";
import { isIP } from "node:net";
import { join } from "node:path";
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
import {
  count,
  directory,
  flag,
  names,
  type OptionTable,
  parseOptions,
  type Program,
  UsageError,
} from "../common/options.ts";

/** The option table. */
export const CERTS_OPTIONS = {
  dir: {
    kind: directory,
    default: "certs/",
    help: "Where the files go; an authority that is there already signs again",
    since: "0.1.0",
    why: "Keep the authority's key away from the servers: ca.key signs whom you like",
  },
  name: {
    kind: names,
    required: true,
    help: "Members, as --name calls them, each of which gets NAME.crt and NAME.key; repeatable",
    since: "0.1.0",
    why: "One for each server",
  },
  host: {
    kind: names,
    default: "localhost,127.0.0.1",
    help: "Host names and IP addresses for which the members' certificates are good besides their names; repeatable",
    since: "0.1.0",
    why: "Name every host and address under which clients and other servers dial",
  },
  days: {
    kind: count,
    default: "365",
    help: "For how many days the members' certificates are good",
    since: "0.1.0",
    why: "Renew less often, or make a leaked key worthless sooner",
  },
  force: {
    kind: flag,
    help: "Replace certificates and keys of members that are there; never the authority",
    since: "0.1.0",
    why: "Renew certificates: running servers pick up the new files by themselves",
  },
} as const satisfies OptionTable;

/** The program as `--help` and `docs/configuration.md` show it. */
export const CERTS: Program<typeof CERTS_OPTIONS> = {
  name: "certs",
  summary: "Makes a certificate authority, ca.crt and ca.key, and the certificates of cluster members.",
  options: CERTS_OPTIONS,
};

/** A certificate and its private key (PKCS#8), both in PEM. */
export interface Identity {
  /** The certificate. */
  readonly cert: string;
  /** The private key. */
  readonly key: string;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const HOST_NAME = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/i;
const DAY_MS = 24 * 3_600_000;
const AUTHORITY_DAYS = 3_650;
/** How far clocks may be apart when a certificate is used for the first time, in milliseconds. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** Makes an authority. */
export async function makeAuthority({ now = Date.now() }: { now?: number } = {}): Promise<Identity> {
  const keys = await makeKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=Telemeter cluster authority",
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

/** What {@linkcode makeCertificates} makes. */
export interface CertificatePlan {
  /** The folder; it is made if need be. */
  readonly dir: string;
  /** The members. */
  readonly names: readonly string[];
  /** The host names and IP addresses for which each member's certificate is good besides its name. */
  readonly hosts: readonly string[];
  /** For how many days. */
  readonly days: number;
  /**
   * Whether members' files that are there are replaced. A program that watches them takes the new ones up.
   *
   * @default {false}
   */
  readonly force?: boolean;
}

/**
 * Writes the certificates of members into a folder, and an authority unless there is one, which signs again otherwise.
 * Returns the paths it wrote. Keys are for their owner's eyes only (mode 0600).
 *
 * @throws {UsageError} if a name is no host name, is also one of the hosts, or has files already without `force`, or
 * half of the authority is missing; then nothing is written.
 */
export async function makeCertificates({ dir, names, hosts, days, force = false }: CertificatePlan): Promise<string[]> {
  for (const host of hosts) {
    if (!HOST_NAME.test(host) && !isIP(host)) throw unfit(host, "a host is a host name or an IP address");
  }
  for (const name of names) {
    if (!HOST_NAME.test(name) || isIP(name) || name === "ca") throw unfit(name, "a name is a host name, and not ca");
    // A member may call itself by any name that is in its certificate.
    if (hosts.includes(name)) {
      throw new UsageError(
        `Cannot make certificates with the host '${name}': all members could pose as the one named so`,
      );
    }
    if (force || !(await exists(join(dir, `${name}.crt`)) || await exists(join(dir, `${name}.key`)))) continue;
    throw new UsageError(`Cannot overwrite the certificate of '${name}' in '${dir}': --force replaces it`);
  }
  const existing = await readAuthority(dir);
  await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
  const written: string[] = [];
  const write = async (name: string, { cert, key }: Identity) => {
    await replaceFile(join(dir, `${name}.key`), key, { mode: 0o600 });
    await replaceFile(join(dir, `${name}.crt`), cert, { mode: 0o644 });
    written.push(join(dir, `${name}.crt`), join(dir, `${name}.key`));
  };
  const authority = existing ?? await makeAuthority();
  if (existing === undefined) await write("ca", authority);
  for (const name of names) await write(name, await issueCertificate(name, { authority, hosts, days }));
  return written;
}

function unfit(name: string, rule: string): UsageError {
  return new UsageError(`Cannot make a certificate for '${name}': ${rule}`);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, (error) => {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  });
}

/** The authority of the folder, if there is one. */
async function readAuthority(dir: string): Promise<Identity | undefined> {
  const [cert, key] = await Promise.all(["crt", "key"].map((kind) => readIfThere(join(dir, `ca.${kind}`))));
  if (cert !== undefined && key !== undefined) return { cert, key };
  if (cert === undefined && key === undefined) return undefined;
  const [there, missing] = cert === undefined ? ["ca.key", "ca.crt"] : ["ca.crt", "ca.key"];
  throw new UsageError(
    `Cannot sign with the authority in '${dir}': it has ${there} but no ${missing}; put that beside it`,
  );
}

async function readIfThere(path: string): Promise<string | undefined> {
  return await Deno.readTextFile(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  });
}

/** Replaces a file whole, as a program may be watching it. */
async function replaceFile(path: string, text: string, { mode }: { mode: number }): Promise<void> {
  // What an earlier run left behind would keep its own mode.
  await Deno.remove(`${path}.new`).catch(() => {});
  await Deno.writeTextFile(`${path}.new`, text, { mode, createNew: true });
  await Deno.rename(`${path}.new`, path);
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

async function main(): Promise<number> {
  const print = (text: string) => void Deno.stdout.writeSync(new TextEncoder().encode(text));
  try {
    const parsed = parseOptions(CERTS, Deno.args);
    if ("help" in parsed) {
      print(parsed.help);
      return 0;
    }
    const { name, host, ...plan } = parsed.values;
    for (const path of await makeCertificates({ ...plan, names: name, hosts: host })) print(`${path}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    Deno.stderr.writeSync(new TextEncoder().encode(`certs: ${error.message}\n`));
    return 2;
  }
}

if (import.meta.main) Deno.exit(await main());
