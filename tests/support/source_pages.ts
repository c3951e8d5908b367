/**
 * The pages of a server that knows what a test says.
 *
 * @module
 */

import { createApp } from "../../common/http/app.ts";
import { SourceActions } from "../../server/api/actions.ts";
import { apiRoutes } from "../../server/api/api_routes.ts";
import type { RingView } from "../../server/api/ring_view.ts";
import type { SinkReport } from "../../server/sinks/sink.ts";
import { listSources } from "../../server/api/source_query.ts";
import type { SourceDetails, StrangerReport } from "../../server/api/source_report.ts";
import type { MemberAnswer, Sources } from "../../server/api/sources.ts";
import type { ServerStatus } from "../../server/api/status.ts";
import { homePage, pageRoutes } from "../../server/pages/page_routes.tsx";
import type { PagesOptions } from "../../server/pages/pages_options.ts";
import { type LogRecord, recordingLog } from "./recording_log.ts";

/** When the pages are looked at, in milliseconds since the epoch. */
export const NOW_MS = Date.parse("2026-01-02T03:04:05Z");

const NONE = { used: 0, limit: 100, ratio: 0 };

/** A source that is up, but for what is said. */
export function source(id: string, more: Partial<SourceDetails> = {}): SourceDetails {
  return {
    id,
    state: "up",
    firstSeen: "2026-01-01T00:00:00.000Z",
    lastPush: "2026-01-02T03:04:00.000Z",
    ageSeconds: 5,
    silentAfterSeconds: 90,
    expectedIntervalSeconds: 30,
    skewSeconds: 0.25,
    series: 7,
    limits: { series: { used: 7, limit: 100, ratio: 0.07 }, families: NONE, bytes: NONE },
    near: [],
    refusals: 0,
    pushes: 3,
    transport: "protobuf, snappy",
    ways: [{
      way: "push",
      last: "2026-01-02T03:04:00.000Z",
      transport: "protobuf, snappy",
      accepted: 3,
      expectedIntervalSeconds: 30,
    }],
    dropped: { allowList: 0, rules: {} },
    largest: [{ name: "up", bytes: 40, series: 1 }],
    timeline: [{ at: "2026-01-02T03:04:00.000Z", bytes: 900 }],
    ...more,
  };
}

/** A status in which all is well. */
export const STATUS: ServerStatus = {
  build: { program: "telemeter-server", version: "1.2.3", deno: "2.9.6", v8: "14" },
  name: "server-0",
  started: "2026-01-01T00:00:00.000Z",
  store: { ok: true },
  flags: [
    { flag: "--ttl", value: "10m", from: "default" },
    { flag: "--tls-crt", from: "default" },
    { flag: "--shared-key", value: "(secret)", from: "command line" },
  ],
  clusters: { shown: 2, standby: 7 },
  limits: [{ flag: "--limit-clusters", what: "clusters", used: 9, limit: 10 }],
  certificates: [{ flag: "--tls-crt", file: "/a.crt", subject: "CN=a", ends: "2026-01-10T00:00:00.000Z", days: 7 }],
};

/** What the pages tell of. */
export interface Told {
  readonly sources?: readonly SourceDetails[];
  readonly strangers?: readonly StrangerReport[];
  readonly members?: readonly MemberAnswer[];
  readonly ring?: RingView;
  readonly status?: ServerStatus;
  readonly sinks?: readonly SinkReport[];
  /** Whether `--web.enable-admin-api` is given. */
  readonly acts?: boolean;
  /** What the list of revoked ids says to one more; undefined where there is no list. */
  readonly revoke?: (id: string) => Promise<void>;
}

