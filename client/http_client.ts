/**
 * The connections of one side of the client: they trust the operator's certificate authorities, show the client certificate
 * and go through a proxy where one is chosen.
 *
 * @module
 */
// A connection is opened for each request and closed after it. Requests are minutes apart, so that nothing is lost by a new
// connection, files that changed are taken up without a word, and no connection lies idle until the server cuts it. What is
// kept is the platform's client that opens them: to make one takes as long as the rest of a request, since it copies every
// authority of the system.

import { messageOf } from "../common/explain.ts";
import type { Logger } from "../common/log.ts";
import { flagOf } from "../common/options.ts";
import { eachCertificate, privateKeyFault } from "../common/pem.ts";
import { WatchedFile } from "../common/watched_file.ts";
import { WatchedValue } from "../common/watched_value.ts";
import type { Side } from "../common/outgoing/connection_fault.ts";
import { proxyHeaders, proxyOptions } from "../common/outgoing/proxied_client.ts";
import type { ChosenProxy, ProxyRule } from "../common/outgoing/proxy_rule.ts";

/** A side of the client, by the flags that its user knows. */
export type ClientSide = Required<Side>;

const IDENTITY = { certFile: flagOf("tlsCertFile"), keyFile: flagOf("tlsPrivateKeyFile") };

/** The Prometheus that is read. */
export const FROM: ClientSide = { url: "--from", caFile: "--from-ca-file", identity: IDENTITY };

/** The server that is pushed to. */
export const TO: ClientSide = { url: "--to", caFile: "--to-ca-file", identity: IDENTITY };

/** The files of a client's certificates, each optional. */
export interface HttpClientFiles {
  /** Certificate authorities to trust beside the built-in ones, PEM. */
  readonly caPath?: string;
  /** The client certificate and what it stands on, PEM. */
  readonly certPath?: string;
  /** Its private key, PEM. */
  readonly keyPath?: string;
}

/** What {@linkcode HttpClients} need beside files. */
export interface HttpClientsOptions {
  /** The side that is reached. */
  readonly side: ClientSide;
  /** Chooses the proxy of each request. */
  readonly proxyFor: ProxyRule;
  /** Gets the warnings. */
  readonly log: Logger;
}

/** What one request goes over, until it is disposed of. */
export interface Connection extends Disposable {
  /** Carries certificates and proxy. */
  readonly client: Deno.HttpClient;
  /** The proxy that it goes through; undefined if it goes direct. */
  readonly proxy: ChosenProxy | undefined;
  /** The side that it reaches. */
  readonly side: Side;
  /** What the proxy wants to be told with the request itself. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What a client is opened with. */
interface Certificates {
  readonly caCerts?: string[];
  readonly cert?: string;
  readonly key?: string;
}

/** One of the files, and what it adds to a client. */
interface Source {
  readonly path: string;
  readonly file: WatchedFile;
  readonly flag: string;
  readonly adds: (text: string) => Certificates;
}

/** A client of the platform, and what it was made for. */
interface Opened {
  readonly client: Deno.HttpClient;
  readonly certificates: Certificates;
  readonly proxy: ChosenProxy | undefined;
  /** How many connections there are of it. */
  connections: number;
}

/** Opens connections with the certificates that the files hold now, or held when they last were good. */
export class HttpClients implements Disposable {
  readonly #certificates: WatchedValue<Certificates>;
  readonly #options: HttpClientsOptions;
  readonly #files: HttpClientFiles;
  #opened: Opened | undefined;
  #isDisposed = false;

  private constructor(
    certificates: WatchedValue<Certificates>,
    { files, ...options }: HttpClientsOptions & { readonly files: HttpClientFiles },
  ) {
    this.#certificates = certificates;
    this.#options = options;
    this.#files = files;
  }

  /**
   * Reads and checks the files.
   *
   * @throws {SyntaxError} if one cannot be read or does not hold what its option wants.
   */
  static async load(files: HttpClientFiles, options: HttpClientsOptions): Promise<HttpClients> {
    const sources = sourcesOf(files, options);
    const certificates = await WatchedValue.open({
      files: sources.map(({ file, flag }) => ({ text: () => textOf(file, flag) })),
      parse: (...texts) => join(sources, texts),
      onFault: (error) => options.log.warn("Cannot use changed certificates: those before stay in use", { error }),
    });
    return new HttpClients(certificates, { ...options, files });
  }

  /** The certificates in force, in PEM, by the file that they come from. */
  certificates(): ReadonlyMap<string, string> {
    const { caCerts, cert } = this.#certificates.current, { caPath, certPath } = this.#files;
    const found = new Map<string, string>();
    if (caPath !== undefined && caCerts !== undefined) found.set(caPath, caCerts.join("\n"));
    if (certPath !== undefined && cert !== undefined) found.set(certPath, cert);
    return found;
  }

