/**
 * A proxy, as a flag or a variable of the environment names it.
 *
 * @module
 */

import type { Kind } from "../option_kinds.ts";

/** What a proxy may speak, and the port it has where its URL names none. */
const PORTS: Readonly<Record<string, string>> = {
  "http:": "80",
  "https:": "443",
  "socks5:": "1080",
  "socks5h:": "1080",
};

/** A proxy to send requests through. */
export interface ProxyServer {
  /** Where it is, as messages and logs show it: `HOST:PORT`, without user name and password. */
  readonly place: string;
  /** What it speaks, with a colon behind: `http:`, `https:`, `socks5:` or `socks5h:`. */
  readonly protocol: string;
  /** Its URL, without user name and password. */
  readonly url: string;
  /** The user name and password to show to it. */
  readonly credentials?: { readonly username: string; readonly password: string };
}

/**
 * Reads a proxy's URL, or a `HOST:PORT`, which stands for `http://HOST:PORT` as in Go's `httpproxy`.
 *
 * @throws {SyntaxError} on anything else, without quoting it, since it may hold a password.
 */
export function readProxyServer(text: string): ProxyServer {
  const given = text.trim();
  const parsed = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(given) ? given : `http://${given}`);
  if (parsed === null || parsed.hostname === "" || !(parsed.protocol in PORTS)) {
    throw new SyntaxError("Cannot read it as a proxy: write http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT");
  }
  const { protocol, hostname, username, password } = parsed;
  const place = `${hostname}:${parsed.port || PORTS[protocol]}`;
  return {
    place,
    protocol,
    url: `${protocol}//${place}`,
    ...(username || password ? { credentials: { username: decoded(username), password: decoded(password) } } : {}),
  };
}

/** The URL of a proxy as the value of a flag. */
export const proxyServer: Kind<ProxyServer> = {
  placeholder: "URL",
  read: (texts) => readProxyServer(texts[texts.length - 1]),
  hasSecret: ({ credentials }, { hasFile }) => credentials !== undefined && (credentials.password !== "" || !hasFile),
};

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
