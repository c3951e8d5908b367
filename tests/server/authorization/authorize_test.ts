import { NO_DIRECTORY, NO_REFUSALS } from "../../support/no_directory.ts";
import assert from "node:assert/strict";
import fc from "fast-check";
import { HttpError } from "../../../common/http/http.ts";
import { authorizerStub } from "../../../scripts/authorization_server.ts";
import { authorizeHandler } from "../../../server/authorization/authorize.ts";
import {
  AuthorizationRefused,
  type Authorizer,
  OpenAuthorizer,
  UpstreamAuthorizer,
} from "../../../server/authorization/authorizer.ts";
import { TokenExchange, type TokenExchangeOptions } from "../../../server/authorization/token_exchange.ts";
import { generateSigningKey } from "../../../server/authorization/token_keys.ts";
import { TokenSigner, TokenVerifier } from "../../../server/authorization/tokens.ts";
import { writeAbilities } from "../../../common/ingest/server_abilities.ts";
import { loopback } from "../../support/loopback.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const NOW = Date.UTC(2024, 5, 1);
const key = await generateSigningKey();
const signer = new TokenSigner(key);
const verifier = new TokenVerifier([key], { now: () => NOW });
const peer = { address: "192.0.2.1" };

const ABILITIES = writeAbilities({ takesAnyTimestamps: false, maxLabels: 64, maxAheadMs: 600_000, ttlMs: 600_000 });

function setUp(options: Partial<TokenExchangeOptions> = {}) {
  const clock = { elapsed: 0 };
  const exchange = new TokenExchange({
    authorizer: new OpenAuthorizer(),
    signer,
    partitionLabel: "_id",
    requiredLabels: new Map([["kind", "test"]]),
    expireSeconds: 86_400,
    directory: NO_DIRECTORY,
    refusals: NO_REFUSALS,
    now: () => NOW,
    elapsed: () => clock.elapsed,
    ...options,
  });
  const handler = authorizeHandler({ exchange, abilities: ABILITIES });
  const post = (query: string, init: RequestInit = {}, from = peer) => {
    const headers = { authorization: "Bearer a", ...init.headers as Record<string, string> };
    return handler(new Request(`http://h/authorize${query}`, { method: "POST", ...init, headers }), from);
  };
  /** The status of the HttpError that the request ends with. */
  const refused = async (...request: Parameters<typeof post>) => {
    const error = await Promise.resolve(post(...request)).then(() => undefined, (error) => error);
    assert(error instanceof HttpError, `${error === undefined ? "accepted" : Deno.inspect(error)}`);
    return error;
  };
  return { post, refused, clock };
}

const form = (body: string): RequestInit => ({
  body,
  headers: { "content-type": "application/x-www-form-urlencoded" },
});

async function idOf(response: Response): Promise<string> {
  const { labels } = await response.json();
  return labels._id;
}

Deno.test("authorizeHandler() answers with a token and the labels that the client must send", async () => {
  const response = await setUp().post("?id=c");
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.equal(response.headers.get("cache-control"), "no-store");
  const { token, ...rest } = await response.json();
  assert.deepEqual(rest, { version: 1, expiresInSeconds: 86_400, labels: { _id: "c", kind: "test" }, ...ABILITIES });
  const { labels, subject, expiresAtMs } = await verifier.verify(token);
  assert.deepEqual(labels, new Map([["_id", "c"], ["kind", "test"]]));
  assert.deepEqual([subject, expiresAtMs], ["auous9i303r4c", NOW + 86_400_000]);
});

Deno.test("authorizeHandler() lets no required label stand in for the id", async () => {
  const { post } = setUp({ requiredLabels: new Map([["_id", "other"]]) });
  assert.equal(await idOf(await post("?id=c")), "c");
});

