import assert from "node:assert/strict";
import { Networks, networks } from "../../../common/http/networks.ts";

Deno.test("Networks.has() tells whether one of the networks holds an address", () => {
  const known = new Networks(["10.0.0.0/8", "192.0.2.1", "fd00::/8", "2001:db8::1", "198.51.100.128/25"]);
  const rows: [address: string, is: boolean][] = [
    ["10.1.2.3", true],
    ["11.1.2.3", false],
    ["192.0.2.1", true],
    ["192.0.2.2", false],
    ["198.51.100.127", false],
    ["198.51.100.200", true],
    ["fd12::1%eth0", true],
    ["fe80::1%eth0", false],
    ["2001:DB8:0::1", true],
    ["2001:db8::2", false],
    ["::ffff:10.1.2.3", true],
    ["", false],
    ["unknown", false],
  ];
  for (const [address, is] of rows) assert.equal(known.has(address), is, address);
  assert.equal(new Networks(["0.0.0.0/0"]).has("192.0.2.1"), true);
});

Deno.test("networks reads blocks apart by commas, and nothing from nothing", () => {
  assert.equal(networks.read([""]), undefined);
  assert.equal(networks.read([" , "]), undefined);
  const known = networks.read(["10.0.0.0/8, fd00::/8", "192.0.2.1"])!;
  assert.deepEqual(["10.0.0.1", "fd00::1", "192.0.2.1", "192.0.2.2"].map((it) => known.has(it)), [
    true,
    true,
    true,
    false,
  ]);
});

Deno.test("networks refuses what is no network, and says how to write one", () => {
  for (const text of ["10.0.0.0/33", "fd00::/129", "10.0.0", "localhost", "10.0.0.0/", "10.0.0.0/8/8", "10.0.0.0/-1"]) {
    assert.throws(() => networks.read([text]), {
      name: "SyntaxError",
      message: `Cannot read '${text}' as a network: write it as in 10.0.0.0/8, fd00::/8 or 192.0.2.1`,
    });
  }
});