  /** Opens a connection for a request to `url`, which its caller disposes of. */
  async open(url: URL): Promise<Connection> {
    const { side, proxyFor } = this.#options;
    const proxy = proxyFor(url);
    const opened = this.#open(await this.#certificates.check(), proxy);
    opened.connections++;
    return {
      client: opened.client,
      proxy,
      side,
      headers: proxyHeaders(url, proxy),
      [Symbol.dispose]: () => {
        opened.connections--;
        this.#closeIfIdle(opened);
      },
    };
  }

  /** Closes what is kept from one request to the next. Requests on their way go on, and others may follow. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#replace(undefined);
  }

  /** The client for these certificates and this proxy: the same as last time where nothing has changed. */
  #open(certificates: Certificates, proxy: ChosenProxy | undefined): Opened {
    const last = this.#opened;
    if (last?.certificates === certificates && isSameProxy(last.proxy, proxy)) return last;
    const opened = { client: openClient(certificates, proxy), certificates, proxy, connections: 0 };
    this.#replace(this.#isDisposed ? undefined : opened);
    return opened;
  }

  #replace(opened: Opened | undefined) {
    const last = this.#opened;
    this.#opened = opened;
    if (last !== undefined) this.#closeIfIdle(last);
  }

  #closeIfIdle(opened: Opened) {
    if (opened !== this.#opened && opened.connections === 0) opened.client.close();
  }
}

function isSameProxy(one: ChosenProxy | undefined, other: ChosenProxy | undefined): boolean {
  return one?.url === other?.url && one?.credentials?.username === other?.credentials?.username &&
    one?.credentials?.password === other?.credentials?.password;
}

function sourcesOf({ caPath, certPath, keyPath }: HttpClientFiles, { side }: HttpClientsOptions): Source[] {
  const sources: Source[] = [];
  if (caPath !== undefined) {
    const adds = (text: string) => ({ caCerts: certificatesOf(text, { path: caPath, flag: side.caFile }) });
    sources.push({ path: caPath, file: new WatchedFile(caPath), flag: side.caFile, adds });
  }
  if (certPath !== undefined && keyPath !== undefined) {
    const { certFile: flag, keyFile } = side.identity;
    const adds = (text: string) => ({ cert: certificatesOf(text, { path: certPath, flag }).join("\n") });
    sources.push(
      { path: certPath, file: new WatchedFile(certPath), flag, adds },
      { path: keyPath, file: new WatchedFile(keyPath), flag: keyFile, adds: (key) => ({ key }) },
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
    throw new SyntaxError(pairFault(sources, { key: all.key, said: messageOf(cause) }), { cause });
  }
  return all;
}

/** What is wrong where the certificates have been read one by one: the key, or that it belongs to another certificate. */
function pairFault(sources: readonly Source[], { key, said }: { key: string | undefined; said: string }): string {
  const [pair, keyPair] = sources.slice(-2);
  if (key === undefined || keyPair === undefined) return `Bad ${pair.flag}: ${said}`;
  const ofKey = `${keyPair.flag} '${keyPair.path}'`;
  return /KeyMismatch/.test(said)
    ? `Bad ${pair.flag} '${pair.path}': the private key of ${ofKey} does not belong to it`
    : `Bad ${ofKey}: ${privateKeyFault(key)}`;
}

function openClient({ caCerts, cert, key }: Certificates, proxy?: ChosenProxy): Deno.HttpClient {
  const options = {
    // No connection is left for another request.
    poolMaxIdlePerHost: 0,
    ...(caCerts === undefined ? {} : { caCerts }),
    ...proxyOptions(proxy),
  };
  return cert === undefined || key === undefined
    ? Deno.createHttpClient(options)
    : Deno.createHttpClient({ ...options, cert, key });
}

async function textOf(file: WatchedFile, flag: string): Promise<string> {
  try {
    return await file.text();
  } catch (cause) {
    throw new SyntaxError(`Bad ${flag}: ${messageOf(cause)}`, { cause });
  }
}

/** Reads each certificate by itself: the platform does not tell which one is bad, and passes over one that begins in mid-line. */
function certificatesOf(text: string, { path, flag }: { path: string; flag: string }): string[] {
  try {
    return eachCertificate(text, (certificate) => openClient({ caCerts: [certificate] }).close());
  } catch (cause) {
    throw new SyntaxError(`Bad ${flag} '${path}': ${messageOf(cause)}`, { cause });
  }
}
