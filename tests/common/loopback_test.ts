import assert from "node:assert/strict";
import { isLoopback, isLoopbackHost } from "../../common/loopback.ts";

const places: [url: string, isLocal: boolean][] = [
  ["http://localhost:9090", true],
  ["http://LOCALHOST", true],
  ["http://prometheus.localhost", true],
  ["http://127.0.0.1", true],
  ["http://127.1.2.3", true],
  ["http://[::1]:9090", true],
  ["http://[::ffff:127.0.0.1]", true],
  ["http://localhost.:1", true],
  ["http://127.1", true],
  ["http://0.0.0.0", false],
  ["http://[::]", false],
  ["http://[::ffff:128.0.0.1]", false],
  ["http://127.0.0.1.example", false],
  ["http://notlocalhost", false],
  ["http://localhost.example", false],
  ["http://128.0.0.1", false],
  ["http://[::2]", false],
  ["http://[2001:db8::1]", false],
];

for (const [url, isLocal] of places) {
  Deno.test(`isLoopback() takes ${url} for ${isLocal ? "this machine" : "another one"}`, () => {
    assert.equal(isLoopback(new URL(url)), isLocal);
  });
}

Deno.test("isLoopbackHost() takes hosts as options have them", () => {
  const hosts = ["localhost", "127.0.0.1", "::1", "", "0.0.0.0", "::", "10.0.0.1", "server", "not a host"];
  assert.deepEqual(hosts.filter(isLoopbackHost), ["localhost", "127.0.0.1", "::1"]);
});
