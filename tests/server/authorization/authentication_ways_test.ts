/** Whose a request is, by what is no token of ours: an initial token that comes with an id, and a certificate. */

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { HttpError } from "../../../common/http/http.ts";
import { createRegistry } from "../../../common/metrics.ts";
import { authentication } from "../../../server/authorization/authenticate.ts";
import { AuthorizationRefused, type Authorizer } from "../../../server/authorization/authorizer.ts";
import { CertificateRule } from "../../../server/authorization/certificate_rule.ts";
import { TokenExchange, type TokenExchangeOptions } from "../../../server/authorization/token_exchange.ts";
import { generateSigningKey } from "../../../server/authorization/token_keys.ts";
import { TokenSigner, TokenVerifier } from "../../../server/authorization/tokens.ts";
import { CertificateAuthority } from "../../support/certificate_authority.ts";
import { NO_DIRECTORY, NO_REFUSALS } from "../../support/no_directory.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const PEER = { address: "192.0.2.1" };
const authority = await CertificateAuthority.create();

async function setUp({ rule = "cn:{id}", ...options }: { rule?: string } & Partial<TokenExchangeOptions> = {}) {
  const key = await generateSigningKey(), registry = createRegistry();
  const clock = { now: Date.now() }, revoked: string[] = [], asked: string[] = [];
  const authorizer: Authorizer = {
    authorize: (token, id) => {
      asked.push(id);
      if (token !== `secret of ${id}`) return Promise.reject(new AuthorizationRefused(401));
      return Promise.resolve({ accountId: "account" });
    },
  };
  const shared = { partitionLabel: "_id", revoked: { has: (id: string) => Promise.resolve(revoked.includes(id)) } };
  const exchange = new TokenExchange({
    authorizer,
    signer: new TokenSigner(key),
    requiredLabels: new Map([["kind", "test"]]),
    expireSeconds: 60,
    directory: NO_DIRECTORY,
    refusals: NO_REFUSALS,
    elapsed: () => 0,
    ...shared,
    ...options,
  });
  const authenticate = authentication({
    verifier: new TokenVerifier([key]),
    exchange,
    certificateRule: new CertificateRule(rule),
    now: () => clock.now,
    registry,
    ...shared,
  });
  const ask = async ({ bearer, certificate, address = PEER.address }: {
    bearer?: string;
    certificate?: Uint8Array;
    address?: string;
  }) => {
    const headers = bearer === undefined ? undefined : { authorization: `Bearer ${bearer}` };
    try {
      const request = new Request("http://h/", { headers });
      return (await authenticate(request, { address, certificate })).id;
    } catch (error) {
      assert.ok(error instanceof HttpError, String(error));
      return error.status;
    }
  };
  const counts = async () => {
    const { values } = await registry.getSingleMetric("telemeter_authentications_total")!.get();
    return Object.fromEntries(
      values.filter(({ value }) => value > 0).map(({ labels, value }) => [`${labels.by} ${labels.result}`, value]),
    );
  };
  return { ask, authenticate, exchange, clock, revoked, asked, counts };
}

function composite(claim: unknown): string {
  return new TextEncoder().encode(JSON.stringify(claim)).toBase64();
}

const good = (id: string) => composite({ authorization_token: `secret of ${id}`, cluster_id: id });

async function der(...options: Parameters<CertificateAuthority["issue"]>): Promise<Uint8Array> {
  return new X509Certificate((await authority.issue(...options)).cert).raw;
}

Deno.test("authentication() lets an initial token vouch for the id that comes with it, as openshift/telemeter sends them", async () => {
  const { authenticate, ask, counts } = await setUp();
  const request = new Request("http://h/", { headers: { authorization: `Bearer ${good("a")}` } });
  assert.deepEqual(await authenticate(request, PEER), {
    id: "a",
    labels: new Map([["kind", "test"], ["_id", "a"]]),
    keyId: "",
    tokenEndsMs: 0,
  });
  assert.equal(await ask({ bearer: composite({ authorization_token: "secret of a", cluster_id: "b" }) }), 401);
  assert.deepEqual(await counts(), { "initial_token known": 1, "initial_token refused": 1 });
});

Deno.test("authentication() takes such a token in url-safe base64 and without padding", async () => {
  const { ask } = await setUp();
  for (const id of ["a", "ab", "abc", "\u00ff\u00fe~?>"]) {
    const bearer = good(id);
    assert.equal(await ask({ bearer }), id);
    assert.equal(await ask({ bearer: bearer.replaceAll("=", "") }), id);
    assert.equal(await ask({ bearer: bearer.replaceAll("+", "-").replaceAll("/", "_") }), id);
  }
});

