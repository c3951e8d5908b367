/**
 * Why a program cannot listen where it was told to, and what to do.
 *
 * @module
 */

import { messageOf } from "./explain.ts";

/** Whether another program listens there. */
export function isTaken(cause: unknown): boolean {
  return cause instanceof Deno.errors.AddrInUse || messageOf(cause).includes("EADDRINUSE");
}

/** What is wrong and what to do, for what Deno or Node throws. */
export function listenFault(cause: unknown): string {
  const message = messageOf(cause);
  if (isTaken(cause)) return "another program already listens there; stop it or choose another port";
  if (cause instanceof Deno.errors.AddrNotAvailable || /EADDRNOTAVAIL|EINVAL/.test(message)) {
    return "this machine does not have that address; choose one that it has, or :PORT for all of them";
  }
  if (cause instanceof Deno.errors.PermissionDenied || message.includes("EACCES")) {
    return "the system does not permit it; choose a port above 1023";
  }
  if (/failed to lookup address|ENOTFOUND|EAI_/.test(message)) {
    return "its name is not known here; choose an address of this machine, or :PORT for all of them";
  }
  return message;
}