Deno.test("authorizeHandler() takes the id from an url-encoded body, else from the query", async () => {
  const { post } = setUp();
  const requests: [id: string, query: string, init?: RequestInit][] = [
    ["q", "?id=q"],
    ["q", "?x=1&id=q&id=r"],
    ["b", "", form("id=b")],
    ["b", "?id=q", form("id=b")],
    ["q", "?id=q", form("other=b")],
    ["q", "?id=q", form("\ufeffid=b")],
    ["b", "", { ...form("id=b"), headers: { "content-type": "application/x-www-form-urlencoded; charset=utf-8" } }],
    ["q", "?id=q", { body: "id=b", headers: { "content-type": "text/plain" } }],
    ["a b=c", "?id=a+b%3Dc"],
    ["a=b", "?id=a=b"],
    ["i", "?%69d=i"],
  ];
  for (const [id, query, init] of requests) assert.equal(await idOf(await post(query, init)), id, query);
});

Deno.test("authorizeHandler() takes an id of any Unicode, quotes, newlines and slashes included", async () => {
  const { post } = setUp();
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary", minLength: 1, maxLength: 60, size: "max" }), async (id) => {
      assert.equal(await idOf(await post(`?id=${encodeURIComponent(id)}`)), id);
      assert.equal(await idOf(await post("", form(String(new URLSearchParams({ id }))))), id);
    }),
    { numRuns: 30 },
  );
});

Deno.test("authorizeHandler() answers 400 to an id that is missing, too long, or not UTF-8", async () => {
  const { refused } = setUp();
  const requests: [query: string, init?: RequestInit][] = [
    [""],
    ["?id"],
    ["?id="],
    ["?ID=c"],
    [`?id=${"x".repeat(256)}`],
    [`?id=${encodeURIComponent("é".repeat(128))}`],
    ["?id=%ff"],
    ["?id=%"],
    ["?id=%ed%a0%80"],
    ["?id=q", form("id=")],
    ["?id=q", form("id=%ff")],
    ["", { ...form("id=c"), body: new Uint8Array([0x69, 0x64, 0x3d, 0xff]) }],
    ["?id=q", form("id=c&padding=" + "x".repeat(4_096))],
  ];
  for (const [query, init] of requests) assert.equal((await refused(query, init)).status, 400, query);
});

Deno.test("authorizeHandler() takes a body of exactly 4 KiB", async () => {
  const padding = "id=c&padding=";
  const body = padding + "x".repeat(4_096 - padding.length);
  assert.equal(await idOf(await setUp().post("", form(body))), "c");
});

Deno.test("authorizeHandler() answers 405 to any other method than POST", async () => {
  const { refused } = setUp();
  for (const method of ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"]) {
    const error = await refused("?id=c", { method });
    assert.deepEqual([error.status, error.headers], [405, { allow: "POST" }]);
  }
});

Deno.test("authorizeHandler() answers 401 without a bearer token", async () => {
  const { refused } = setUp();
  for (const authorization of ["", "Basic YQ==", "Bearer", "Bearer  "]) {
    assert.equal((await refused("?id=c", { headers: { authorization } })).status, 401, authorization);
  }
  assert.equal((await refused("", { headers: { authorization: "" } })).status, 400, "the id comes first");
});

Deno.test("authorizeHandler() passes on the authorizer's refusals, with Retry-After on 429", async () => {
  for (const status of [401, 403, 404, 409, 429] as const) {
    const authorizer: Authorizer = { authorize: () => Promise.reject(new AuthorizationRefused(status)) };
    const { refused } = setUp({ authorizer });
    const error = await refused("?id=c");
    assert.equal(error.status, status);
    assert.equal(new Headers(error.headers).get("retry-after"), status === 429 ? "300" : null);
    assert.equal(error.detail, undefined);
  }
});

Deno.test("authorizeHandler() answers 503 and keeps the reason from strangers", async () => {
  const authorizer: Authorizer = { authorize: () => Promise.reject(new Error("the reason")) };
  const { refused } = setUp({ authorizer });
  const { status, message, detail } = await refused('?id="%0Ac');
  assert.deepEqual([status, detail], [503, "the reason"]);
  assert(!message.includes("the reason"));
});

