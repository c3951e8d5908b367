/**
 * Addresses of clients, as they are shown and counted.
 *
 * @module
 */

/** An address as people know it: `::ffff:192.0.2.1` is `192.0.2.1`. */
export function plainAddress(address: string): string {
  return /^::ffff:.*\./i.test(address) ? address.slice("::ffff:".length) : address;
}

/** Whether a host is this machine to itself: `localhost`, a name below it, or a loopback address. */
export function isThisMachine(host: string): boolean {
  return /^(?:(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|::1)$/i.test(plainAddress(host));
}

/**
 * What one party controls: an IPv4 address, or the /64 network of an IPv6 address, out of which its user picks freely
 * (RFC 4291 section 2.5.4).
 */
export function addressBlock(address: string): string {
  const plain = plainAddress(address);
  return plain.includes(":") ? groupsOf(plain).slice(0, 4).join(":") + "::/64" : plain;
}

/**
 * What one party may easily come by: the /24 network of an IPv4 address, the smallest that is routed, or the /48 of an IPv6
 * address, which is what a site is given (RFC 6177).
 */
export function addressNetwork(address: string): string {
  const plain = plainAddress(address);
  if (plain.includes(":")) return groupsOf(plain).slice(0, 3).join(":") + "::/48";
  const end = plain.lastIndexOf(".");
  return end === -1 ? plain : plain.slice(0, end) + ".0/24";
}

/** The eight groups of an IPv6 address, without leading zeros. */
function groupsOf(address: string): string[] {
  const [head, tail] = address.split("%")[0].split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const after = tail === "" ? [] : tail.split(":");
    // An IPv4 address at the end stands for two groups; it is never within the first four.
    const missing = 8 - groups.length - after.length - (tail.includes(".") ? 1 : 0);
    groups.push(...Array<string>(Math.max(0, missing)).fill("0"), ...after);
  }
  return groups.map((group) => parseInt(group, 16).toString(16));
}
