/**
 * `NO_PROXY`: the hosts that are reached without a proxy.
 *
 * @module
 */
// Read as golang.org/x/net/http/httpproxy does, since the same manifests set it for Go programs.

/** Whether an address, or a host and port, is meant by one entry. */
type Entry = (target: { host: string; port: string; address: Uint8Array | undefined }) => boolean;

/** The ports of URLs that name none. */
const DEFAULT_PORTS: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };

/**
 * Reads a list of hosts, parted by commas, and returns whether a URL's host is one of them: `*` is every host, `10.0.0.0/8`
 * a network, `10.1.2.3` an address, `example.com` a domain with all below it, `.example.com` and `*.example.com` only what is
 * below. An address or a domain may have a port. What cannot be read is left out.
 */
export function readNoProxy(text: string): (url: URL) => boolean {
  const entries = text.split(",").map((entry) => entry.trim().toLowerCase()).filter((entry) => entry !== "").map(
    readEntry,
  );
  return (url) => {
    const host = hostOf(url);
    const target = { host, port: url.port || DEFAULT_PORTS[url.protocol], address: readAddress(host) };
    return entries.some((isMeant) => isMeant(target));
  };
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

function readEntry(entry: string): Entry {
  if (entry === "*") return () => true;
  const network = readNetwork(entry);
  if (network !== undefined) return ({ address }) => address !== undefined && isWithin(address, network);
  const [, bracketed, host = entry, port = ""] = /^(?:\[([^\]]*)\]|([^:[\]]*)):([^:\]]*)$/.exec(entry) ?? [];
  const given = bracketed ?? host;
  if (given === "") return () => false;
  const isPort = (of: string) => port === "" || port === of;
  const wanted = readAddress(given);
  if (wanted !== undefined) {
    return ({ address, port }) => address !== undefined && isPort(port) && isWithin(address, { address: wanted });
  }
  const below = given.replace(/^\*?\./, ".");
  const suffix = below.startsWith(".") ? ascii(below) : `.${ascii(below)}`;
  return ({ host, port, address }) =>
    address === undefined && isPort(port) && (host.endsWith(suffix) || (below !== suffix && host === suffix.slice(1)));
}

/** A network: its first bits are those of the address, all of them by default. */
interface Network {
  readonly address: Uint8Array;
  readonly bits?: number;
}

function readNetwork(text: string): Network | undefined {
  const [, base = "", length = ""] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const address = readAddress(base), bits = Number(length);
  return address === undefined || length === "" || bits > 8 * address.length ? undefined : { address, bits };
}

function isWithin(address: Uint8Array, network: Network): boolean {
  const { bits = 8 * network.address.length } = network;
  if (address.length !== network.address.length) return false;
  return address.every((byte, i) => {
    const counted = Math.min(8, Math.max(0, bits - 8 * i));
    return (byte ^ network.address[i]) >> (8 - counted) === 0;
  });
}

/** The 4 or 16 bytes of an address; one of IPv4 that is written as IPv6 has 4. */
function readAddress(text: string): Uint8Array | undefined {
  if (/^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}$/.test(text)) {
    const numbers = text.split(".").map(Number);
    return numbers.every((number) => number < 256) ? Uint8Array.from(numbers) : undefined;
  }
  // The URL parser checks it and brings it into the one form of RFC 5952, in hexadecimal throughout.
  const canonical = text.includes(":") ? URL.parse(`http://[${text}]`)?.hostname.slice(1, -1) : undefined;
  if (canonical === undefined) return undefined;
  const [head, tail] = canonical.split("::").map((part) => part === "" ? [] : part.split(":"));
  const groups = tail === undefined ? head : [...head, ...Array(8 - head.length - tail.length).fill("0"), ...tail];
  const bytes = Uint8Array.from(groups.flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff]));
  const isMapped = bytes.subarray(0, 12).every((byte, i) => byte === (i < 10 ? 0 : 0xff));
  return isMapped ? bytes.slice(12) : bytes;
}

/** A domain as URLs have it: international names in Punycode. */
function ascii(domain: string): string {
  const labels = domain.replace(/^\./, "");
  return domain.slice(0, domain.length - labels.length) + (URL.parse(`http://${labels}`)?.hostname ?? labels);
}
