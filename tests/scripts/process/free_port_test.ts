import assert from "node:assert/strict";
import { distinctPorts, freePort, isFree } from "../../../scripts/process/free_port.ts";

Deno.test("freePort() finds one that nothing listens on, below those lent to outgoing connections", () => {
  const port = freePort();
  assert.ok(port >= 10_000 && port < 30_000, `${port}`);
  Deno.listen({ hostname: "127.0.0.1", port }).close();
});

Deno.test("freePort() takes the preferred one only if it is free", () => {
  const preferred = freePort();
  assert.equal(freePort({ preferred }), preferred);
  using _listener = Deno.listen({ hostname: "127.0.0.1", port: preferred });
  assert.equal(isFree(preferred), false);
  assert.notEqual(freePort({ preferred }), preferred);
});

Deno.test("distinctPorts() gives out no port twice, though nothing listens on them yet", () => {
  const preferred = freePort();
  const portFor = distinctPorts((usual) => usual);
  const ports = [preferred, preferred, preferred].map((usual) => portFor(usual));
  assert.equal(ports[0], preferred);
  assert.equal(new Set(ports).size, 3);
});