/** Makes the pages. `forgotten` has the ids that were, and `records` what the log was told. */
export function sourcePages(
  { sources = [], strangers = [], members, ring, sinks, status = STATUS, acts = false, revoke }: Told = {},
) {
  const { log, records } = recordingLog();
  const forgotten: string[] = [];
  const known: Sources = {
    list: (query) => Promise.resolve({ ...listSources(sources, query), ...members && { members } }),
    details: (id) => Promise.resolve(sources.find((source) => source.id === id)),
    strangers: () => Promise.resolve(strangers),
  };
  const actions = new SourceActions({
    sources: known,
    revoke,
    forget: (id) => {
      forgotten.push(id);
      return Promise.resolve(members ?? []);
    },
    log,
  });
  const options: PagesOptions = {
    sources: known,
    ringView: ring && (() => Promise.resolve(ring)),
    sinks: sinks && (() => sinks),
    status: () => status,
    partitionLabel: "_id",
    actions: acts ? actions : undefined,
    listen: { hostname: "localhost" },
    now: () => NOW_MS,
  };
  const app = createApp({ ...apiRoutes(options), ...pageRoutes(options) }, {
    log,
    audience: "operators",
    home: homePage(options),
  });
  return { app, options, records: records as readonly LogRecord[], forgotten: forgotten as readonly string[] };
}

/** What a page answers. */
export interface PageAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Asks for a page as a browser does. */
export async function ask(
  { app }: Pick<ReturnType<typeof sourcePages>, "app">,
  path: string,
  { method = "GET", headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<PageAnswer> {
  const request = new Request(`http://localhost${path}`, {
    method,
    headers: { host: "localhost", accept: "text/html", ...headers },
  });
  const response = await app.fetch(request, { address: "192.0.2.7" });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** A push refused for its series. */
export const REFUSAL = {
  at: "2026-01-02T03:03:00.000Z",
  stage: "push" as const,
  path: "/upload",
  status: 413,
  reason: "series",
  why: "Raise <b>--limit-series</b>",
};

/** The text of a page without its tags, on one line. */
export function words(html: string): string {
  return html.replace(/<script[^]*?<\/script>|<[^>]+>/g, " ").replace(/\s+/g, " ");
}

/** Every row of the tables of a page, as words. */
export function rows(html: string): string[] {
  return [...html.matchAll(/<tr>([^]*?)<\/tr>/g)].map(([, row]) => words(row).trim());
}

/** Sources in five states. */
export const EACH_STATE = [
  source("fine"),
  source("tight", { near: ["series"], limits: { ...source("").limits, series: { used: 90, limit: 100, ratio: 0.9 } } }),
  source("gone", { state: "silent", ageSeconds: 400 }),
  source("bad", { state: "refused", lastRefusal: REFUSAL, refusals: 7 }),
  source("shut-out", { state: "revoked" }),
];

/** The way of a source that remote-writes. */
export const WRITES = {
  ...{ way: "remote write" as const, last: "2026-01-02T03:02:00.000Z", transport: "remote write 2.0, snappy" },
  ...{ accepted: 90, expectedIntervalSeconds: 15, silentSince: "2026-01-02T03:02:45.000Z" },
};

/** A certificate that ends in so many days. */
export const ending = (days: number) => ({
  flag: "--cluster-crt",
  file: "/ring.crt",
  subject: `CN=of ${days} days`,
  ends: new Date(NOW_MS + days * 86_400_000).toISOString(),
  days,
});

/** A member of a ring that is well. */
export const MEMBER = {
  address: "a:1",
  host: "a",
  status: "ALIVE",
  phase: "ACTIVE",
  isWitness: false,
  incarnation: 1,
  linked: true,
  inView: true,
};

/** A ring without members. */
export const RING = {
  name: "server-0",
  carriesOnAlone: false,
  agrees: true,
  epoch: 1,
  voters: [],
  confirmedBy: [],
  seeds: [],
  transitions: [],
};

/** A status in which all is well, with a certificate. */
export const WELL = { ...STATUS, certificates: [ending(90)] };

/** A sink that is well. */
export const SINK: SinkReport = {
  ...{ url: "https://sink/write", state: "idle", version: "2.0", waiting: 0, lagSeconds: 0 },
  ...{ sent: 1, dropped: 0, conflated: 0 },
};
