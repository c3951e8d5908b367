/**
 * What the fuzzer attacks: the stages of a push from the HTTP handler to the exposition index, as the server wires them, but
 * for a disk.
 *
 * @module
 */

import { NO_DIRECTORY } from "../support/no_directory.ts";
import { stackOf } from "../../common/explain.ts";
import { HttpError } from "../../common/http/http.ts";
import { RepeatLog } from "../../common/repeat_log.ts";
import type { Logger } from "../../common/log.ts";
import { parseSelector } from "../../common/exposition/selector.ts";
import { selectorMatches } from "../support/selector_matches.ts";
import { authentication, SIGNATURE_LIMITS } from "../../server/authorization/authenticate.ts";
import { generateSigningKey } from "../../server/authorization/token_keys.ts";
import { TokenSigner, TokenVerifier } from "../../server/authorization/tokens.ts";
import { type ClusterEntry, ExpositionIndex } from "../../server/exposition/exposition_index.ts";
import { federate } from "../../server/exposition/federate.ts";
import { AllowList } from "../../common/ingest/allow_list.ts";
import { type RawPush, type RenderedPush, Renderer, type RenderOptions } from "../../server/ingest/renderer.ts";
import type { Steps } from "../../common/steps.ts";
import type { IngestRules } from "../../common/ingest/ingested_push.ts";
import { Capacity } from "../../server/limits/capacity.ts";
import { PushAccount } from "../../server/pushes/push_account.ts";
import { PushCommitter } from "../../server/pushes/push_committer.ts";
import { UploadSlots } from "../../server/limits/upload_slots.ts";
import { upload } from "../../server/pushes/upload.ts";
import { createRegistry } from "../../common/metrics.ts";
import type { SeriesRules } from "../support/expected_series.ts";
import type { KeepRules } from "../support/kept_samples.ts";
import type { PushInput } from "./push_input.ts";

export type { SeriesRules } from "../support/expected_series.ts";
export type { KeepRules } from "../support/kept_samples.ts";

/** Where the clock of the target stands. */
export const NOW_MS = 1_750_000_000_000;

/** How long its samples are shown. */
export const TTL_MS = 600_000;

/** The limits of the target: small, so that many inputs pass them. */
export const LIMITS = {
  bytes: 131_072,
  decompressedBytes: 524_288,
  textBytes: 2_097_152,
  families: 200,
  series: 2_000,
  labels: 24,
} as const;

/** How the target answered. */
export interface Outcome {
  /** The status; 500 for anything that no handler throws on purpose. */
  readonly status: number;
  /** The reason that the server counts. */
  readonly reason: string;
  /** What the client is told, or the stack of what should not have been thrown. */
  readonly message: string;
  /** How long it took. */
  readonly elapsedMs: number;
  /** How much more memory there was in use after it than before it, in bytes; garbage that was not collected included. */
  readonly heldBytes: number;
}

/** A cluster that pushes to the target. */
export interface TargetCluster {
  /** Its id. */
  readonly id: string;
  /** The labels of its token. */
  readonly labels: ReadonlyMap<string, string>;
  /** Its token. */
  readonly token: string;
}

/** What servers are told that differ in their rules. */
const SERVERS = [
  { set: {}, elide: [], whitelist: [], required: {}, honorTimestamps: true },
  { set: {}, elide: [], whitelist: [], required: {}, honorTimestamps: false },
  {
    set: { region: "set by the server" },
    elide: ["secret", "prometheus"],
    whitelist: [
      "up",
      '{__name__=~".*(conditions|seconds)"}',
      '{job="api",code!~"4.."}',
      "{resource=~'resource-[0-9]+.*'}",
      '{"http.server.duration"}',
    ],
    required: { tenant: 'with "quotes"' },
    honorTimestamps: true,
  },
] as const;

/** How many targets there are to choose from. */
export const PUSH_TARGETS: number = SERVERS.length;

const IDS = ["victim", "plain", 'we"ird\\\n,é🦕{}'];

