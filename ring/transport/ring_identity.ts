/**
 * Who a member is towards its peers, and whom it trusts: its certificate and key, and the authorities of the ring.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import { type Authorities, openAuthorities } from "../../common/authorities.ts";
import { certificateNames } from "../../common/certificate_names.ts";
import type { Logger } from "../../common/log.ts";
import { UsageError } from "../../common/options.ts";
import { loadTlsIdentity, type TlsIdentity, type TlsPair } from "../../common/tls.ts";

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
  /** How often the files are looked at, if not every 10 s. */
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
  readonly #authorities: Authorities;
  readonly #listeners = new Set<(credentials: RingCredentials) => void>();

  private constructor(
    { pair, authorities }: { pair: TlsIdentity; authorities: Authorities },
    { name, certPath, log }: RingIdentityOptions,
  ) {
    this.#pair = pair;
    this.#authorities = authorities;
    authorities.onChange((ca) => this.#tell({ ...pair.current, ca }));
    pair.onChange((pair) => {
      if (!namesOf(pair).includes(name)) {
        log.error("The new --cluster-crt does not have this member's name: peers will refuse it", {
          file: certPath,
          name,
        });
      }
      this.#tell({ ...pair, ca: authorities.current });
    });
  }

  /**
   * Reads and checks the files.
   *
   * @throws {UsageError} if one cannot be read or used, or the certificate does not have the member's name.
   */
  static async load(options: RingIdentityOptions): Promise<RingIdentity> {
    const { name, certPath } = options;
    using opening = new DisposableStack();
    const authorities = opening.use(
      await openAuthorities({ ...options, path: options.caPath, flag: "--cluster-ca", of: "the ring" }),
    );
    const pair = opening.use(
      await loadTlsIdentity({ ...options, flags: { cert: "--cluster-crt", key: "--cluster-key" } }),
    );
    const names = namesOf(pair.current);
    if (!names.includes(name)) {
      const found = names.map((name) => `'${name}'`).join(", ") || "none";
      throw new UsageError(
        `Cannot be '${name}' with the certificate in '${certPath}': the DNS names in it are ${found}`,
      );
    }
    opening.move();
    return new RingIdentity({ pair, authorities }, options);
  }

  /** The credentials in force. */
  get current(): RingCredentials {
    return { ...this.#pair.current, ca: this.#authorities.current };
  }

  /** Calls `listener` with all new credentials, and returns what ends that. */
  onChange(listener: (credentials: RingCredentials) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Looks at the files now, and takes up what changed. Never rejects. */
  async check(): Promise<void> {
    await this.#authorities.check();
    await this.#pair.check();
  }

  /** Stops looking at the files. */
  [Symbol.dispose](): void {
    this.#authorities[Symbol.dispose]();
    this.#pair[Symbol.dispose]();
    this.#listeners.clear();
  }

  #tell(credentials: RingCredentials): void {
    for (const listener of this.#listeners) listener(credentials);
  }
}

function namesOf({ cert }: TlsPair): string[] {
  return certificateNames(new X509Certificate(cert).raw);
}
