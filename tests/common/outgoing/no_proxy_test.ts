import assert from "node:assert/strict";
import { readNoProxy } from "../../../common/outgoing/no_proxy.ts";

// The rules and most of the rows are those of golang.org/x/net/http/httpproxy (proxy_test.go).
const rows: [list: string, url: string, isExcepted: boolean][] = [
  ["", "http://example.com", false],
  [" , ,", "http://example.com", false],
  ["*", "http://example.com", true],
  ["*", "http://192.0.2.1", true],
  ["a, *", "https://[2001:db8::1]", true],
  ["example.com", "http://example.com", true],
  ["example.com", "http://EXAMPLE.com", true],
  ["EXAMPLE.com", "http://example.com", true],
  ["example.com", "http://www.example.com", true],
  ["example.com", "http://notexample.com", false],
  ["example.com", "http://example.com.evil", false],
  ["example", "http://example.com", false],
  [".example.com", "http://www.example.com", true],
  [".example.com", "http://example.com", false],
  ["*.example.com", "http://www.example.com", true],
  ["*.example.com", "http://example.com", false],
  ["example.com:443", "https://example.com", true],
  ["example.com:443", "http://example.com", false],
  ["example.com:80", "http://www.example.com", true],
  [".example.com:8080", "http://www.example.com:8080", true],
  [".example.com:8080", "http://www.example.com", false],
  [":80", "http://example.com", false],
  ["a, b , example.com", "http://example.com", true],
  ["bücher.example", "http://bücher.example", true],
  ["bücher.example", "http://xn--bcher-kva.example", true],
  ["192.0.2.1", "http://192.0.2.1", true],
  ["192.0.2.1", "http://192.0.2.10", false],
  ["192.0.2.1", "http://example.com", false],
  ["192.0.2.1:80", "http://192.0.2.1", true],
  ["192.0.2.1:80", "http://192.0.2.1:9003", false],
  ["192.0.2.01", "http://192.0.2.1", false],
  ["192.0.2.256", "http://192.0.2.1", false],
  ["10.0.0.0/8", "http://10.255.0.1", true],
  ["10.0.0.0/8", "http://11.0.0.1", false],
  ["10.1.2.3/8", "http://10.255.0.1", true],
  ["192.0.2.128/25", "http://192.0.2.128", true],
  ["192.0.2.128/25", "http://192.0.2.127", false],
  ["0.0.0.0/0", "http://192.0.2.1", true],
  ["0.0.0.0/0", "http://[2001:db8::1]", false],
  ["::/0", "http://192.0.2.1", false],
  ["10.0.0.0/33", "http://10.0.0.1", false],
  ["2001:db8::/32", "http://[2001:db8:ffff::1]", true],
  ["2001:db8::/32", "http://[2001:db9::1]", false],
  ["2001:db8:0:0::1", "http://[2001:db8::1]", true],
  ["[2001:db8::1]:9003", "http://[2001:db8::1]:9003", true],
  ["[2001:db8::1]:9003", "http://[2001:db8::1]", false],
  ["192.0.2.1", "http://[::ffff:192.0.2.1]", true],
];

for (const [list, url, isExcepted] of rows) {
  Deno.test(`readNoProxy() has '${list}' ${isExcepted ? "" : "not "}mean ${url}`, () => {
    assert.equal(readNoProxy(list)(new URL(url)), isExcepted);
  });
}
