/**
 * The HTTP clients of one forward: they trust the operator's certificate authorities and show the client certificate.
 *
 * @module
 */
// A client is opened for each forward and closed after it. Forwards are minutes apart, so that nothing is lost by a new
// connection, files that changed are taken up without a word, and no connection lies idle until the server cuts it.

import { messageOf } from "../common/explain.ts";
import type { Logger } from "../common/log.ts";
import { flagOf } from "../common/options.ts";
import { WatchedFile } from "../common/watched_file.ts";
import { WatchedValue } from "../common/watched_value.ts";

/** The files of a client's certificates, each optional. */
export interface HttpClientFiles {
  /** Certificate authorities to trust beside the built-in ones, PEM, and the name of the option that gave them. */
  readonly ca?: { readonly path: string; readonly name: string };
  /** The client certificate and what it stands on, PEM. */
  readonly certPath?: string;
  /** Its private key, PEM. */
  readonly keyPath?: string;
}

/** What a client is opened with. */
interface Certificates {
  readonly caCerts?: string[];
  readonly cert?: string;
  readonly key?: string;
}

/** One of the files, and what it adds to a client. */
interface Source {
  readonly file: WatchedFile;
  readonly flag: string;
  readonly adds: (text: string) => Certificates;
}

/** Opens HTTP clients with the certificates that the files hold now, or held when they last were good. */
export class HttpClients {
  readonly #certificates: WatchedValue<Certificates>;

  private constructor(certificates: WatchedValue<Certificates>) {
    this.#certificates = certificates;
  }

  /**
   * Reads and checks the files.
   *
   * @throws {SyntaxError} if one cannot be read or does not hold what its option wants.
   */
  static async load(files: HttpClientFiles, { log }: { log: Logger }): Promise<HttpClients> {
    const sources = sourcesOf(files);
    const certificates = await WatchedValue.open({
      files: sources.map(({ file, flag }) => ({ text: () => textOf(file, flag) })),
      parse: (...texts) => join(sources, texts),
      onFault: (error) => log.warn("Cannot use changed certificates: those before stay in use", { error }),
    });
    return new HttpClients(certificates);
  }

  /** Opens a client, which its caller closes. */
  async open(): Promise<Deno.HttpClient> {
    return openClient(await this.#certificates.check());
  }
}

function sourcesOf({ ca, certPath, keyPath }: HttpClientFiles): Source[] {
  const sources: Source[] = [];
  if (ca !== undefined) {
    const flag = flagOf(ca.name);
    sources.push({
      file: new WatchedFile(ca.path),
      flag,
      adds: (text) => ({ caCerts: [mustHoldCertificate(text, flag)] }),
    });
  }
  if (certPath !== undefined && keyPath !== undefined) {
    const flag = flagOf("tlsCertFile");
    sources.push(
      { file: new WatchedFile(certPath), flag, adds: (text) => ({ cert: mustHoldCertificate(text, flag) }) },
      { file: new WatchedFile(keyPath), flag: flagOf("tlsPrivateKeyFile"), adds: (key) => ({ key }) },
    );
  }
  return sources;
}

/** What all files add, once a client has been opened with it. */
function join(sources: readonly Source[], texts: readonly string[]): Certificates {
  const all: Certificates = Object.assign({}, ...sources.map(({ adds }, i) => adds(texts[i])));
  try {
    openClient(all).close();
  } catch (cause) {
    // What the platform says of a bad key or certificate names no content.
    const flags = sources.map(({ flag }) => flag).join(" or ");
    throw new SyntaxError(`Bad ${flags}: ${messageOf(cause)}`, { cause });
  }
  return all;
}

function openClient({ caCerts, cert, key }: Certificates): Deno.HttpClient {
  const trust = caCerts === undefined ? {} : { caCerts };
  return cert === undefined || key === undefined
    ? Deno.createHttpClient(trust)
    : Deno.createHttpClient({ ...trust, cert, key });
}

async function textOf(file: WatchedFile, flag: string): Promise<string> {
  try {
    return await file.text();
  } catch (cause) {
    throw new SyntaxError(`Bad ${flag}: ${messageOf(cause)}`, { cause });
  }
}

/** The platform takes a file without any certificate for one with none to add, and says nothing. */
function mustHoldCertificate(text: string, flag: string): string {
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw new SyntaxError(`Bad ${flag}: the file holds no certificate in PEM`);
}