Deno.test("authentication() asks nobody about what is no such token", async () => {
  const { ask, asked } = await setUp();
  const claims = [
    null,
    [],
    "x",
    {},
    { authorization_token: "", cluster_id: "a" },
    { authorization_token: "t", cluster_id: "" },
    { authorization_token: 1, cluster_id: "a" },
    { authorization_token: "t", cluster_id: "x".repeat(256) },
    { authorization_token: "t", cluster_id: "\ud800" },
  ];
  for (const bearer of [...claims.map(composite), "!", "AAAA", "a.b.c"]) {
    assert.equal(await ask({ bearer }), 401, bearer);
  }
  assert.deepEqual(asked, []);
});

Deno.test("authentication() shuts out a revoked id, whatever says that it is it", async () => {
  const { ask, revoked } = await setUp();
  revoked.push("a");
  assert.equal(await ask({ bearer: good("a") }), 403, "who has proved the token may know");
  assert.equal(await ask({ certificate: await der("a") }), 401);
  assert.equal(await ask({ certificate: await der("b") }), "b");
});

Deno.test("authentication() holds made-up initial tokens to the limit of their address, and none that was good before", async () => {
  const { ask, asked } = await setUp({ addressLimit: { burst: 5, intervalMs: 60_000 } });
  assert.equal(await ask({ bearer: good("a") }), "a");
  const answers: unknown[] = [];
  for (let i = 0; i < 20; i++) {
    answers.push(await ask({ bearer: composite({ authorization_token: `made-up ${i}`, cluster_id: `b${i}` }) }));
  }
  assert.deepEqual(answers, [...Array(4).fill(401), ...Array(16).fill(429)]);
  assert.equal(asked.length, 5);
  for (let i = 0; i < 10; i++) assert.equal(await ask({ bearer: good("a") }), "a", "known ones have no limit");
  assert.equal(await ask({ bearer: good("c") }), 429, "a new one shares the limit of its address");
  assert.equal(await ask({ bearer: good("c"), address: "198.51.100.1" }), "c");
});

Deno.test("authentication() goes by a certificate where there is no Authorization, and only then", async () => {
  const { ask, counts } = await setUp();
  const certificate = await der("a");
  assert.equal(await ask({ certificate }), "a");
  assert.equal(await ask({ certificate }), "a");
  assert.equal(await ask({ certificate, bearer: good("b") }), "b");
  assert.equal(await ask({ certificate, bearer: "x" }), 401);
  assert.equal(await ask({}), 401);
  assert.deepEqual(await counts(), {
    "certificate known": 2,
    "initial_token known": 1,
    "token refused": 2,
  });
});

Deno.test("authentication() says what is wrong with a certificate, and not that a token lacks", async () => {
  const { clock, revoked, authenticate } = await setUp();
  const refused = (certificate: Uint8Array | undefined, message: RegExp) =>
    assert.rejects(authenticate(new Request("http://h/"), { ...PEER, certificate }), { status: 401, message });
  const certificate = await der("a", { endsInMs: 60_000 });
  clock.now += 120_000;
  await refused(certificate, /by its client certificate: it holds from \d{4}-.*Z to \d{4}-.*Z: show a newer one$/);
  const forServers = await der("a", { uses: ["1.3.6.1.5.5.7.3.1"] });
  await refused(forServers, /--client-certificate-id says, or is not one for clients: have another one issued$/);
  revoked.push("b");
  await refused(await der("b", { endsInMs: 600_000 }), /the cluster that it names is revoked$/);
  await refused(undefined, /no valid bearer token/);
});

Deno.test("authentication() takes no certificate that is past its end, for servers alone, or an authority's", async () => {
  const { ask, clock } = await setUp();
  const certificate = await der("a", { endsInMs: 60_000 });
  assert.equal(await ask({ certificate }), "a");
  clock.now += 61_000;
  assert.equal(await ask({ certificate }), 401, "a connection may outlive its certificate");
  clock.now = Date.now();
  assert.equal(await ask({ certificate: await der("a", { uses: ["1.3.6.1.5.5.7.3.1"] }) }), 401);
  assert.equal(await ask({ certificate: await der("a", { uses: ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"] }) }), "a");
  assert.equal(await ask({ certificate: new X509Certificate(authority.cert).raw }), 401);
  assert.equal(await ask({ certificate: new Uint8Array([1, 2, 3]) }), 401);
});

Deno.test("authentication() reads the id from the names that its rule says", async () => {
  const byUri = await setUp({ rule: "uri:spiffe://example/cluster/{id}" });
  assert.equal(await byUri.ask({ certificate: await der("cn", { uris: ["spiffe://example/cluster/n-1"] }) }), "n-1");
  assert.equal(await byUri.ask({ certificate: await der("cn", { hosts: ["spiffe://example/cluster/n-1"] }) }), 401);
  assert.equal(await byUri.ask({ certificate: await der("cn") }), 401);
  const byDns = await setUp({ rule: "dns:{id}.clusters.example" });
  assert.equal(await byDns.ask({ certificate: await der("cn", { hosts: ["n-2.clusters.example"] }) }), "n-2");
  const two = await der("cn", { hosts: ["n-2.clusters.example", "n-3.clusters.example"] });
  assert.equal(await byDns.ask({ certificate: two }), 401, "which of both it is, nobody knows");
});
