import assert from "node:assert/strict";
import {
  environmentProxy,
  flaggedProxy,
  lendProxyEnvironment,
  noProxy,
  takeProxyEnvironment,
} from "../../../common/outgoing/proxy_rule.ts";
import { readProxyServer } from "../../../common/outgoing/proxy_server.ts";

/** An environment that a test makes up. */
function environment(variables: Record<string, string>) {
  const left = new Map(Object.entries(variables));
  return { left, get: (name: string) => left.get(name), delete: (name: string) => void left.delete(name) };
}

/** The proxy for a URL in an environment, and what names it. */
function chosen(variables: Record<string, string>, url: string): string | undefined {
  const proxy = environmentProxy(takeProxyEnvironment(environment(variables)))(new URL(url));
  return proxy && `${proxy.url} of ${proxy.namedBy}`;
}

const HTTP = "http://http:1", HTTPS = "http://https:2", ALL = "socks5://all:3";

const rows: [variables: Record<string, string>, url: string, proxy: string | undefined][] = [
  [{}, "https://server", undefined],
  [{ HTTP_PROXY: HTTP, HTTPS_PROXY: HTTPS }, "https://server", `${HTTPS} of HTTPS_PROXY`],
  [{ HTTP_PROXY: HTTP, HTTPS_PROXY: HTTPS }, "http://server", `${HTTP} of HTTP_PROXY`],
  [{ HTTP_PROXY: HTTP }, "https://server", undefined],
  [{ HTTPS_PROXY: HTTPS }, "http://server", undefined],
  [{ http_proxy: HTTP, https_proxy: HTTPS }, "https://server", `${HTTPS} of https_proxy`],
  [{ HTTPS_PROXY: HTTPS, https_proxy: "http://other" }, "https://server", `${HTTPS} of HTTPS_PROXY`],
  [{ HTTPS_PROXY: "", https_proxy: HTTPS }, "https://server", `${HTTPS} of https_proxy`],
  [{ HTTPS_PROXY: "https:2" }, "https://server", `${HTTPS} of HTTPS_PROXY`],
  [{ ALL_PROXY: ALL }, "https://server", `${ALL} of ALL_PROXY`],
  [{ all_proxy: ALL }, "http://server", `${ALL} of all_proxy`],
  [{ ALL_PROXY: ALL, HTTPS_PROXY: HTTPS }, "https://server", `${HTTPS} of HTTPS_PROXY`],
  [{ ALL_PROXY: ALL, HTTPS_PROXY: HTTPS }, "http://server", `${ALL} of ALL_PROXY`],
  [{ HTTPS_PROXY: HTTPS, NO_PROXY: "server" }, "https://server", undefined],
  [{ HTTPS_PROXY: HTTPS, no_proxy: "server" }, "https://server", undefined],
  [{ HTTPS_PROXY: HTTPS, NO_PROXY: "other" }, "https://server", `${HTTPS} of HTTPS_PROXY`],
  [{ HTTPS_PROXY: HTTPS, NO_PROXY: "*" }, "https://server", undefined],
  [{ HTTP_PROXY: HTTP }, "http://localhost:9003", undefined],
  [{ ALL_PROXY: ALL }, "https://127.0.0.1:9003", undefined],
  [{ HTTPS_PROXY: HTTPS, REQUEST_METHOD: "GET", HTTP_PROXY: HTTP }, "https://server", `${HTTPS} of HTTPS_PROXY`],
];

for (const [variables, url, proxy] of rows) {
  Deno.test(`environmentProxy() of ${JSON.stringify(variables)} chooses ${proxy ?? "none"} for ${url}`, () => {
    assert.equal(chosen(variables, url), proxy);
  });
}

Deno.test("environmentProxy() refuses a bad proxy by its variable, when a URL needs it, without quoting it", () => {
  assert.throws(() => chosen({ HTTPS_PROXY: "ftp://user:s3cret@proxy" }, "https://server"), {
    name: "UsageError",
    message:
      "Bad HTTPS_PROXY: Cannot read it as a proxy: write http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT",
  });
  assert.equal(chosen({ HTTPS_PROXY: "ftp://user:s3cret@proxy" }, "http://server"), undefined);
});

Deno.test("environmentProxy() refuses the HTTP_PROXY of a CGI script, as Go does", () => {
  assert.throws(() => chosen({ HTTP_PROXY: HTTP, REQUEST_METHOD: "GET" }, "http://server"), {
    name: "UsageError",
    message: "Cannot use HTTP_PROXY where REQUEST_METHOD is set: a CGI script has it from a header",
  });
});

Deno.test("takeProxyEnvironment() leaves no proxy for the platform to find", () => {
  const variables = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"].flatMap((
    name,
  ) => [name, name.toLowerCase()]);
  const env = environment({ ...Object.fromEntries(variables.map((name) => [name, "http://proxy"])), HOME: "/" });
  takeProxyEnvironment(env);
  assert.deepEqual([...env.left.keys()], ["HOME"]);
});

Deno.test("takeProxyEnvironment() says which variables it must be allowed to read", () => {
  const denied = () => {
    throw new Deno.errors.NotCapable('Requires env access to "HTTP_PROXY"');
  };
  assert.throws(() => takeProxyEnvironment({ get: denied, delete: denied }), {
    name: "UsageError",
    message:
      "Cannot tell which proxies the environment names: start with --allow-env=HTTP_PROXY,http_proxy,HTTPS_PROXY," +
      "https_proxy,ALL_PROXY,all_proxy,NO_PROXY,no_proxy,REQUEST_METHOD,DENO_TLS_CA_STORE",
  });
});

Deno.test("flaggedProxy() sends everything through one proxy but what is on this machine", () => {
  const rule = flaggedProxy(readProxyServer(HTTP), "--to-proxy");
  assert.deepEqual(rule(new URL("https://server")), { ...readProxyServer(HTTP), namedBy: "--to-proxy" });
  assert.equal(rule(new URL("http://localhost:9003")), undefined);
});

Deno.test("noProxy() sends everything directly", () => {
  assert.equal(noProxy(new URL("https://server")), undefined);
});

Deno.test("lendProxyEnvironment() has the platform find proxies while it opens, and no longer", () => {
  const variables = { HTTPS_PROXY: "https:2", no_proxy: "server" };
  const lent = lendProxyEnvironment(takeProxyEnvironment(environment(variables)), () => {
    return Object.keys(variables).map((name) => Deno.env.get(name));
  });
  assert.deepEqual(lent, ["https:2", "server"]);
  for (const name of Object.keys(variables)) assert.equal(Deno.env.get(name), undefined);
});
