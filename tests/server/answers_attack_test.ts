// What strangers learn from refusals: the real routes over a socket, whose parts fail in every way that there is with words that
// name files, members and addresses.

import assert from "node:assert/strict";
import { NO_DIRECTORY, NO_REFUSALS } from "../support/no_directory.ts";
import { Registry } from "prom-client";
import { LimitError } from "../../common/exposition/metric_family.ts";
import { HttpError } from "../../common/http/http.ts";
import { HttpMetrics } from "../../common/http/http_metrics.ts";
import { listen } from "../../common/http/http_server.ts";
import { InvalidPushError } from "../../common/ingest/invalid_push.ts";
import { RepeatLog } from "../../common/repeat_log.ts";
import type { RejectReason } from "../../ring/protocol/effects.ts";
import { authorizeHandler } from "../../server/authorization/authorize.ts";
import { oauth2TokenHandler } from "../../server/authorization/oauth2_token.ts";
import { TokenExchange } from "../../server/authorization/token_exchange.ts";
import { AuthorizationRefused } from "../../server/authorization/authorizer.ts";
import { openTokenKeys } from "../../server/authorization/token_keys.ts";
import { TokenSigner } from "../../server/authorization/tokens.ts";
import { externalApp } from "../../server/external_app.ts";
import type { HealthSources } from "../../server/health.ts";
import { internalApp } from "../../server/internal_app.ts";
import { CapacityError } from "../../server/limits/capacity.ts";
import { fromMember, fromRing, PushRefusal, toMember } from "../../server/pushes/refusal.ts";
import { UploadSlots } from "../../server/limits/upload_slots.ts";
import { upload } from "../../server/pushes/upload.ts";
import { FAILURE_REASONS } from "../../server/store/unavailable.ts";
import { StoreUnavailableError } from "../../server/store/push_store.ts";
import { recordingLog } from "../support/recording_log.ts";
import { RawClient } from "../support/raw_client.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const FILE = "/srv/secret-disk/kv.sqlite3", MEMBER = "secret-member", ADDRESS = "10.98.76.54", NUMBER = "98765";
const MARKS = [FILE, "secret-disk", MEMBER, ADDRESS, NUMBER, "secret", "full"];
const DETAIL = `${MEMBER} at ${ADDRESS}:9005 cannot open ${FILE} after ${NUMBER} tries`;

const storeFailure = (reason: typeof FAILURE_REASONS[number]) =>
  new StoreUnavailableError(reason, { location: FILE, retryAfterMs: 1_000, cause: new Error(DETAIL) });

/** What a stage of a push throws, and whether it holds something that strangers must not learn. */
const FAULTS: Readonly<Record<string, { thrown: unknown; hides: boolean }>> = {
  ...Object.fromEntries(
    FAILURE_REASONS.map((reason) => [`the store: ${reason}`, { thrown: storeFailure(reason), hides: true }]),
  ),
  "room for clusters": { thrown: new CapacityError("clusters", `Cannot hold more than ${NUMBER}`), hides: true },
  "room for series": { thrown: new CapacityError("total_series", `Cannot hold more than ${NUMBER}`), hides: true },
  "a bug": { thrown: new TypeError(`Cannot read ${FILE} of ${MEMBER}`, { cause: new Error(DETAIL) }), hides: true },
  "the system": { thrown: new Deno.errors.NotFound(`No such file: open '${FILE}'`), hides: true },
  "what is no error": { thrown: DETAIL, hides: true },
  "a refusal for a reason of ours": {
    thrown: new HttpError(503, "Cannot do it now", { reason: "x", cause: new Error(DETAIL) }),
    hides: false,
  },
  "a later version's refusal": { thrown: fromMember({ reason: "weather bad", detail: DETAIL }), hides: true },
  "an owner's store": {
    thrown: fromMember(toMember(storeFailure("full")) ?? { reason: "store", detail: DETAIL }),
    hides: true,
  },
  "an owner without room": {
    thrown: fromMember(toMember(new CapacityError("clusters", DETAIL))!),
    hides: true,
  },
  "an owner that is too busy": { thrown: fromMember({ reason: "rate 1000", detail: DETAIL }), hides: true },
  "a ring's refusal": {
    thrown: fromRing({ result: "rejected", reason: "refused", refused: { reason: "fenced", detail: DETAIL } }),
    hides: true,
  },
  ...Object.fromEntries(
    (["fenced", "busy", "owner-busy", "unreachable", "views-differ", "too-big", "store"] satisfies RejectReason[]).map(
      (reason) => [`the ring: ${reason}`, { thrown: fromRing({ result: "rejected", reason }), hides: false }],
    ),
  ),
};

