/**
 * Why a request got no answer, in words that tell what to do: the platform's own texts name no flag, and some of them hold the
 * URL with all that is secret in it.
 *
 * @module
 */

import { messageOf, withoutSecretsOfUrls } from "../explain.ts";
import type { ChosenProxy } from "./proxy_rule.ts";

/** Whom a program makes requests of, by the flags that its user knows. */
export interface Side {
  /** Where it is, such as `--from`. */
  readonly url: string;
  /** The authorities that are trusted with it beside the built-in ones. @default there is no such flag */
  readonly caFile?: string;
  /** The certificate that is shown to it, and the key. @default there are no such flags */
  readonly identity?: { readonly certFile: string; readonly keyFile: string };
}

/** What a sentence may depend on. */
export interface Circumstances {
  /** What was asked for. */
  readonly url: URL;
  /** The proxy on the way; undefined if that was direct. */
  readonly proxy: ChosenProxy | undefined;
  /** Whom the request was to reach. */
  readonly side: Side;
}

/** A text of the platform, and what it means; `$1` of the text is `detail`. */
type Row = readonly [text: RegExp, meaning: (detail: string, circumstances: Circumstances) => string];

const TABLE: readonly Row[] = [
  // The way there. Where there is a proxy, it alone is connected to.
  [
    /^tcp connect error: (.*?)(?: \(os error \d+\))?$/s,
    (detail, { proxy, side }) =>
      proxy
        ? `the proxy cannot be reached: ${detail}: check ${proxy.namedBy}`
        : `it cannot be reached: ${detail}: see that it runs, and check ${side.url}`,
  ],
  [
    /^dns error: (?:failed to lookup address information: )?(.*)$/s,
    (detail, { proxy, side }) =>
      `${proxy ? "the proxy's" : "its"} name is not known: ${detail}: check ${proxy?.namedBy ?? side.url}`,
  ],
  [
    /^proxy authentication required$/,
    (_, { proxy }) => `the proxy wants a user name and a password: give them in the URL of ${proxy?.namedBy}`,
  ],
  [
    /^unsuccessful tunnel$/,
    (_, { proxy, url }) =>
      `the proxy refuses to connect to ${url.host}: ` +
      `allow it there, or check user name and password in ${proxy?.namedBy}`,
  ],
  [
    /^(?:unexpected eof while tunneling|proxy headers too long for tunnel|Invalid response version)$/,
    (_, { proxy }) => `the proxy does not answer as a proxy does: check ${proxy?.namedBy}`,
  ],
  [/^Proxy server unreachable$/, (_, { proxy }) => `the proxy cannot be reached: check ${proxy?.namedBy}`],
  [
    /^Fetch failed: (Requests to port \d+ are blocked)$/,
    (detail) => `${detail}: the Fetch standard keeps that port for another protocol, use another one`,
  ],
  // TLS.
  [
    /^received corrupt message of type InvalidContentType$/,
    (_, { proxy, side }) =>
      proxy?.protocol === "https:"
        ? `the proxy, or what is behind it, does not speak TLS: check ${proxy.namedBy} and ${side.url}`
        : `it does not speak TLS: write http:// in ${side.url}, or name the port that does`,
  ],
  [
    /^invalid HTTP version parsed$/,
    (_, { url, side }) =>
      url.protocol === "http:"
        ? `it does not speak HTTP; if it speaks TLS, write https:// in ${side.url}`
        : "it does not speak HTTP",
  ],
  [
    /^invalid peer certificate: UnknownIssuer$/,
    (_, { proxy, side }) =>
      `${owner(proxy)} certificate comes from an authority that is not known here: ${
        side.caFile
          ? `give that authority in ${side.caFile}`
          : "add it to the system's, or to the file of SSL_CERT_FILE"
      }`,
  ],
  [
    /^invalid peer certificate: Other\(OtherError\(CaUsedAsEndEntity\)\)$/,
    (_, { proxy }) =>
      `${
        owner(proxy)
      } certificate is an authority's (CA:TRUE), which signs certificates of servers and cannot be one: ` +
      "give the server one that has CA:FALSE",
  ],
  [
    /^invalid peer certificate: certificate not valid for name (.*)$/s,
    (detail, { proxy, side }) =>
      `${owner(proxy)} certificate is not for the name ${detail}: write a name that it has in ${side.url}`,
  ],
  [
    /^invalid peer certificate: certificate expired.*\((.*)\)$/s,
    (detail, { proxy }) =>
      `${owner(proxy)} certificate has expired (${detail}): renew it, or set the clock of this machine`,
  ],
  [
    /^invalid peer certificate: certificate not valid yet.*\((.*)\)$/s,
    (detail, { proxy }) =>
      `${
        owner(proxy)
      } certificate is not valid yet (${detail}): set the clock of this machine, or of the one that signs`,
  ],
  [/^invalid peer certificate: (.*)$/s, (detail, { proxy }) => `${owner(proxy)} certificate cannot be used: ${detail}`],
  [
    /^received fatal alert: CertificateRequired$/,
    (_, { side: { identity } }) =>
      `it asks for a client certificate: ${
        identity ? `give one in ${identity.certFile} and ${identity.keyFile}` : "there is no flag to give one"
      }`,
  ],
  [
    /^received fatal alert: (.*Certificate.*|UnknownCA|DecryptError|AccessDenied)$/,
    (detail, { side: { identity } }) =>
      identity
        ? `it refuses the client certificate of ${identity.certFile}: ${detail}`
        : `it wants another client certificate than none: ${detail}`,
  ],
  [/^received fatal alert: (.*)$/, (detail) => `it breaks off the TLS handshake: ${detail}`],
  // What came in place of an answer, or of its rest.
  [/^peer closed connection without sending TLS close_notify/, () => "it closed the connection before it answered"],
  [/^connection closed before message completed$/, () => "it closed the connection before it answered"],
  [/^error reading a body from connection$/, () => "its answer breaks off"],
  [/^Invalid URL /, () => "the URL is longer than the platform can send"],
];

/** Says why a request got no answer, or not all of it, without user name, password and query of any URL. */
export function connectionFault(error: unknown, circumstances: Circumstances): string {
  const text = platformText(error);
  for (const [pattern, meaning] of TABLE) {
    const match = pattern.exec(text);
    if (match !== null) return meaning(match[1] ?? "", circumstances);
  }
  return withoutSecretsOfUrls(text);
}

/** The text of the deepest cause, which is the one that names it, without the URL that `fetch` puts before it. */
function platformText(error: unknown): string {
  let deepest = error;
  while (deepest instanceof Error && deepest.cause instanceof Error) deepest = deepest.cause;
  const message = messageOf(deepest);
  return /^error sending request .*?: client error \([^)]*\): (.*)$/s.exec(message)?.[1] ??
    (message.startsWith("error sending request ") ? "the request failed" : message);
}

/** Whose certificate it may be. */
function owner(proxy: Circumstances["proxy"]): string {
  return proxy?.protocol === "https:" ? "its or the proxy's" : "its";
}
