import assert from "node:assert/strict";
import { certificatesOf, type InternalAddress, pagesOf, sinksOf } from "../../../server/ring/member_report.ts";

const OWN = { address: "a.example:9005", host: "a" };

Deno.test("pagesOf() says where the pages of another member are, as far as a reader of ours can reach them", () => {
  const rows:
    readonly (readonly [internal: unknown, member: { address: string; host: string }, url: string | undefined])[] = [
      [{ hostname: "10.0.0.2", port: 9004, secure: false }, { address: "b:9005", host: "b" }, "http://10.0.0.2:9004"],
      [{ hostname: "b", port: 9004, secure: true }, { address: "b:9005", host: "b" }, "https://b:9004"],
      [{ hostname: "0.0.0.0", port: 80, secure: false }, { address: "b.example:9005", host: "b" }, "http://b.example"],
      [
        { hostname: "::", port: 9004, secure: false },
        { address: "[fd00::2]:9005", host: "b" },
        "http://[fd00::2]:9004",
      ],
      [{ hostname: "localhost", port: 9004, secure: false }, { address: "b:9005", host: "b" }, undefined],
      [{ hostname: "localhost", port: 9014, secure: false }, { address: "a:9006", host: "a" }, "http://localhost:9014"],
      [undefined, { address: "b:9005", host: "b" }, undefined],
      // What a hostile member may say.
      [{ hostname: "b/x?y#", port: 9004, secure: false }, { address: "b:9005", host: "b" }, undefined],
      [{ hostname: "u@b", port: 9004, secure: false }, { address: "b:9005", host: "b" }, undefined],
      [{ hostname: 'b">', port: 9004, secure: false }, { address: "b:9005", host: "b" }, undefined],
      [{ hostname: 7, port: 9004, secure: false }, { address: "b:9005", host: "b" }, undefined],
      [{ hostname: "b", port: "9004", secure: false }, { address: "b:9005", host: "b" }, undefined],
    ];
  for (const [internal, member, url] of rows) {
    assert.equal(pagesOf(internal as InternalAddress | undefined, { member, own: OWN }), url, JSON.stringify(internal));
  }
});

Deno.test("certificatesOf() takes what a member tells of its certificates, clipped, and nothing that is something else", () => {
  const good = { flag: "--cluster-crt", file: "/a.crt", subject: "CN=a", ends: "2026-01-02T03:04:05.000Z", days: 3 };
  assert.deepEqual(certificatesOf({ certificates: [good] }), [good]);
  assert.deepEqual(certificatesOf({ certificates: [] }), []);
  const [clipped] = certificatesOf({ certificates: [{ ...good, subject: "x".repeat(1e6) }] })!;
  assert.ok(clipped.subject.length <= 200);
  assert.equal(certificatesOf({ certificates: Array(1_000).fill(good) })?.length, 10);
  const bad = [undefined, null, 7, {}, [7], [null], [{ ...good, days: "3" }], [{ ...good, ends: "soon" }], [{
    ...good,
    file: {},
  }]];
  for (const certificates of bad) {
    assert.equal(certificatesOf({ certificates }), undefined, JSON.stringify(certificates));
  }
});

Deno.test("sinksOf() takes what a member tells of its sinks, clipped, and nothing that is something else", () => {
  const at = "2026-01-02T03:04:05.000Z";
  const good = {
    ...{ url: "https://sink/write", state: "failing", version: "2.0", waiting: 1, lagSeconds: 2.5, lastSuccess: at },
    ...{ lastFailure: { at, why: "it answers 500" }, sent: 1, dropped: 0, conflated: 0 },
  };
  assert.deepEqual(sinksOf({ sinks: [{ ...good, more: 7 }] }), [good]);
  assert.deepEqual(sinksOf({ sinks: [] }), []);
  const { lastSuccess: _, lastFailure: __, ...never } = good;
  assert.deepEqual(sinksOf({ sinks: [never] }), [never]);
  const [clipped] = sinksOf({ sinks: [{ ...good, lastFailure: { at, why: "x".repeat(1e6) } }] })!;
  assert.ok(clipped.lastFailure!.why.length <= 200);
  assert.equal(sinksOf({ sinks: Array(1_000).fill(good) })?.length, 100);
  const bad = [
    ...[undefined, null, 7, {}, [7], [null]],
    ...[{ url: 7 }, { state: "fine" }, { version: "3" }, { waiting: "1" }, { lagSeconds: -1 }, { lastSuccess: "soon" }]
      .map((change) => [{ ...good, ...change }]),
    ...[7, null, { at }, { at: "soon", why: "" }].map((lastFailure) => [{ ...good, lastFailure }]),
  ];
  for (const sinks of bad) assert.equal(sinksOf({ sinks }), undefined, JSON.stringify(sinks));
});
