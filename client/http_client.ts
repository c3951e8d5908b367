/**
 * The HTTP clients of one forward: they trust the operator's certificate authorities and show the client certificate.
 *
 * @module
 */
// A client is opened for each forward and closed after it. Forwards are minutes apart, so that nothing is lost by a new
// connection, files that changed are taken up without a word, and no connection lies idle until the server cuts it.

import { flagOf } from "../common/options.ts";
import { WatchedFile } from "../common/watched_file.ts";

/** The files of a client's certificates, each optional. */
export interface HttpClientFiles {
  /** Certificate authorities to trust beside the built-in ones, PEM, and the name of the option that gave them. */
  readonly ca?: { readonly path: string; readonly name: string };
  /** The client certificate and what it stands on, PEM. */
  readonly certPath?: string;
  /** Its private key, PEM. */
  readonly keyPath?: string;
}

/** Opens HTTP clients with the certificates that the files hold now. */
export class HttpClients {
  readonly #ca: { readonly file: WatchedFile; readonly name: string } | undefined;
  readonly #identity: { readonly cert: WatchedFile; readonly key: WatchedFile } | undefined;

  /** Reads nothing yet. */
  constructor({ ca, certPath, keyPath }: HttpClientFiles) {
    this.#ca = ca && { file: new WatchedFile(ca.path), name: ca.name };
    this.#identity = certPath !== undefined && keyPath !== undefined
      ? { cert: new WatchedFile(certPath), key: new WatchedFile(keyPath) }
      : undefined;
  }

  /**
   * Opens a client, which its caller closes.
   *
   * @throws {SyntaxError} if a file cannot be read or does not hold what its option wants.
   */
  async open(): Promise<Deno.HttpClient> {
    const ca = this.#ca && await certificates(this.#ca.file, this.#ca.name);
    const trust = ca === undefined ? {} : { caCerts: [ca] };
    const { cert: certFile, key: keyFile } = this.#identity ?? {};
    try {
      if (certFile === undefined || keyFile === undefined) return Deno.createHttpClient(trust);
      const cert = await certificates(certFile, "tlsCertFile");
      const key = await textOf(keyFile, "tlsPrivateKeyFile");
      return Deno.createHttpClient({ ...trust, cert, key });
    } catch (cause) {
      if (cause instanceof SyntaxError) throw cause;
      // What the platform says of a bad key or certificate names no content.
      const flags = [this.#ca && flagOf(this.#ca.name), certFile && "--tls-cert-file and --tls-private-key-file"];
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new SyntaxError(`Bad ${flags.filter(Boolean).join(" or ")}: ${reason}`, { cause });
    }
  }
}

async function textOf(file: WatchedFile, name: string): Promise<string> {
  try {
    return await file.text();
  } catch (cause) {
    throw new SyntaxError(`Bad ${flagOf(name)}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** The platform takes a file without any certificate for one with none to add, and says nothing. */
async function certificates(file: WatchedFile, name: string): Promise<string> {
  const text = await textOf(file, name);
  if (!text.includes("-----BEGIN CERTIFICATE-----")) {
    throw new SyntaxError(`Bad ${flagOf(name)}: the file holds no certificate in PEM`);
  }
  return text;
}
