/**
 * A folder of certificates: an authority's, and those of the members of a ring.
 *
 * @module
 */

import { isIP } from "node:net";
import { join } from "node:path";
import { onNamedPath, UnreadableFileError } from "../../common/named_path.ts";
import { UsageError } from "../../common/options.ts";
import { readRegularFile } from "../../common/regular_file.ts";
import { type Identity, issueCertificate, makeAuthority, mustSign } from "./issue_certificate.ts";

const HOST_NAME = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/i;

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
 * half of the authority is missing or it cannot sign, in all of which nothing is written; or if the folder refuses.
 */
export async function makeCertificates(plan: CertificatePlan): Promise<string[]> {
  return await onNamedPath(`Cannot make certificates in '${plan.dir}'`, () => fillFolder(plan));
}

async function fillFolder({ dir, names: named, hosts, days, force = false }: CertificatePlan): Promise<string[]> {
  const names = new Set(named);
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
  if (cert !== undefined && key !== undefined) {
    try {
      await mustSign({ cert, key });
    } catch (cause) {
      const wanted = "an authority's certificate and its private key, P-256 in PKCS#8, both in PEM";
      throw new UsageError(`Cannot sign with the authority in '${dir}': ca.crt and ca.key are not ${wanted}`, {
        cause,
      });
    }
    return { cert, key };
  }
  if (cert === undefined && key === undefined) return undefined;
  const [there, missing] = cert === undefined ? ["ca.key", "ca.crt"] : ["ca.crt", "ca.key"];
  throw new UsageError(
    `Cannot sign with the authority in '${dir}': it has ${there} but no ${missing}; put that beside it`,
  );
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return new TextDecoder().decode(await readRegularFile(path));
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw new UsageError(new UnreadableFileError(path, cause).message, { cause });
  }
}

/** Replaces a file whole, as a program may be watching it. */
async function replaceFile(path: string, text: string, { mode }: { mode: number }): Promise<void> {
  // What an earlier run left behind would keep its own mode.
  await Deno.remove(`${path}.new`).catch(() => {});
  await Deno.writeTextFile(`${path}.new`, text, { mode, createNew: true });
  await Deno.rename(`${path}.new`, path);
}