const SILENT = { debug() {}, info() {}, warn() {}, error() {} } as unknown as Logger;
const QUIET = new RepeatLog(SILENT, { level: "info" });

/** One server, with all that its next answer depends on. */
export class PushTarget {
  /** Which of the targets it is. */
  readonly number: number;
  /** The clusters that have a token; the first one's pushes are good. */
  readonly clusters: readonly TargetCluster[];
  /**
   * What the server makes of a series, in terms of the independent reading.
   *
   * @internal its type is the tests'
   */
  readonly rules: SeriesRules;
  readonly #keeps: Omit<KeepRules, "identity">;
  readonly #renderer: RecordingRenderer;
  readonly #index: ExpositionIndex;
  readonly #upload: (request: Request) => Promise<Response>;
  readonly #federate: (request: Request) => Promise<Response>;

  private constructor(
    clusters: readonly TargetCluster[],
    { number, verifier }: { number: number; verifier: TokenVerifier },
  ) {
    const server = SERVERS[number];
    this.number = number;
    this.clusters = clusters;
    const selectors = server.whitelist.map(parseSelector);
    const rules: IngestRules = {
      set: new Map(Object.entries(server.set)),
      elide: new Set(server.elide),
      always: new Set(["instance", "job"]),
      allow: selectors.length === 0 ? undefined : new AllowList(selectors),
      limits: { maxFamilies: LIMITS.families, maxSeries: LIMITS.series, maxLabels: LIMITS.labels },
      maxLabelBytes: 255,
      maxNameBytes: 255,
      maxTextBytes: LIMITS.textBytes,
      maxAgeMs: 86_400_000,
      maxAheadMs: 600_000,
      ttlMs: TTL_MS,
      honorTimestamps: server.honorTimestamps,
    };
    const { set, elide, maxAgeMs, maxAheadMs } = rules;
    const { honorTimestamps } = server;
    this.rules = { set, elide, nowMs: NOW_MS, ttlMs: TTL_MS, honorTimestamps };
    this.#keeps = {
      keeps: (name, labels) =>
        selectors.length === 0 ||
        selectors.some((selector) =>
          selectorMatches(selector, (label) => label === "__name__" ? name : labels.get(label) ?? "")
        ),
      maxLabels: LIMITS.labels,
      maxTextBytes: rules.maxLabelBytes,
      nowMs: NOW_MS,
      maxAgeMs,
      maxAheadMs,
      honorTimestamps,
    };
    const registry = createRegistry();
    const index = new ExpositionIndex({ ttlMs: TTL_MS });
    const store = { clusters: 0, has: () => false, put: () => Promise.resolve() };
    const renderer = new RecordingRenderer({ ...rules, limitBytes: LIMITS.decompressedBytes });
    const capacity = new Capacity({ maxClusters: 0, maxSeries: 0, index, store });
    const now = () => NOW_MS;
    const handler = upload({
      authenticate: authentication({ verifier, partitionLabel: "_id", shares: { ...SIGNATURE_LIMITS, penaltyMs: 0 } }),
      stage: new PushCommitter({
        renderer,
        capacity,
        store,
        index,
        account: new PushAccount({ ttlMs: TTL_MS, losses: QUIET, directory: NO_DIRECTORY, registry }),
      }),
      limitBytes: LIMITS.bytes,
      slots: new UploadSlots({ most: 256, now: () => performance.now() }),
      held: { back: () => Promise.resolve() },
      now,
      log: SILENT,
      refusals: QUIET,
      directory: NO_DIRECTORY,
      registry,
    });
    this.#renderer = renderer;
    this.#index = index;
    this.#upload = async (request) => await handler(request, { address: "127.0.0.1" });
    this.#federate = federate({ index, conflicts: { set() {} }, collisions: { inc() {} }, now });
  }

  /** Prepares one of {@linkcode PUSH_TARGETS}. */
  static async create(number: number): Promise<PushTarget> {
    const { required } = SERVERS[number];
    const key = await generateSigningKey();
    const signer = new TokenSigner(key);
    const clusters = await Promise.all(IDS.map(async (id) => {
      const labels = new Map([["_id", id], ...Object.entries(required)]);
      const token = await signer.sign({ labels, subject: id, expireSeconds: 86_400, now: NOW_MS });
      return { id, labels, token };
    }));
    return new PushTarget(clusters, { number, verifier: new TokenVerifier([key], { now: () => NOW_MS }) });
  }

  /** Sends a push, and tells what came of it. */
  async push(input: PushInput): Promise<Outcome> {
    const headers = {
      "authorization": `Bearer ${flipped(this.clusters[input.cluster].token, input.tokenFlip)}`,
      "content-type": input.contentType,
      "content-encoding": input.contentEncoding,
      "content-length": String(input.body.length),
    };
    const body = input.body as Uint8Array<ArrayBuffer>;
    const request = new Request("http://localhost/upload", { method: "POST", headers, body });
    const before = memory();
    const startedMs = performance.now();
    const outcome = (status: number, reason: string, message = ""): Outcome => {
      const elapsedMs = performance.now() - startedMs;
      return { status, reason, message, elapsedMs, heldBytes: memory() - before };
    };
    try {
      const response = await this.#upload(request);
      return outcome(response.status, "stored", (await response.text()).trimEnd());
    } catch (error) {
      if (error instanceof HttpError) return outcome(error.status, error.reason, error.message);
      return outcome(500, "internal", stackOf(error));
    }
  }

  /** Whether a cluster's token with a bit turned is still the same, as the bit was one that no header can have. */
  isToken(cluster: number, flip: number): boolean {
    const { token } = this.clusters[cluster];
    return flipped(token, flip) === token;
  }

  /** What a cluster shows. */
  entry(cluster: number): ClusterEntry | undefined {
    return this.#index.get(this.clusters[cluster].id);
  }

  /** What the server made of the last push that it could read. */
  get rendered(): RenderedPush | undefined {
    return this.#renderer.last;
  }

  /**
   * What the server demands of a cluster's samples, in terms of the independent reading.
   *
   * @internal its type is the tests'
   */
  keepRules(cluster: number): KeepRules {
    return { ...this.#keeps, identity: this.clusters[cluster].labels };
  }

  /** Forgets what a cluster shows. */
  hide(cluster: number): void {
    this.#index.hide(this.clusters[cluster].id);
  }

  /** The page of `/federate` in the format that the header asks for, or what a selector picks of it. */
  async page(accept: string, match?: string): Promise<Uint8Array> {
    const url = new URL("http://localhost/federate");
    if (match !== undefined) url.searchParams.set("match[]", match);
    const response = await this.#federate(new Request(url, { headers: { accept } }));
    return await response.bytes();
  }
}

/** Remembers what became of the last push. */
class RecordingRenderer extends Renderer {
  last: RenderedPush | undefined;

  override renderQuickly(push: RawPush, options?: RenderOptions): Steps<RenderedPush> | undefined {
    this.last = undefined;
    const steps = super.renderQuickly(push, options);
    return steps && this.#recorded(steps);
  }

  override renderApart(push: RawPush, options?: RenderOptions): Steps<RenderedPush> {
    return this.#recorded(super.renderApart(push, options));
  }

  *#recorded(steps: Steps<RenderedPush>): Steps<RenderedPush> {
    return this.last = yield* steps;
  }
}

/** The memory of objects and of buffers, in bytes. */
function memory(): number {
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** A token with one bit of one of its characters turned, but for what would not get past a header. */
function flipped(token: string, place: number | undefined): string {
  if (place === undefined) return token;
  const at = token.length - 1 - Math.floor(place / 7) % token.length;
  const code = token.charCodeAt(at) ^ 1 << place % 7;
  return code > 0x20 && code < 0x7f ? token.slice(0, at) + String.fromCharCode(code) + token.slice(at + 1) : token;
}
