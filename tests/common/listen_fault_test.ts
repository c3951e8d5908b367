import assert from "node:assert/strict";
import { listenFault } from "../../common/listen_fault.ts";

const ofNode = (code: string) => Object.assign(new Error(`listen ${code}: 192.0.2.1:80`), { code });

for (
  const [cause, says] of [
    [new Deno.errors.AddrInUse("in use"), /^another program already listens there; stop it or choose another port$/],
    [ofNode("EADDRINUSE"), /^another program already listens there; /],
    [
      new Deno.errors.AddrNotAvailable("not there"),
      /^this machine does not have that address; choose one that it has, /,
    ],
    [ofNode("EADDRNOTAVAIL"), /^this machine does not have that address; /],
    [new Deno.errors.PermissionDenied("no"), /^the system does not permit it; choose a port above 1023$/],
    [ofNode("EACCES"), /^the system does not permit it; /],
    [
      new Error("failed to lookup address information: Name or service not known"),
      /^its name is not known here; choose /,
    ],
    [new Error("getaddrinfo ENOTFOUND nohost"), /^its name is not known here; choose an address of this machine, /],
    [new Error("anything else"), /^anything else$/],
  ] as const
) {
  Deno.test(`listenFault() says what is wrong and what to do for ${cause.message}`, () => {
    assert.match(listenFault(cause), says);
  });
}
