/**
 * Requests to sinks: by which connection, as whom, and what their headers say.
 *
 * @module
 */

import { messageOf } from "../../common/explain.ts";
import type { Logger } from "../../common/log.ts";
import { connectionFault, type Side } from "../../common/outgoing/connection_fault.ts";
import type { Fetch } from "../../common/outgoing/outgoing_requests.ts";
import { basicCredentials, excerptOf, secretsOfUrl } from "../../common/outgoing/answer_excerpt.ts";
import { proxyHeaders, proxyOptions, proxySecrets } from "../../common/outgoing/proxied_client.ts";
import type { ChosenProxy, ProxyRule } from "../../common/outgoing/proxy_rule.ts";
import { userAgentOf } from "../../common/outgoing/user_agent.ts";
import { fileUsageError } from "../../common/named_path.ts";
import { eachCertificate, privateKeyFault } from "../../common/pem.ts";
import { clientSecretIn, passwordIn, SECRET_LIMIT_BYTES, tokenIn } from "../../common/secret_text.ts";
import { WatchedFile } from "../../common/watched_file.ts";
import { WatchedValue } from "../../common/watched_value.ts";
import { WRITE_HEADERS } from "../../common/remote_write/write_requests.ts";
import { ClientCredentials } from "./client_credentials.ts";
import type { SendRequest } from "./sink.ts";

/** Files that sinks are reached with, each optional; all are read again when they change. */
export interface SinkFiles {
  /** Authorities to trust beside the built-in ones. */
  readonly ca?: string;
  /** The certificate that is shown. */
  readonly cert?: string;
  /** Its key. */
  readonly key?: string;
  /** A bearer token. */
  readonly token?: string;
  /** The password of the user in the URL. */
  readonly password?: string;
  /** The secret of an OAuth client. */
  readonly oauthSecret?: string;
}

/** A file with certificates by which sinks are reached. */
export interface SinkCertificate {
  /** The flag that names it. */
  readonly flag: string;
  /** Its path. */
  readonly file: string;
  /** What is in force of it now, in PEM. */
  readonly pem: () => string;
}

/** How sinks are reached. */
export interface SinkConnectionOptions {
  /** The files. */
  readonly files: SinkFiles;
  /** Where and as whom to get OAuth tokens. */
  readonly oauth?: { readonly url: URL; readonly clientId: string; readonly scope?: string };
  /** The header that names the tenant. */
  readonly tenantHeader: string;
  /** Chooses the proxy of each request. */
  readonly proxyFor: ProxyRule;
  /** Gets warnings. */
  readonly log: Logger;
}

/** The flags of the files, by what is in them. */
export const SINK_FILE_FLAGS: Readonly<Record<keyof SinkFiles, string>> = {
  ca: "--forward-ca-file",
  cert: "--forward-cert-file",
  key: "--forward-key-file",
  token: "--forward-token-file",
  password: "--forward-password-file",
  oauthSecret: "--forward-oauth-secret-file",
};

/** Those of them that hold certificates. */
const CERTIFICATE_FILES = ["cert", "ca"] as const;

/** How often files are looked at, in milliseconds. */
const LOOK_INTERVAL_MS = 10_000;

const USER_AGENT = userAgentOf("telemeter-server");

const SIDE: Side = {
  url: "--forward-url",
  caFile: SINK_FILE_FLAGS.ca,
  identity: { certFile: SINK_FILE_FLAGS.cert, keyFile: SINK_FILE_FLAGS.key },
};

const OAUTH_SIDE: Side = { ...SIDE, url: "--forward-oauth-url" };

type Texts = Readonly<Partial<Record<keyof SinkFiles, string>>>;

/** Makes the requests to all sinks. Disposing of it closes its connections. */
export class SinkConnection implements Disposable {
  readonly #options: SinkConnectionOptions;
  readonly #texts: WatchedValue<Texts>;
  readonly #oauth: ClientCredentials | undefined;
  /** By what names the proxy, or nothing: made with the certificates that hold. */
  readonly #clients = new Map<string, Deno.HttpClient>();

