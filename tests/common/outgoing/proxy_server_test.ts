import assert from "node:assert/strict";
import { type ProxyServer, readProxyServer } from "../../../common/outgoing/proxy_server.ts";

const good: [text: string, proxy: ProxyServer][] = [
  ["http://proxy:3128", { place: "proxy:3128", protocol: "http:", url: "http://proxy:3128" }],
  ["http://proxy", { place: "proxy:80", protocol: "http:", url: "http://proxy:80" }],
  ["proxy:3128", { place: "proxy:3128", protocol: "http:", url: "http://proxy:3128" }],
  [" proxy ", { place: "proxy:80", protocol: "http:", url: "http://proxy:80" }],
  ["HTTPS://Proxy/path", { place: "proxy:443", protocol: "https:", url: "https://proxy:443" }],
  ["http://[2001:db8::1]:3128/", { place: "[2001:db8::1]:3128", protocol: "http:", url: "http://[2001:db8::1]:3128" }],
  ["socks5://proxy", { place: "proxy:1080", protocol: "socks5:", url: "socks5://proxy:1080" }],
  ["socks5h://proxy:1", { place: "proxy:1", protocol: "socks5h:", url: "socks5h://proxy:1" }],
  ["http://us%2Fer:p%40ss@proxy:3128", {
    place: "proxy:3128",
    protocol: "http:",
    url: "http://proxy:3128",
    credentials: { username: "us/er", password: "p@ss" },
  }],
  ["user@proxy:3128", {
    place: "proxy:3128",
    protocol: "http:",
    url: "http://proxy:3128",
    credentials: { username: "user", password: "" },
  }],
];

for (const [text, proxy] of good) {
  Deno.test(`readProxyServer() reads '${text}'`, () => {
    assert.deepEqual(readProxyServer(text), proxy);
  });
}

for (
  const text of ["", "ftp://s3cret@proxy", "http://", "http://s3cret:x@:80", "socks4://s3cret@proxy", "http://s3cret x"]
) {
  Deno.test(`readProxyServer() refuses '${text}' without quoting it`, () => {
    assert.throws(() => readProxyServer(text), {
      name: "SyntaxError",
      message: "Cannot read it as a proxy: write http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT",
    });
  });
}