Deno.test("authorizeHandler() logs no error for a client that went away", async () => {
  const stop = new AbortController();
  const authorizer: Authorizer = {
    authorize: (_token, _id, { signal }) => {
      stop.abort(new Error("gone"));
      return Promise.reject(signal.reason);
    },
  };
  const { refused } = setUp({ authorizer });
  const { reason, detail } = await refused("?id=c", { signal: stop.signal });
  assert.deepEqual([reason, detail], ["client_gone", undefined]);
});

Deno.test("authorizeHandler() answers 503 when a token cannot be signed", async () => {
  const authorizer: Authorizer = { authorize: () => Promise.resolve({ accountId: "x".repeat(9_000) }) };
  assert.equal((await setUp({ authorizer }).refused("?id=c")).status, 503);
});

Deno.test("authorizeHandler() answers 403 to a revoked id, and tells only whom the authorizer knows", async () => {
  const { refused } = setUp({ revoked: { has: (id) => Promise.resolve(id === "c") } });
  assert.equal((await refused("?id=c")).status, 403);
  const down: Authorizer = { authorize: () => Promise.reject(new Error("down")) };
  const stranger = setUp({ authorizer: down, revoked: { has: () => Promise.resolve(true) } });
  assert.equal((await stranger.refused("?id=c")).status, 503);
});

Deno.test("authorizeHandler() limits each address, whatever its requests hold", async () => {
  const { post, refused, clock } = setUp({ addressLimit: { burst: 2, intervalMs: 1_500 } });
  await post("?id=a");
  assert.equal((await refused("", {}, peer)).status, 400);
  const error = await refused("?id=b", { headers: { authorization: "Bearer other" } });
  assert.deepEqual([error.status, error.headers], [429, { "retry-after": "2" }]);
  await post("?id=b", {}, { address: "192.0.2.2" });
  clock.elapsed = 1_500;
  await post("?id=b");
});

Deno.test("authorizeHandler() counts the addresses of one IPv6 network together", async () => {
  const { post, refused } = setUp({ addressLimit: { burst: 1, intervalMs: 1_000 } });
  await post("?id=a", {}, { address: "2001:db8::1" });
  assert.equal((await refused("?id=a", {}, { address: "2001:db8::2" })).status, 429);
});

Deno.test("authorizeHandler() limits each initial token", async () => {
  const { post, refused } = setUp({ tokenLimit: { burst: 1, intervalMs: 1_000 } });
  await post("?id=a");
  assert.equal((await refused("?id=b", {}, { address: "192.0.2.2" })).status, 429);
  await post("?id=b", { headers: { authorization: "Bearer other" } });
});

Deno.test("authorizeHandler() lets 5,000 clusters of one site and account in at once by default", async () => {
  const { refused } = setUp({ revoked: { has: () => Promise.resolve(true) } });
  for (let i = 0; i < 5_000; i++) assert.equal((await refused(`?id=${i}`)).status, 403);
  assert.equal((await refused("?id=x")).status, 429);
});

Deno.test("authorizeHandler() works over sockets with the stub as upstream", async () => {
  await using stub = await loopback(authorizerStub(["good"]));
  const exchange = new TokenExchange({
    authorizer: new UpstreamAuthorizer({ url: stub.url }),
    signer,
    partitionLabel: "_id",
    requiredLabels: new Map(),
    expireSeconds: 60,
    directory: NO_DIRECTORY,
    refusals: NO_REFUSALS,
  });
  const handler = authorizeHandler({ exchange, abilities: ABILITIES });
  await using server = await loopback(handler);
  const ask = async (token: string, id: string) => {
    const url = new URL(`/authorize?id=${id}`, server.url);
    const response = await fetch(url, { method: "POST", headers: { authorization: `Bearer ${token}` } });
    return { status: response.status, text: await response.text(), headers: response.headers };
  };
  const good = await ask("good", "foobar");
  assert.equal(good.status, 200);
  const { subject } = await new TokenVerifier([key]).verify(JSON.parse(good.text).token);
  assert.equal(subject, "8b521e7rjipv8");
  const bad = await ask("bad", "foobar");
  assert.equal(bad.status, 401);
  assert.equal(bad.headers.get("www-authenticate"), "Bearer");
});