  private constructor(options: SinkConnectionOptions, texts: WatchedValue<Texts>) {
    this.#options = options;
    this.#texts = texts;
    texts.onChange(() => this.#close());
    this.#oauth = options.oauth && new ClientCredentials({
      ...options.oauth,
      secret: () => texts.current.oauthSecret ?? "",
      fetch: this.#fetchOf(OAUTH_SIDE),
    });
  }

  /**
   * Reads and checks the files.
   *
   * @throws {UsageError} if one cannot be read or holds nothing of use, with its flag.
   */
  static async open(options: SinkConnectionOptions): Promise<SinkConnection> {
    const names = (Object.keys(options.files) as (keyof SinkFiles)[]).filter((name) =>
      options.files[name] !== undefined
    );
    const fail: Fail = (name, cause) => {
      throw fileUsageError(cause, { flag: SINK_FILE_FLAGS[name], path: options.files[name]! });
    };
    const texts = await WatchedValue.open<Texts>({
      files: names.map((name) => {
        const file = new WatchedFile(options.files[name]!, {
          limitBytes: READERS[name] === pemIn ? undefined : SECRET_LIMIT_BYTES,
        });
        return { text: () => file.text().catch((cause) => fail(name, cause)) };
      }),
      parse: (...texts) => {
        const read: Texts = Object.fromEntries(names.map((name, i) => {
          try {
            return [name, READERS[name](texts[i])];
          } catch (cause) {
            fail(name, cause);
          }
        }));
        checkCertificates(read, fail);
        return read;
      },
      onFault: (reason) =>
        options.log.warn("Cannot use a changed file for sinks: what it held before stays in use", { reason }),
      intervalMs: LOOK_INTERVAL_MS,
    });
    return new SinkConnection(options, texts);
  }

  /** The certificates that are shown and trusted, as they are now. */
  get certificates(): readonly SinkCertificate[] {
    const { files } = this.#options;
    return CERTIFICATE_FILES.flatMap((name) => {
      const file = files[name];
      return file === undefined ? [] : [{ flag: SINK_FILE_FLAGS[name], file, pem: () => this.#texts.current[name]! }];
    });
  }

  /** What sends requests to a sink. */
  to(url: URL): SendRequest {
    const fetch = this.#fetchOf(SIDE);
    const { username, password } = url;
    const target = new URL(url);
    target.username = target.password = "";
    return async (body, { version, tenant, signal }) => {
      const headers = new Headers(WRITE_HEADERS[version]);
      if (tenant !== undefined) headers.set(this.#options.tenantHeader, tenant);
      const { token, password: ofFile } = this.#texts.current;
      const bearer = token ?? await this.#oauth?.get();
      if (bearer !== undefined) headers.set("authorization", `Bearer ${bearer}`);
      else if (username !== "") {
        const login = { username, password: ofFile === undefined ? password : encodeURIComponent(ofFile) };
        headers.set("authorization", `Basic ${basicCredentials(login)}`);
      }
      // A redirect may lead to where the credentials do not belong.
      const response = await fetch(target, { method: "POST", headers, body, redirect: "manual", signal });
      if (response.status === 401 && bearer !== undefined && token === undefined) {
        this.#oauth?.refused(bearer);
        await response.body?.cancel();
        throw new Error("it refuses the token that its issuer gave");
      }
      const [, credentials = ""] = headers.get("authorization")?.split(" ") ?? [];
      const ofProxy = proxySecrets(this.#options.proxyFor(target));
      const secrets = [credentials, ofFile ?? "", ...secretsOfUrl(url), ...ofProxy];
      const said = response.body === null ? "" : await excerptOf(response, secrets);
      signal.throwIfAborted();
      return { response, said };
    };
  }

  /** Closes the connections. */
  [Symbol.dispose](): void {
    this.#texts[Symbol.dispose]();
    this.#close();
  }

  #close() {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  #fetchOf(side: Side): Fetch {
    return async (at, init = {}) => {
      const url = new URL(at), proxy = this.#options.proxyFor(url);
      const headers = new Headers(init.headers);
      headers.set("user-agent", USER_AGENT);
      for (const [name, value] of Object.entries(proxyHeaders(url, proxy))) headers.set(name, value);
      try {
        return await fetch(url, { ...init, headers, client: this.#clientOf(proxy) });
      } catch (error) {
        init.signal?.throwIfAborted();
        throw new Error(connectionFault(error, { url, proxy, side }), { cause: error });
      }
    };
  }

  #clientOf(proxy: ChosenProxy | undefined): Deno.HttpClient {
    const key = proxy?.namedBy ?? "";
    let client = this.#clients.get(key);
    if (client === undefined) {
      client = Deno.createHttpClient({ ...certificatesOf(this.#texts.current), ...proxyOptions(proxy) });
      this.#clients.set(key, client);
    }
    return client;
  }
}

/** Says which file is at fault, and why. */
type Fail = (name: keyof SinkFiles, cause: unknown) => never;

const READERS: Readonly<Record<keyof SinkFiles, (text: string) => string>> = {
  ca: pemIn,
  cert: pemIn,
  key: pemIn,
  token: tokenIn,
  password: passwordIn,
  oauthSecret: clientSecretIn,
};

/** What is in it is checked with the other files. */
function pemIn(text: string): string {
  if (text.trim() === "") throw new SyntaxError("it holds nothing: name a file in PEM");
  return text;
}

/** Each certificate by itself, then the key with its own: the platform does not tell which one is bad. */
function checkCertificates({ ca, cert, key }: Texts, fail: Fail) {
  for (const [name, text] of [["ca", ca], ["cert", cert]] as const) {
    if (text === undefined) continue;
    try {
      eachCertificate(text, (certificate) => Deno.createHttpClient({ caCerts: [certificate] }).close());
    } catch (cause) {
      fail(name, cause);
    }
  }
  if (cert === undefined || key === undefined) return;
  try {
    Deno.createHttpClient({ cert, key }).close();
  } catch (cause) {
    const fault = /KeyMismatch/.test(messageOf(cause))
      ? `it does not belong to the certificate of ${SINK_FILE_FLAGS.cert}`
      : privateKeyFault(key);
    fail("key", new SyntaxError(fault, { cause }));
  }
}

function certificatesOf({ ca, cert, key }: Texts): Deno.CreateHttpClientOptions {
  const options: Deno.CreateHttpClientOptions = ca === undefined ? {} : { caCerts: [ca] };
  return cert === undefined || key === undefined ? options : { ...options, cert, key } as Deno.CreateHttpClientOptions;
}
