/**
 * A server's TLS identity: a certificate and its private key in PEM files that are replaced while the program runs.
 *
 * @module
 */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { messageOf } from "./explain.ts";
import type { Logger } from "./log.ts";
import { fileUsageError } from "./named_path.ts";
import { UsageError } from "./options.ts";
import { eachCertificate, privateKeyFault } from "./pem.ts";
import { WatchedFile } from "./watched_file.ts";
import { WatchedValue } from "./watched_value.ts";

/** A certificate (with what it is signed by, if need be) and its private key, in PEM. */
export interface TlsPair {
  /** The certificate chain, the server's own first. */
  readonly cert: string;
  /** The private key of the first certificate. */
  readonly key: string;
}

/** Where a {@linkcode TlsIdentity} comes from and how it is kept current. */
export interface TlsIdentityOptions {
  /** The file of the certificate chain. */
  readonly certPath: string;
  /** The file of the private key. */
  readonly keyPath: string;
  /** The flags that name the two files, for messages. */
  readonly flags: { readonly cert: string; readonly key: string };
  /**
   * How often the files are looked at.
   *
   * @default {10_000}
   */
  readonly intervalMs?: number;
  /** Gets a line for each change that is taken up, and one for each that cannot be. */
  readonly log: Logger;
  /**
   * Runs a task again and again until the returned function is called.
   *
   * @default a timer that does not keep the process alive
   */
  readonly every?: (task: () => void, intervalMs: number) => () => void;
}

/** The oldest TLS version that our listeners speak. */
export const TLS_MIN_VERSION = "TLSv1.2";

/**
 * A certificate and key that follow their files. A pair that cannot be used leaves the one before in place, with one
 * line in the log; so do the moments in which only one of two files is replaced.
 */
export type TlsIdentity = WatchedValue<TlsPair>;

/**
 * Reads and checks a certificate and key, and follows their files.
 *
 * @throws {UsageError} if a file cannot be read, or certificate and key cannot be used or do not belong together.
 */
export async function loadTlsIdentity(options: TlsIdentityOptions): Promise<TlsIdentity> {
  const { certPath, keyPath, flags, intervalMs = 10_000, log, every } = options;
  try {
    return await WatchedValue.open({
      files: [flaggedFile(certPath, flags.cert), flaggedFile(keyPath, flags.key)],
      parse: (cert, key) => checkPair({ cert, key }, options),
      onTakenUp: ({ cert }) => {
        const { subject, validTo } = new X509Certificate(cert);
        log.info("Took up a changed TLS certificate", { file: certPath, subject, validTo });
      },
      onFault: (error) =>
        log.warn("Cannot use a changed TLS certificate or key: the one before stays in use", { error }),
      intervalMs,
      every,
    });
  } catch (cause) {
    throw new UsageError(messageOf(cause), { cause });
  }
}

/** A file whose errors begin with the flag that names it. */
function flaggedFile(path: string, flag: string): Pick<WatchedFile, "text"> {
  const file = new WatchedFile(path);
  return {
    text: () =>
      file.text().catch((cause) => {
        throw fileUsageError(cause, { flag, path });
      }),
  };
}

/** Throws a sentence that names flag and file at fault and never quotes what is in it. */
function checkPair({ cert, key }: TlsPair, { certPath, keyPath, flags }: TlsIdentityOptions): TlsPair {
  const certFault = `Bad ${flags.cert} '${certPath}'`;
  attempt(() => eachCertificate(cert, (certificate) => void new X509Certificate(certificate)), certFault);
  const privateKey = attempt(
    () => createPrivateKey(key),
    `Bad ${flags.key} '${keyPath}'`,
    () => privateKeyFault(key),
  );
  if (!new X509Certificate(cert).checkPrivateKey(privateKey)) {
    throw new Error(`${certFault}: the private key of ${flags.key} '${keyPath}' does not belong to it`);
  }
  // The TLS library reads fewer kinds of keys than node:crypto does, and only its client says so before a handshake.
  attempt(
    () => Deno.createHttpClient({ cert, key }).close(),
    certFault,
    () => "its key must be RSA, P-256, P-384 or P-521",
  );
  return { cert, key };
}

/** Does something with a file, whose fault is told as `reasonOf` has it. */
function attempt<T>(work: () => T, where: string, reasonOf: (error: unknown) => string = messageOf): T {
  try {
    return work();
  } catch (cause) {
    throw new Error(`${where}: ${reasonOf(cause)}`, { cause });
  }
}
