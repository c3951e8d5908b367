/**
 * Who a member is towards its peers, and whom it trusts: its certificate and key, and the authorities of the ring.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import { certificateNames } from "./certificate_names.ts";
import type { Logger } from "../../common/log.ts";
import { UsageError } from "../../common/options.ts";
import { TlsIdentity, type TlsPair } from "../../common/tls.ts";
import { WatchedFile } from "../../common/watched_file.ts";

/** What a TLS handshake between members takes. */
export interface RingCredentials extends TlsPair {
  /** The authorities that sign members' certificates, in PEM. */
  readonly ca: string;
}

/** Where a {@linkcode RingIdentity} comes from and how it is kept current. */
export interface RingIdentityOptions {
  /** The member's name, which its certificate must have. */
  readonly name: string;
  /** The file of the authorities; several in one file while one takes the place of another. */
  readonly caPath: string;
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

/** Credentials that follow their files. What cannot be used leaves what was before in place, with one line in the log. */
export class RingIdentity implements Disposable {
  readonly #pair: TlsIdentity;
  readonly #file: WatchedFile;
  readonly #log: Logger;
  readonly #listeners = new Set<(credentials: RingCredentials) => void>();
  readonly #stop: () => void;
  #ca: string;
  #complaint = "";

  private constructor(pair: TlsIdentity, ca: string, options: RingIdentityOptions) {
    const { name, caPath, certPath, intervalMs = 10_000, log, every = daemon } = options;
    this.#pair = pair;
    this.#ca = ca;
    this.#file = new WatchedFile(caPath);
    this.#log = log;
    pair.onChange((pair) => {
      if (!namesOf(pair).includes(name)) {
        log.error("The new --cluster-crt does not have this member's name: peers will refuse it", {
          file: certPath,
          name,
        });
      }
      this.#tell(pair);
    });
    this.#stop = every(() => void this.#checkAuthorities(), intervalMs);
  }

  /**
   * Reads and checks the files.
   *
   * @throws {UsageError} if one cannot be read or used, or the certificate does not have the member's name.
   */
  static async load(options: RingIdentityOptions): Promise<RingIdentity> {
    const { name, caPath, certPath } = options;
    let ca: string;
    try {
      ca = await readAuthorities(new WatchedFile(caPath));
    } catch (cause) {
      throw new UsageError(sentenceOf(cause), { cause });
    }
    const pair = await TlsIdentity.load(options);
    const names = namesOf(pair.current);
    if (!names.includes(name)) {
      pair[Symbol.dispose]();
      const found = names.map((name) => `'${name}'`).join(", ") || "none";
      throw new UsageError(
        `Cannot be '${name}' with the certificate in '${certPath}': the DNS names in it are ${found}`,
      );
    }
    return new RingIdentity(pair, ca, options);
  }

  /** The credentials in force. */
  get current(): RingCredentials {
    return { ...this.#pair.current, ca: this.#ca };
  }

  /** Calls `listener` with all new credentials, and returns what ends that. */
  onChange(listener: (credentials: RingCredentials) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Looks at the files now, and takes up what changed. Never rejects. */
  async check(): Promise<void> {
    await this.#checkAuthorities();
    await this.#pair.check();
  }

  /** Stops looking at the files. */
  [Symbol.dispose](): void {
    this.#stop();
    this.#pair[Symbol.dispose]();
    this.#listeners.clear();
  }

  async #checkAuthorities(): Promise<void> {
    try {
      const ca = await readAuthorities(this.#file);
      this.#complaint = "";
      if (ca === this.#ca) return;
      this.#ca = ca;
      this.#tell(this.#pair.current);
      this.#log.info("Loaded the changed --cluster-ca", { file: this.#file.path });
    } catch (error) {
      const complaint = sentenceOf(error);
      if (complaint === this.#complaint) return;
      this.#complaint = complaint;
      this.#log.warn("Cannot use the changed --cluster-ca: keeping the one before", { error: complaint });
    }
  }

  #tell(pair: TlsPair): void {
    for (const listener of this.#listeners) listener({ ...pair, ca: this.#ca });
  }
}

function namesOf({ cert }: TlsPair): string[] {
  return certificateNames(new X509Certificate(cert).raw);
}

async function readAuthorities(file: WatchedFile): Promise<string> {
  const pem = await file.text();
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? [];
  try {
    if (blocks.length > 0 && blocks.every((block) => new X509Certificate(block).ca)) return pem;
  } catch {
    // Said below.
  }
  throw new Error(
    `Cannot use the authorities in '${file.path}': write certificates of authorities in PEM, and nothing else`,
  );
}

function daemon(task: () => void, intervalMs: number): () => void {
  const timer = setInterval(task, intervalMs);
  Deno.unrefTimer(timer);
  return () => clearInterval(timer);
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
