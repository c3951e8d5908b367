/** Real balancers in front of the real programs: health checks, pushes and scrapes, in the clear and over TLS. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { encodeFamilies, PROTOBUF_CONTENT_TYPE } from "../../common/exposition/protobuf.ts";
import { eventually } from "../../scripts/process/eventually.ts";
import { type Balancer, type RunningBalancer, startHaproxy, startNginx, withBalancer } from "../support/balancers.ts";
import { makeCertificate } from "../support/certificates.ts";
import { startAuthorizer, startClient, startServer, tempFolder } from "../support/programs.ts";
import { RawClient } from "../support/raw_client.ts";
import { realisticFamilies } from "../support/realistic_push.ts";
import { unknownToken, UpstreamUnderTest, yes } from "../support/upstream_authorizer.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const CLUSTERS = 8;

/** A server in a folder of its own, with a certificate that stands for itself, used by it if `secure`. */
async function open({ secure = false, flags = [] }: { secure?: boolean; flags?: readonly string[] } = {}) {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const { cert, key } = await makeCertificate("telemeter");
  const crt = await folder.write("tls.crt", cert), pem = await folder.write("tls.key", key);
  const tls = secure ? [`--tls-crt=${crt}`, `--tls-key=${pem}`] : [];
  const server = stack.use(
    await startServer(["--ratelimit=0", "--verbose", ...tls, ...flags], { storageDir: join(folder.path, "data") }),
  );
  const both = await folder.write("both.pem", `${cert}\n${key}`);
  const trusting = stack.adopt(Deno.createHttpClient({ caCerts: [cert], poolMaxIdlePerHost: 4 }), (it) => it.close());
  const rest = stack.move();
  return {
    folder,
    server,
    /** Files of the certificate: itself, its key, both in one. */
    files: { crt, pem, both },
    external: Number(server.external.port),
    internal: Number(server.internal.port),
    fetch: (url: string | URL, init?: RequestInit) => fetch(url, { ...init, client: trusting }),
    /** What the server has logged for somebody to act upon since it began to listen. */
    noise: () => {
      const { lines } = server.child, start = lines.findIndex((line) => line.includes("msg=Listening"));
      return lines.slice(start).filter((line) => /level=(?:warning|error|fatal)/.test(line));
    },
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

type Rig = Awaited<ReturnType<typeof open>>;

/** How a balancer is set up to bring what comes to one port to the external listener, and another to the internal one. */
interface Way {
  readonly balancer: Balancer;
  readonly what: string;
  /** Whether clients speak TLS to the external port, and whether the server does. */
  readonly tls: { readonly outside: boolean; readonly inside: boolean };
  readonly start: (rig: Rig) => Promise<RunningBalancer>;
}

const PLAIN = { outside: false, inside: false };

/** HAProxy with these lines in both of its proxies, `bind` and `server` with these words behind. */
function haproxy(
  what: string,
  lines: readonly string[],
  { tls = PLAIN, bind = () => "", server = "" }: {
    tls?: Way["tls"];
    bind?: (rig: Rig) => string;
    server?: string;
  } = {},
): Way {
  const start = (rig: Rig) =>
    startHaproxy((external, internal) =>
      [
        ...["listen external", ...lines, `bind 127.0.0.1:${external} ${bind(rig)}`],
        `server s 127.0.0.1:${rig.external} ${server}`,
        ...["listen internal", ...lines, `bind 127.0.0.1:${internal}`, `server s 127.0.0.1:${rig.internal}`],
      ].join("\n"), { folder: rig.folder, ports: 2 });
  return { balancer: "haproxy", what, tls, start };
}

/** nginx with these lines in both of its servers. */
function nginx(
  what: string,
  lines: readonly string[],
  { tls = PLAIN }: { tls?: Way["tls"] } = {},
): Way {
  const start = (rig: Rig) => {
    const certificate = `ssl_certificate ${rig.files.crt}; ssl_certificate_key ${rig.files.pem};`;
    const inside = `${tls.inside ? "https" : "http"}://external`;
    return startNginx((external, internal) =>
      [
        `upstream external { server 127.0.0.1:${rig.external}; keepalive 4; }`,
        `upstream internal { server 127.0.0.1:${rig.internal}; keepalive 4; }`,
        `server { listen 127.0.0.1:${external} ${tls.outside ? "ssl" : ""}; ${tls.outside ? certificate : ""}`,
        ...[...lines, `location / { proxy_pass ${inside}; } }`],
        ...[`server { listen 127.0.0.1:${internal};`, ...lines, "location / { proxy_pass http://internal; } }"],
      ].join("\n"), { folder: rig.folder, ports: 2 });
  };
  return { balancer: "nginx", what, tls, start };
}

const WAYS: readonly Way[] = [
  haproxy("in http mode", []),
  haproxy("in http mode, closing after each request", ["option httpclose"]),
  haproxy("in http mode, closing towards the server", ["option http-server-close"]),
  haproxy("in http mode, waiting for whole requests", ["option http-buffer-request"]),
  haproxy("in tcp mode", ["mode tcp"]),
  haproxy("in tcp mode, passing TLS through", ["mode tcp"], { tls: { outside: true, inside: true } }),
  haproxy("ending TLS", [], {
    tls: { outside: true, inside: false },
    bind: ({ files }) => `ssl crt ${files.both}`,
  }),
  haproxy("ending TLS and beginning it again", [], {
    tls: { outside: true, inside: true },
    bind: ({ files }) => `ssl crt ${files.both} alpn h2,http/1.1`,
    server: "ssl verify none",
  }),
  nginx("as it is set up by default, with HTTP/1.0", []),
  nginx("with HTTP/1.0 and no buffers", ["proxy_buffering off; proxy_request_buffering off;"]),
  nginx("with HTTP/1.1 and kept connections", ['proxy_http_version 1.1; proxy_set_header Connection "";']),
  nginx("with HTTP/1.1 and no buffers", [
    'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; proxy_request_buffering off;',
  ]),
  nginx("ending TLS", [], { tls: { outside: true, inside: false } }),
  nginx("ending TLS and beginning it again", [], { tls: { outside: true, inside: true } }),
];

for (const { balancer, what, tls, start } of WAYS) {
  Deno.test({
    ...withBalancer(balancer, `the server behind ${balancer} ${what} is healthy, takes pushes and shows its page`),
    fn: async () => {
      await using rig = await open({ secure: tls.inside });
      await using front = await start(rig);
      const [external, internal] = front.ports;
      const at = `${tls.outside ? "https" : "http"}://127.0.0.1:${external}`, from = `http://127.0.0.1:${internal}`;
      const { fetch } = rig;

      for (const url of [`${at}/healthz/ready`, `${from}/healthz/ready?a=b`]) {
        for (const method of ["GET", "HEAD", "OPTIONS"]) {
          const response = await fetch(url, { method });
          assert.equal(response.status, 200, `${method} ${url}`);
          await response.body?.cancel();
        }
      }

      for (let n = 0; n < CLUSTERS; n++) {
        const authorized = await fetch(`${at}/authorize?id=c${n}`, {
          method: "POST",
          headers: { authorization: "Bearer any" },
        });
        assert.equal(authorized.status, 200);
        const { token } = await authorized.json();
        const bytes = encodeFamilies(realisticFamilies({ id: `c${n}`, nowMs: Date.now() }));
        // Every other push comes in chunks, without a length.
        const body = n % 2 === 0 ? bytes as BodyInit : new Blob([bytes as BlobPart]).stream();
        const headers = { authorization: `Bearer ${token}`, "content-type": PROTOBUF_CONTENT_TYPE };
        const pushed = await fetch(`${at}/upload`, { method: "POST", headers, body });
        assert.deepEqual([pushed.status, await pushed.text()], [200, ""]);
        const forged = await fetch(`${at}/upload`, {
          method: "POST",
          headers: { authorization: "Bearer x" },
          body: bytes as BodyInit,
        });
        assert.equal(forged.status, 401);
        await forged.body?.cancel();
      }

      const page = await (await fetch(new URL("federate", rig.server.internal))).text();
      assert.ok(page.length > 500_000, `the page has ${page.length} characters`);
      const scrapes: Record<string, string>[] = [{}, { connection: "close" }, { "accept-encoding": "identity" }];
      for (const headers of scrapes) {
        assert.equal(await (await fetch(`${from}/federate`, { headers })).text(), page);
      }
      const metrics = await (await fetch(`${from}/metrics`)).text();
      assert.doesNotMatch(metrics, /^telemeter_http_connections_(?:refused_total\{|cut_total\{.*room_).* [1-9]/m);
      assert.doesNotMatch(metrics, /^http_requests_total\{code="(?:429|5..)"/m);
      assert.deepEqual(rig.noise(), []);
    },
  });
}

/** Health checks of HAProxy, and what becomes of them at any listener. */
const CHECKS: readonly [name: string, lines: readonly string[], server: string, outcome: RegExp][] = [
  ["default", ["option httpchk"], "", /succeeded, reason: Layer7 check passed, code: 20[04]/],
  ["get", ["option httpchk GET /healthz/ready"], "", /succeeded, reason: Layer7 check passed, code: 200/],
  ["query", ["option httpchk GET /healthz/ready?a=b"], "", /succeeded, reason: Layer7 check passed, code: 200/],
  ["options", ["option httpchk /healthz/ready"], "", /succeeded, reason: Layer7 check passed, code: 200/],
  ["head", ["option httpchk HEAD /healthz"], "", /succeeded, reason: Layer7 check passed, code: 200/],
  [
    "http11",
    ["option httpchk", "http-check send meth GET uri /healthz/ready ver HTTP/1.1 hdr Host tele_meter"],
    "",
    /succeeded, reason: Layer7 check passed, code: 200/,
  ],
  ["tcp", ["mode tcp"], "", /succeeded, reason: Layer4 check passed/],
  ["proxy1", ["option httpchk GET /healthz"], "send-proxy", /failed, reason: Layer7 wrong status, code: 400/],
  ["proxy2", ["option httpchk GET /healthz"], "send-proxy-v2", /failed, reason: Layer7 wrong status, code: 400/],
  ["tls", ["option httpchk GET /healthz"], "check-ssl verify none", /failed, reason: Layer6 invalid response/],
];

Deno.test({
  ...withBalancer(
    "haproxy",
    "every listener answers HAProxy's health checks, and refuses what it does not speak without a noise",
  ),
  fn: async () => {
    await using rig = await open();
    const { folder, external, internal } = rig;
    await using authorizer = await startAuthorizer(["any"], { folder });
    await using client = await startClient([
      "--from=http://127.0.0.1:1",
      `--to=${rig.server.external}`,
      `--to-token-file=${await folder.write("token", "any")}`,
      "--id=me",
      "--interval=1h",
    ]);
    const listeners = { external, internal, client: Number(client.url.port), stub: Number(authorizer.url.port) };
    const sections = (port: number) =>
      [
        ...Object.entries(listeners).flatMap(([listener, to]) =>
          CHECKS.flatMap(([name, lines, server]) => [
            `backend ${listener}-${name}`,
            ...lines,
            `server s 127.0.0.1:${to} check ${server}`,
          ])
        ),
        `listen front\nbind 127.0.0.1:${port}\nmode tcp`,
      ].join("\n");
    await using front = await startHaproxy(sections, { folder });
    for (const listener of Object.keys(listeners)) {
      for (const [name, , , outcome] of CHECKS) {
        // The stub answers at any path but those of health checks as the authorizer does, by 405.
        if (listener === "stub" && name === "default") continue;
        const [, told] = await front.child.line(new RegExp(`Health check for server ${listener}-${name}/s (.*)`));
        assert.match(told, outcome, `${listener}-${name}: ${told}`);
      }
    }
    assert.deepEqual(rig.noise(), []);
    assert.ok(rig.server.child.lines.some((line) => /level=debug .*Cannot take the PROXY protocol/.test(line)));
    assert.ok(authorizer.child.lines.every((line) => !/level=(?:warning|error)/.test(line)), authorizer.child.tail());
  },
});

/** A balancer that learns of a client by the PROXY protocol, and how it tells the server. */
interface Telling {
  readonly balancer: Balancer;
  readonly what: string;
  readonly start: (rig: Rig) => Promise<RunningBalancer>;
}

function telling(what: string, { line, server }: { line: string; server: string }): Telling {
  const start = ({ folder, external }: Rig) =>
    startHaproxy((port) =>
      [
        ...["listen front", line, `bind 127.0.0.1:${port} accept-proxy`],
        `server s 127.0.0.1:${external} check ${server}`,
      ].join("\n"), { folder });
  return { balancer: "haproxy", what, start };
}

const TELLING: readonly Telling[] = [
  telling("by the PROXY protocol, version 1", { line: "mode tcp", server: "send-proxy" }),
  telling("by the PROXY protocol, version 2", { line: "mode tcp", server: "send-proxy-v2" }),
  telling("by the PROXY protocol in http mode", { line: "mode http", server: "send-proxy-v2" }),
  telling("by X-Forwarded-For", { line: "option forwardfor", server: "" }),
  {
    balancer: "nginx",
    what: "by X-Forwarded-For",
    start: ({ folder, external }) =>
      startNginx((port) =>
        [
          `server { listen 127.0.0.1:${port} proxy_protocol; location / {`,
          'proxy_set_header X-Forwarded-For "$http_x_forwarded_for, $proxy_protocol_addr";',
          `proxy_pass http://127.0.0.1:${external}; } }`,
        ].join("\n"), { folder }),
  },
];

/** Pushes as a client of an address, which claims to be another one, for a cluster; returns the status. */
async function pushFrom(rig: Rig, { port, address, id }: { port: number; address: string; id: string }) {
  const authorize = new URL(`authorize?id=${id}`, rig.server.external);
  const granted = await fetch(authorize, { method: "POST", headers: { authorization: "Bearer initial" } });
  const { token } = await granted.json();
  const body = `x{_id="${id}"} 1 ${Date.now()}\n`;
  using client = await RawClient.connect(port);
  await client.send(`PROXY TCP4 ${address} 127.0.0.1 1 2\r\n`);
  await client.send(
    `POST /upload HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nX-Forwarded-For: 203.0.113.1\r\n` +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
  );
  const [, status] = await client.until(/^HTTP\/1\.1 (\d{3}) [^]*\r\n\r\n/);
  return Number(status);
}

/** The address that the server believes the last push of a cluster to have come from. */
async function addressOf(rig: Rig, id: string): Promise<string> {
  const { data } = await (await fetch(new URL(`api/v1/sources/${id}`, rig.server.internal))).json();
  return data.sender.address;
}

for (const { balancer, what, start } of TELLING) {
  Deno.test({
    ...withBalancer(balancer, `the server that trusts ${balancer} tells its clients apart, told of them ${what}`),
    fn: async () => {
      await using rig = await open({ flags: ["--trusted-proxy=127.0.0.1"] });
      await using front = await start(rig);
      const [port] = front.ports;
      for (const [id, address] of [["a", "192.0.2.7"], ["b", "192.0.2.8"]]) {
        assert.equal(await pushFrom(rig, { port, address, id }), 200);
        assert.equal(await addressOf(rig, id), address, "and not whom it claims to be");
      }
      assert.deepEqual(rig.noise(), []);
    },
  });
}

/** What a client of an address says to begin with, and then `request`, through a balancer that takes the PROXY protocol. */
async function comeFrom(
  address: string,
  { port, request = "" }: { port: number; request?: string },
): Promise<RawClient> {
  const client = await RawClient.connect(port);
  await client.send(`PROXY TCP4 ${address} 127.0.0.1 1 2\r\n${request}`);
  return client;
}

function question(id: string, token: string): string {
  return `POST /authorize?id=${id} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Length: 0\r\n\r\n`;
}

for (const { balancer, what, start } of TELLING) {
  Deno.test({
    ...withBalancer(balancer, `the server shares its authorizer out by the addresses that ${balancer} tells ${what}`),
    fn: async () => {
      await using upstream = new UpstreamUnderTest();
      const held = upstream.held(unknownToken);
      upstream.answer = (asked) => asked.token === "good" ? yes(asked) : held(asked);
      await using rig = await open({ flags: ["--trusted-proxy=127.0.0.1", `--authorize=${upstream.url}`] });
      await using front = await start(rig);
      const [port] = front.ports;
      using stack = new DisposableStack();
      for (let i = 0; i < 60; i++) {
        stack.use(await comeFrom("192.0.2.7", { port, request: question("x", `made-up-${i}`) }));
      }
      await eventually("one address to have its share", () => Promise.resolve(upstream.underWay === 43 || undefined), {
        timeoutMs: 10_000,
      });
      using other = await comeFrom("198.51.100.8", { port, request: question("y", "good") });
      const [, status] = await other.until(/^HTTP\/1\.1 (\d{3})/);
      assert.equal(status, "200");
      assert.equal(upstream.most, 44, "a third of 128 places, and one for another address");
      upstream.release();
    },
  });
}

for (const { balancer, what, start } of TELLING.slice(0, 2)) {
  Deno.test({
    ...withBalancer(balancer, `the server caps connections by the addresses that ${balancer} tells ${what}`),
    fn: async () => {
      await using rig = await open({ flags: ["--trusted-proxy=127.0.0.1", "--limit-connections-per-address=2"] });
      await using front = await start(rig);
      const [port] = front.ports;
      const request = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", answer = /^HTTP\/1\.1 200 [^]*\r\n\r\n/;
      using other = await comeFrom("192.0.2.8", { port, request });
      await other.until(answer);
      using first = await comeFrom("192.0.2.7", { port, request });
      await first.until(answer);
      using second = await comeFrom("192.0.2.7", { port, request });
      await second.until(answer);
      // Those before it have only just been of use, so that none gives way to it.
      using third = await comeFrom("192.0.2.7", { port, request });
      assert.equal(await third.untilClosed(), "");
      const metrics = await (await fetch(new URL("metrics", rig.server.internal))).text();
      assert.match(
        metrics,
        /^telemeter_http_connections_refused_total\{(?=.*"external")(?=.*"address").*\} 1$/m,
      );
      other.received = "";
      await other.send(request);
      await other.until(answer);
    },
  });
}
