/**
 * A server's TLS identity: a certificate and its private key in PEM files that are replaced while the program runs.
 *
 * @module
 */

import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Logger } from "./log.ts";
import { UsageError } from "./options.ts";
import { WatchedFile } from "./watched_file.ts";

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
export class TlsIdentity implements Disposable {
  readonly #cert: WatchedFile;
  readonly #key: WatchedFile;
  readonly #log: Logger;
  readonly #stop: () => void;
  readonly #listeners = new Set<(pair: TlsPair) => void>();
  #pair: TlsPair;
  #complaint = "";
  #checking: Promise<void> | undefined;

  private constructor(
    pair: TlsPair,
    { certPath, keyPath, intervalMs = 10_000, log, every = daemon }: TlsIdentityOptions,
  ) {
    this.#pair = pair;
    this.#cert = new WatchedFile(certPath);
    this.#key = new WatchedFile(keyPath);
    this.#log = log;
    this.#stop = every(() => void this.check(), intervalMs);
  }

  /**
   * Reads and checks the pair.
   *
   * @throws {UsageError} if a file cannot be read, or certificate and key cannot be used or do not belong together.
   */
  static async load(options: TlsIdentityOptions): Promise<TlsIdentity> {
    const { certPath, keyPath } = options;
    try {
      return new TlsIdentity(await readPair(new WatchedFile(certPath), new WatchedFile(keyPath)), options);
    } catch (cause) {
      throw new UsageError(sentenceOf(cause), { cause });
    }
  }

  /** The pair that is in force. */
  get current(): TlsPair {
    return this.#pair;
  }

  /** Calls `listener` with each new pair, and returns what ends that. */
  onChange(listener: (pair: TlsPair) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Looks at the files now, and takes up what changed. Never rejects. */
  check(): Promise<void> {
    // One look at a time, so that no change is taken up twice.
    this.#checking ??= this.#check().finally(() => this.#checking = undefined);
    return this.#checking;
  }

  /** Stops looking at the files. */
  [Symbol.dispose](): void {
    this.#stop();
    this.#listeners.clear();
  }

  async #check(): Promise<void> {
    try {
      const pair = await readPair(this.#cert, this.#key);
      this.#complaint = "";
      if (pair.cert === this.#pair.cert && pair.key === this.#pair.key) return;
      for (const listener of this.#listeners) listener(pair);
      this.#pair = pair;
      const { subject, validTo } = new X509Certificate(pair.cert);
      this.#log.info("Took up a changed TLS certificate", { file: this.#cert.path, subject, validTo });
    } catch (error) {
      const complaint = sentenceOf(error);
      if (complaint === this.#complaint) return;
      this.#complaint = complaint;
      this.#log.warn("Cannot use a changed TLS certificate or key and goes on with the one before", {
        error: complaint,
      });
    }
  }
}

/** Reads both files, and throws a sentence that names the file at fault and never quotes it. */
async function readPair(certFile: WatchedFile, keyFile: WatchedFile): Promise<TlsPair> {
  const cert = await certFile.text(), key = await keyFile.text();
  const what = `Cannot use the certificate in '${certFile.path}'`;
  const certificate = attempt(() => new X509Certificate(cert), `${what}: it holds no certificate in PEM`);
  const privateKey = attempt(
    () => createPrivateKey(key),
    `Cannot use '${keyFile.path}': it holds no private key in PEM without a passphrase`,
  );
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Error(`${what} as the private key in '${keyFile.path}' is not its own`);
  }
  // The TLS library reads fewer kinds of keys than node:crypto does, and only its client says so before a handshake.
  attempt(() => Deno.createHttpClient({ cert, key }).close(), `${what}: write a key of RSA, P-256, P-384 or P-521`);
  return { cert, key };
}

function attempt<T>(read: () => T, otherwise: string): T {
  try {
    return read();
  } catch (cause) {
    throw new Error(otherwise, { cause });
  }
}

function daemon(task: () => void, intervalMs: number): () => void {
  const timer = setInterval(task, intervalMs);
  Deno.unrefTimer(timer);
  return () => clearInterval(timer);
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
