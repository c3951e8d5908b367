/**
 * The load generator: as many clients as asked for, each of which authorises under an id of its own and then pushes the same
 * metrics again and again, with new timestamps. Run it with `deno task load`.
 *
 * @module
 */

import { type App, createApp, probe } from "../common/http/app.ts";
import { readNamedFile } from "../common/named_path.ts";
import { listen } from "../common/http/http_server.ts";
import { run } from "../common/lifecycle.ts";
import type { Logger } from "../common/log.ts";
import type { MetricFamily } from "../common/exposition/metric_family.ts";
import { createRegistry, metricsHandler, type Registry } from "../common/metrics.ts";
import { address, duration, file, text, url, wholeNumber } from "../common/option_kinds.ts";
import { LOG_OPTIONS, type OptionTable, type OptionValues, type Program } from "../common/options.ts";
import { pause } from "../common/pause.ts";
import { parseText } from "../common/exposition/text_format.ts";
import { LoadGenerator, type LoadPlan } from "./load_generator.ts";

/** The option table; what openshift/telemeter has as well keeps its default. */
export const LOAD_OPTIONS = {
  listen: {
    kind: address,
    default: "localhost:8080",
    help: "Where /metrics and /healthz are",
    since: "0.1.0",
    why: "Run several at a time on one machine",
  },
  to: {
    kind: url,
    secretFile: "toTokenFile",
    default: "http://localhost:9003",
    help: "The server",
    since: "0.1.0",
    why: "Names the server under trial",
  },
  toUpload: {
    kind: url,
    secretFile: "toTokenFile",
    help: "Where to push, if not at --to's /upload",
    since: "0.1.0",
    why: "Goes around a proxy on the way of pushes",
  },
  toAuth: {
    kind: url,
    secretFile: "toTokenFile",
    help: "Where to get tokens, if not at --to's /authorize",
    since: "0.1.0",
    why: "Goes around a proxy on the way of tokens",
  },
  toToken: {
    kind: text,
    secret: "value",
    default: "load",
    help: "The initial token of every client",
    since: "0.1.0",
    why: "The authorizer of the server under trial knows another token",
  },
  toTokenFile: {
    kind: file,
    secret: "file",
    help: "A file with that token, in place of --to-token",
    since: "0.1.0",
    why: "Keeps a token that is good for more than trials out of the list of processes",
  },
  metricsFile: {
    kind: file,
    secret: "none",
    required: true,
    help: "The metrics to push, in the text format",
    since: "0.1.0",
    why: "Names pushes that look like yours: a page saved from /federate",
  },
  interval: {
    kind: duration,
    default: "4m30s",
    help: "How long each client waits between its pushes",
    since: "0.1.0",
    why: "Lower it for more pushes a second; the server's --ratelimit has to allow them",
  },
  workers: {
    kind: wholeNumber({ least: 1 }),
    default: "1000",
    help: "How many clients there are",
    since: "0.1.0",
    why: "Raise it for more clusters",
  },
  duration: {
    kind: duration,
    help: "Stop after this long; without it, on SIGTERM or Ctrl-C",
    since: "0.1.0",
    why: "End by itself, in a script",
  },
  ...LOG_OPTIONS,
} as const satisfies OptionTable;

/** The program as `--help` and `docs/configuration.md` show it. */
export const LOAD: Program<typeof LOAD_OPTIONS> = {
  name: "load",
  summary: "Pushes metrics as many clients would, and reports how the server answered.",
  options: LOAD_OPTIONS,
};

/** Far above what a server accepts: it is the server whose limits are tried. */
const PARSE_LIMITS = { maxFamilies: 100_000, maxSeries: 1_000_000, maxLabels: 1_000 };

/** Where the standard paths of a server lie: below the path that its URL has. */
function below(base: URL, path: string): URL {
  const target = new URL(base);
  target.pathname = target.pathname.replace(/\/*$/, `/${path}`);
  return target;
}

async function readMetrics(path: string): Promise<MetricFamily[]> {
  const parse = (text: string) => {
    const families = parseText(new TextEncoder().encode(text), PARSE_LIMITS);
    if (families.length === 0) throw new SyntaxError("it holds no series: write some there in the text format");
    return families;
  };
  return await readNamedFile(path, { flag: "--metrics-file", parse });
}

async function readInitialToken({ toToken, toTokenFile: path }: OptionValues<typeof LOAD_OPTIONS>): Promise<string> {
  if (path === undefined) return toToken;
  return await readNamedFile(path, { flag: "--to-token-file", parse: (text) => text.trim() });
}

function planOf(
  values: OptionValues<typeof LOAD_OPTIONS>,
  rest: { token: string; families: MetricFamily[]; registry: Registry },
): LoadPlan {
  const { to, toUpload, toAuth, interval, workers } = values;
  return {
    upload: toUpload ?? below(to, "upload"),
    authorize: toAuth ?? below(to, "authorize"),
    intervalMs: interval,
    workers,
    ...rest,
  };
}

function pages(registry: Registry, log: Logger): App {
  return createApp({
    "/metrics": { name: "metrics", get: metricsHandler(registry) },
    "/healthz": probe("health", isAlive),
    "/healthz/ready": probe("ready", isAlive),
  }, { log });
}

function isAlive(): Response {
  return new Response("ok\n");
}

if (import.meta.main) {
  await run(LOAD, async ({ values, log, print }) => {
    const registry = createRegistry();
    const [token, families] = [await readInitialToken(values), await readMetrics(values.metricsFile)];
    const plan = planOf(values, { token, families, registry });
    const generator = new LoadGenerator(plan);
    const listener = await listen(pages(registry, log).fetch, { address: values.listen, name: "load", log });
    log.info("Pushing", { to: plan.upload.origin, clients: plan.workers, metrics: `${listener.url}metrics` });
    const startedMs = performance.now();
    const stop = new AbortController();
    const work = generator.run(stop.signal);
    return {
      keeps: ["net"],
      done: values.duration === undefined ? work : Promise.race([work, pause(values.duration, stop.signal)]),
      async [Symbol.asyncDispose]() {
        const elapsedMs = performance.now() - startedMs;
        stop.abort();
        await work;
        print(await generator.summary(elapsedMs));
        await listener[Symbol.asyncDispose]();
      },
    };
  });
}
