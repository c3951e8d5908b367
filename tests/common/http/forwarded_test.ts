import assert from "node:assert/strict";
import fc from "fast-check";
import { clientAddress } from "../../../common/http/forwarded.ts";
import { Networks } from "../../../common/http/networks.ts";

const trusted = new Networks(["10.0.0.0/8", "fd00::/8"]);
const PROXY = "10.0.0.1";
const clientOf = (headers: Record<string, string>) => clientAddress(PROXY, { headers, trusted });
const listed = (list: string) => clientOf({ "x-forwarded-for": list });
const forwarded = (header: string) => clientOf({ forwarded: header });

Deno.test("clientAddress() reads X-Forwarded-For from the right, as far as proxies are trusted", () => {
  const rows: [list: string, client: string][] = [
    ["192.0.2.7", "192.0.2.7"],
    ["198.51.100.1, 192.0.2.7", "192.0.2.7"],
    ["192.0.2.7, 10.0.0.2", "192.0.2.7"],
    ["198.51.100.1,192.0.2.7,10.0.0.2 , 10.0.0.3", "192.0.2.7"],
    ["10.0.0.3, 10.0.0.2", "10.0.0.3"],
    ["192.0.2.7:1234", "192.0.2.7"],
    ["2001:db8::7", "2001:db8::7"],
    ["[2001:db8::7]:1234", "2001:db8::7"],
    ["[2001:db8::7]", "2001:db8::7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["192.0.2.7, unknown", PROXY],
    ["192.0.2.7, unknown, 10.0.0.2", "10.0.0.2"],
    ["192.0.2.7,", PROXY],
    ["192.0.2.7 198.51.100.1", PROXY],
    ["192.0.2.7:x", PROXY],
    ["", PROXY],
    ["a".repeat(1_000), PROXY],
  ];
  for (const [list, client] of rows) assert.equal(listed(list), client, list);
  assert.equal(clientOf({}), PROXY);
});

Deno.test("clientAddress() reads Forwarded from the right, as far as proxies are trusted", () => {
  const rows: [header: string, client: string][] = [
    ["for=192.0.2.7", "192.0.2.7"],
    ['For="192.0.2.7:1234";proto=https;by=10.0.0.1', "192.0.2.7"],
    ['proto=https; for="[2001:db8::7]:1234"', "2001:db8::7"],
    ["for=198.51.100.1, for=192.0.2.7", "192.0.2.7"],
    ["for=192.0.2.7, for=10.0.0.2;host=a", "192.0.2.7"],
    ['for=192.0.2.7;host="a,b;for=198.51.100.1"', "192.0.2.7"],
    ["for=192.0.2.7, for=_hidden", PROXY],
    ["for=192.0.2.7, for=unknown", PROXY],
    ["for=192.0.2.7, proto=https", PROXY],
    ['for="192.0.2.7', PROXY],
    ['for=198.51.100.1;a=", for="192.0.2.7:80"', PROXY],
    ['for=198.51.100.1;a="\\, for="192.0.2.7:80"', PROXY],
    ["host=a", PROXY],
    ["", PROXY],
  ];
  for (const [header, client] of rows) assert.equal(forwarded(header), client, header);
});

Deno.test("clientAddress() believes neither header where they do not agree", () => {
  assert.equal(clientOf({ forwarded: "for=192.0.2.7", "x-forwarded-for": "192.0.2.7" }), "192.0.2.7");
  assert.equal(clientOf({ forwarded: "for=198.51.100.1", "x-forwarded-for": "192.0.2.7" }), PROXY);
  assert.equal(clientOf({ forwarded: "garbage", "x-forwarded-for": "192.0.2.7" }), PROXY);
});

Deno.test("clientAddress() lets no client choose its address, whatever it sends before what the proxy adds", () => {
  const claims = fc.string({ unit: fc.constantFrom(...'for=6.,;"\\ x[]:'), maxLength: 30, size: "max" });
  fc.assert(
    fc.property(claims, fc.constantFrom("192.0.2.7", '"192.0.2.7:80"', '"[::ffff:192.0.2.7]:80"'), (claim, added) => {
      assert.equal(listed(`${claim}, 192.0.2.7`), "192.0.2.7");
      for (const start of ["", 'for=6.6.6.6;a="', "for=6.6.6.6,"]) {
        const client = forwarded(`${start}${claim}, for=${added}`);
        // What the client leaves open takes in what the proxy adds: then it is the proxy that is charged.
        assert(client === "192.0.2.7" || client === PROXY, client);
      }
    }),
    { numRuns: 2_000 },
  );
});
