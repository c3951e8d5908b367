import assert from "node:assert/strict";
import { OutgoingRequests } from "../../../common/outgoing/outgoing_requests.ts";
import { flaggedProxy, noProxy } from "../../../common/outgoing/proxy_rule.ts";
import { readProxyServer } from "../../../common/outgoing/proxy_server.ts";
import { startForwardProxy } from "../../support/forward_proxy.ts";
import { loopback } from "../../support/loopback.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** A listener that has closed: nobody listens there any more. */
async function gone() {
  await using listener = await loopback(() => new Response());
  return listener;
}

const SIDE = { url: "--authorize" };
const userAgent = "a test/1.0";

for (const speaks of ["http", "socks5"] as const) {
  Deno.test(`OutgoingRequests.fetchOf() goes through a proxy that speaks ${speaks}, request after request`, async () => {
    await using server = await loopback((request) => new Response(request.headers.get("x-own")));
    await using proxy = await startForwardProxy({ to: server.url.host, speaks });
    using requests = new OutgoingRequests({ userAgent, proxyFor: flaggedProxy(readProxyServer(proxy.url), "--proxy") });
    for (const own of ["1", "2"]) {
      const response = await requests.fetchOf(SIDE)("http://server.test/", { headers: { "x-own": own } });
      assert.equal(await response.text(), own);
    }
    assert.match(proxy.asked[0], speaks === "http" ? /^GET http:\/\/server\.test\/$/ : /^SOCKS server\.test:80$/);
  });
}

Deno.test("OutgoingRequests.fetchOf() says whose the requests are", async () => {
  await using server = await loopback(({ headers }) => new Response(headers.get("user-agent")));
  using requests = new OutgoingRequests({ userAgent, proxyFor: noProxy });
  assert.equal(await (await requests.fetchOf(SIDE)(server.url)).text(), userAgent);
});

Deno.test("OutgoingRequests.fetchOf() says in one sentence why nobody answered, without secrets of the URL", async () => {
  const { url: { host } } = await gone();
  using requests = new OutgoingRequests({ userAgent, proxyFor: noProxy });
  await assert.rejects(
    requests.fetchOf(SIDE)(`http://user:s3cret@${host}/path?token=s3cret`),
    (error: Error) => {
      assert.ok(error.message.startsWith(`Cannot ask http://${host}: it cannot be reached: `), error.message);
      assert.doesNotMatch(`${error.stack}${error.cause}`, /s3cret/);
      return true;
    },
  );
});

Deno.test("OutgoingRequests.fetchOf() gives up when its signal is aborted, with the signal's own reason", async () => {
  await using server = await loopback(() => new Promise<Response>(() => {}));
  using requests = new OutgoingRequests({ userAgent, proxyFor: noProxy });
  await assert.rejects(requests.fetchOf(SIDE)(server.url, { signal: AbortSignal.timeout(50) }), {
    name: "TimeoutError",
  });
});

Deno.test("OutgoingRequests.fetchOf() hands on an answer that refuses, but for a proxy's that wants a login", async () => {
  await using server = await loopback(() => new Response(null, { status: 407 }));
  await using proxy = await startForwardProxy({ to: server.url.host, login: "user:other" });
  using direct = new OutgoingRequests({ userAgent, proxyFor: noProxy });
  const { status, body } = await direct.fetchOf(SIDE)(server.url);
  await body?.cancel();
  assert.equal(status, 407);
  using proxied = new OutgoingRequests({ userAgent, proxyFor: flaggedProxy(readProxyServer(proxy.url), "--proxy") });
  await assert.rejects(proxied.fetchOf(SIDE)("http://server.test"), {
    message: `Cannot ask http://server.test through the proxy ${proxy.place}: ` +
      "the proxy wants a user name and a password: give them in the URL of --proxy",
  });
});
