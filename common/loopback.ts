/**
 * Whether a host is this machine itself, so that nobody between can read or change what is said.
 *
 * @module
 */

/** `localhost`, names below it, 127.0.0.0/8 and ::1, also as IPv6 writes addresses of IPv4; as a URL has them. */
const LOOPBACK = /^(?:(?:.*\.)?localhost\.?|127(?:\.\d+){3}|\[::1\]|\[::ffff:7f[\da-f]{2}:[\da-f]{1,4}\])$/;

/** Whether a URL's host is this machine: `localhost`, a name below it, or a loopback address. */
export function isLoopback({ hostname }: URL): boolean {
  return LOOPBACK.test(hostname);
}

/** The same of a host as an option has it has it: without brackets, and empty for every address. */
export function isLoopbackHost(host: string): boolean {
  const url = URL.parse(`http://${host.includes(":") ? `[${host}]` : host}/`);
  return host !== "" && url !== null && isLoopback(url);
}
