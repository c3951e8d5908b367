import assert from "node:assert/strict";
import { addressBlock, addressNetwork, plainAddress } from "../../../common/http/addresses.ts";

Deno.test("plainAddress() and addressBlock() tell who it is and what belongs to them", () => {
  const rows: [address: string, plain: string, block: string][] = [
    ["192.0.2.1", "192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"],
    ["::FFFF:192.0.2.1", "192.0.2.1", "192.0.2.1"],
    ["2001:DB8:0001:2:ffff::", "2001:DB8:0001:2:ffff::", "2001:db8:1:2::/64"],
    ["unix", "unix", "unix"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8::1", "2001:db8:0:0::/64"],
    ["2001:db8:0:0:1::", "2001:db8:0:0:1::", "2001:db8:0:0::/64"],
    ["2001:0db8::5:6:7:8", "2001:0db8::5:6:7:8", "2001:db8:0:0::/64"],
    ["2001:db8:1:2:3::", "2001:db8:1:2:3::", "2001:db8:1:2::/64"],
    ["::1", "::1", "0:0:0:0::/64"],
    ["::", "::", "0:0:0:0::/64"],
    ["fe80::1%eth0", "fe80::1%eth0", "fe80:0:0:0::/64"],
    ["64:ff9b::192.0.2.1", "64:ff9b::192.0.2.1", "64:ff9b:0:0::/64"],
    ["", "", ""],
  ];
  for (const [address, plain, block] of rows) {
    assert.deepEqual([plainAddress(address), addressBlock(address)], [plain, block], address);
  }
});

Deno.test("addressNetwork() tells which network an address is of", () => {
  const rows: [address: string, network: string][] = [
    ["192.0.2.1", "192.0.2.0/24"],
    ["192.0.2.255", "192.0.2.0/24"],
    ["::ffff:192.0.2.1", "192.0.2.0/24"],
    ["2001:DB8:0001:2:ffff::", "2001:db8:1::/48"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"],
    ["2001:db8::1", "2001:db8:0::/48"],
    ["::1", "0:0:0::/48"],
    ["fe80::1%eth0", "fe80:0:0::/48"],
    ["unix", "unix"],
    ["", ""],
  ];
  for (const [address, network] of rows) assert.equal(addressNetwork(address), network, address);
});
