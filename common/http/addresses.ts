/**
 * Addresses of clients, as they are shown and counted.
 *
 * @module
 */

/** An address as people know it: `::ffff:192.0.2.1` is `192.0.2.1`. */
export function plainAddress(address: string): string {
  return /^::ffff:.*\./i.test(address) ? address.slice("::ffff:".length) : address;
}

/**
 * What one party controls: an IPv4 address, or the /64 network of an IPv6 address, out of which its user picks freely
 * (RFC 4291 section 2.5.4).
 */
export function addressBlock(address: string): string {
  const plain = plainAddress(address);
  if (!plain.includes(":")) return plain;
  const [head, tail] = plain.split("%")[0].split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const after = tail === "" ? [] : tail.split(":");
    // An IPv4 address at the end stands for two groups; it is never within the first four.
    const missing = 8 - groups.length - after.length - (tail.includes(".") ? 1 : 0);
    groups.push(...Array<string>(Math.max(0, missing)).fill("0"), ...after);
  }
  return groups.slice(0, 4).map((group) => parseInt(group, 16).toString(16)).join(":") + "::/64";
}