/** The listener of the server, whose parts do as a test says. */
async function open(
  { thrown, health, ring, isInternal = false }: {
    thrown?: unknown;
    health?: HealthSources["store"]["health"];
    ring?: HealthSources["ring"];
    isInternal?: boolean;
  },
) {
  const { log, records } = recordingLog(), registry = new Registry();
  const fail = () => Promise.reject(thrown);
  const ok = { ok: true as const };
  const store = { ...ok, health: health ?? ok };
  const keys = await openTokenKeys({ sharedKey: undefined, verifyKeys: [], log });
  records.length = 0;
  const options = { store, ring, log, metrics: new HttpMetrics(registry) };
  const pages = {
    partitionLabel: "_id",
    sources: { list: fail, details: fail, strangers: fail },
    listen: { hostname: "127.0.0.1" },
    status: () => ({
      build: { program: "", version: "", deno: "", v8: "" },
      started: "",
      store,
      flags: [],
      clusters: { shown: 0 },
      limits: [],
      certificates: [],
    }),
  };
  const exchange = new TokenExchange({
    authorizer: { authorize: fail },
    signer: new TokenSigner(keys.signing),
    partitionLabel: "_id",
    requiredLabels: new Map(),
    expireSeconds: 60,
    directory: NO_DIRECTORY,
    refusals: NO_REFUSALS,
  });
  const inside = { ...options, ...pages, federate: fail, ringStatus: () => ({}), registry };
  const app = isInternal ? internalApp(inside) : externalApp({
    ...options,
    authorize: authorizeHandler({ exchange, abilities: { accepts: {}, limits: {} } as never }),
    oauth2Token: oauth2TokenHandler({ exchange, registry }),
    upload: upload({
      authenticate: () => Promise.resolve({ id: "a", labels: new Map([["_id", "a"]]), keyId: "k", tokenEndsMs: 0 }),
      stage: { accept: fail },
      limitBytes: 1_000,
      slots: new UploadSlots({ most: 1, now: () => performance.now() }),
      held: { back: () => Promise.resolve() },
      now: Date.now,
      log,
      refusals: new RepeatLog(log, { level: "info" }),
      directory: NO_DIRECTORY,
      registry,
    }),
    receive: fail,
  });
  const listener = await listen(app.fetch, {
    address: { hostname: "127.0.0.1", port: 0 },
    name: "external",
    hostile: {},
    log,
  });
  return {
    records,
    /** All that the listener sends, head and body. */
    async answerTo(line: string): Promise<string> {
      using client = await RawClient.connect(listener.port);
      await client.send(
        `${line} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
      );
      return await client.untilClosed();
    },
    [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
  };
}

/** Fails if the answer tells what it must not; if it hides something, the log must have all of that under the answer's id. */
function check(answer: string, { records, hides }: { records: { fields: unknown }[]; hides: boolean }) {
  for (const mark of MARKS) assert(!answer.includes(mark), `${mark} is in the answer:\n${answer}`);
  assert.doesNotMatch(answer, /^(?:server|via|x-powered-by):/im);
  const [id] = /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(answer) ?? [];
  if (!hides) return;
  assert(id !== undefined, `no id is in the answer:\n${answer}`);
  const told = records.filter(({ fields }) => JSON.stringify(fields).includes(id)).map(({ fields }) => fields);
  assert.equal(told.length, 1, "the log has it not under its id, or more than once");
  assert(MARKS.some((mark) => JSON.stringify(told).includes(mark)), `the log hides it too: ${JSON.stringify(told)}`);
}

for (const [name, { thrown, hides }] of Object.entries(FAULTS)) {
  Deno.test(`the external listener tells strangers nothing of ${name}`, async () => {
    await using server = await open({ thrown });
    const answer = await server.answerTo("POST /upload");
    assert.match(answer, /^HTTP\/1\.1 (?:4\d\d|5\d\d) [^]*\r\n\r\n(?:Cannot|Internal error).*\n$/);
    check(answer, { records: server.records, hides });
    server.records.length = 0;
    // An authorizer's failures have their own words.
    check(await server.answerTo("POST /authorize?id=a"), { records: server.records, hides: false });
  });
}

Deno.test("the external listener tells strangers nothing of an authorizer's refusal or failure", async () => {
  for (const status of [401, 403, 404, 409, 429] as const) {
    await using server = await open({ thrown: new AuthorizationRefused(status) });
    check(await server.answerTo("POST /authorize?id=a"), { records: server.records, hides: false });
  }
  await using server = await open({ thrown: new TypeError(`error sending request for url (http://${ADDRESS}/x)`) });
  check(await server.answerTo("POST /authorize?id=a"), { records: server.records, hides: true });
});

const CLOSED = ["joining", "leaving", "name-taken", "fenced", "unsettled", "unconfirmed"] as const;
const UNWELL: { name: string; health?: HealthSources["store"]["health"]; ring?: HealthSources["ring"] }[] = [
  { name: "a store", health: { ok: false, reason: "full", sinceMs: 0 } },
  ...CLOSED.map((reason) => {
    const closed = { reason, message: DETAIL };
    return { name: `a ring: ${reason}`, ring: { closed, page: () => Promise.resolve(closed) } };
  }),
];

for (const { name, ...parts } of UNWELL) {
  Deno.test(`/healthz/ready tells strangers no more than that it is not, and operators why, of ${name}`, async () => {
    {
      await using server = await open(parts);
      const answer = await server.answerTo("GET /healthz/ready");
      assert.match(answer, /^HTTP\/1\.1 503 /);
      check(answer, { records: server.records, hides: true });
      // Balancers ask every other second.
      for (let n = 0; n < 20; n++) assert.equal(bodyOf(await server.answerTo("GET /healthz/ready")), bodyOf(answer));
      assert.equal(server.records.length, 1, "the log has a line for each");
      for (const line of ["OPTIONS /healthz/ready", "HEAD /healthz/ready", "GET /healthz", "GET /"]) {
        check(await server.answerTo(line), { records: server.records, hides: false });
      }
    }
    await using inside = await open({ ...parts, isInternal: true });
    assert.match(await inside.answerTo("GET /healthz/ready"), /^HTTP\/1\.1 503 [^]*(?:secret-|full)/);
    assert.deepEqual(inside.records, [], "it is told already");
  });
}

Deno.test("the external listener tells clients what mends their own push", async () => {
  const rows: [thrown: unknown, words: string][] = [
    [
      new InvalidPushError("identity", "Cannot accept the push: the label _id of up is 'b'"),
      "the label _id of up is 'b'",
    ],
    [
      new LimitError("Cannot take more than 64 labels on a series: up has 65", { limit: "labels" }),
      "more than 64 labels",
    ],
    [new PushRefusal("too_big"), "larger than the servers of the ring take"],
    [
      fromMember(toMember(new LimitError("Cannot take more than 64 labels", { limit: "labels" }))!),
      "more than 64 labels",
    ],
  ];
  for (const [thrown, words] of rows) {
    await using server = await open({ thrown });
    const answer = await server.answerTo("POST /upload");
    assert(answer.includes(words), answer);
    check(answer, { records: server.records, hides: false });
  }
});

function bodyOf(answer: string): string {
  return answer.split("\r\n\r\n")[1];
}
