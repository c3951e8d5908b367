/**
 * What must hold after every input, whatever it was.
 *
 * @module
 */

import { stackOf } from "../../common/explain.ts";
import { LimitError } from "../../common/exposition/metric_family.ts";
import { decodeFamilies, encodeFamilies } from "../../common/exposition/protobuf.ts";
import { REMARK_LIMIT_BYTES } from "../../client/post.ts";
import { frameSnappy } from "../../common/exposition/snappy.ts";
import { Random } from "../support/random.ts";
import { checkRefusal, checkShown } from "./check_shown.ts";
import type { Finding, Verdict } from "./verdict.ts";
import { MEDIA_TYPES, type PushInput } from "./push_input.ts";
import { Seeds } from "./seeds.ts";
import { LIMITS, NOW_MS, type Outcome, type PushTarget } from "./push_target.ts";

/** What an input may take: so much, and so much more for each byte of it. The usual is a hundredth. */
const BASE_MS = 20, MS_PER_BYTE = 0.002;
/** What memory may be held after an input, garbage included, which V8 lets grow to some 16 MB. */
const BASE_BYTES = 32 * 1_048_576, BYTES_PER_BYTE = 100;
/** How often an input is tried again that takes too much, as it may have met others' garbage or a busy machine. */
const TRIES = 5;

/** A push that is sent again and again, and what it became at first. */
interface GoodPush {
  readonly input: PushInput;
  readonly shown: string;
}

const utf8 = new TextEncoder();

const STATUSES: ReadonlySet<number> = new Set([200, 400, 401, 413, 415]);
const PARSE_LIMITS = { maxFamilies: LIMITS.families, maxSeries: LIMITS.series, maxLabels: LIMITS.labels };

/** Sends inputs to a target and looks at all that comes of them. */
export class Checker {
  readonly #target: PushTarget;
  readonly #good: readonly GoodPush[];
  #turn = 0;

  private constructor(target: PushTarget, good: readonly GoodPush[]) {
    this.#target = target;
    this.#good = good;
  }

  /** Prepares a target that nothing was sent to yet. */
  static async create(target: PushTarget): Promise<Checker> {
    const good: GoodPush[] = [];
    for (const seed of [1, 2]) {
      const input = goodPush(target, seed);
      const { status, message } = await target.push(input);
      if (status !== 200) throw new Error(`Cannot start as a good push is refused: ${message}`);
      good.push({ input, shown: shownBy(target) });
    }
    return new Checker(target, good);
  }

  /** Sends an input, then a good push of another cluster. */
  async check(input: PushInput): Promise<Verdict<PushInput>> {
    const outcome = await this.#target.push(input);
    let finding = findingOf(input, outcome, this.#target) ?? codecFinding(input);
    let agrees: boolean | undefined;
    if (outcome.status === 200 && finding === undefined) {
      const look = await checkShown(input, this.#target);
      finding = look.finding;
      agrees = look.oracle === undefined ? undefined : look.oracle === "agrees";
    }
    if (outcome.reason === "identity") finding ??= checkRefusal(input, this.#target);
    const feature = `${input.target} ${input.kind} ${outcome.status} ${outcome.reason} ` +
      (outcome.status === 200
        ? `${rulesOf(this.#target)} ${shapeOf(this.#target, input.cluster)}`
        : normalised(outcome.message));
    finding ??= await this.#excess(input, outcome);
    // The clusters of earlier inputs mostly go, so that the page stays short; and now and then stay, to meet others' types.
    if (this.#turn % 8 !== 0) this.#target.hide(input.cluster);
    finding ??= await this.#damage();
    const { status } = outcome;
    return { answer: String(status), accepted: status === 200, feature, finding, agrees, told: outcome };
  }

  /** Whether the next good push still becomes what it became before. */
  async #damage(): Promise<Finding | undefined> {
    const { input, shown } = this.#good[this.#turn++ % this.#good.length];
    const { status, message } = await this.#target.push(input);
    if (status !== 200) return { what: "the next good push is refused", detail: message };
    if (shownBy(this.#target) === shown) return undefined;
    return { what: "the next good push is shown otherwise", detail: shownBy(this.#target) };
  }

  async #excess(input: PushInput, outcome: Outcome): Promise<Finding | undefined> {
    const bytes = input.payload.length + input.body.length;
    const allowedMs = BASE_MS + MS_PER_BYTE * bytes, allowedBytes = BASE_BYTES + BYTES_PER_BYTE * bytes;
    let { elapsedMs, heldBytes } = outcome;
    for (let i = 0; i < TRIES && (elapsedMs > allowedMs || heldBytes > allowedBytes); i++) {
      const again = await this.#target.push(input);
      elapsedMs = Math.min(elapsedMs, again.elapsedMs);
      heldBytes = Math.min(heldBytes, again.heldBytes);
    }
    if (elapsedMs > allowedMs) return { what: "an input takes too long", detail: `${elapsedMs} ms of ${allowedMs}` };
    if (heldBytes <= allowedBytes) return undefined;
    return { what: "an input takes too much memory", detail: `${heldBytes} bytes of ${allowedBytes}` };
  }
}

function goodPush(target: PushTarget, seed: number): PushInput {
  const identity = target.clusters[0].labels;
  const families = new Seeds(NOW_MS).families(new Random(seed), { identity, maxSamples: 40 });
  const payload = encodeFamilies(families);
  return {
    target: target.number,
    cluster: 0,
    kind: "protobuf",
    payload,
    body: frameSnappy(payload),
    contentType: MEDIA_TYPES.protobuf,
    contentEncoding: "snappy",
  };
}

/** What the cluster of the good pushes shows, as one text. */
function shownBy(target: PushTarget): string {
  const entry = target.entry(0);
  if (entry === undefined) return "nothing";
  const { text, blocks, runs, series } = entry;
  return JSON.stringify({ blocks, runs: [...runs], series }) + "\n" + new TextDecoder().decode(text);
}

function findingOf({ cluster, tokenFlip }: PushInput, outcome: Outcome, target: PushTarget): Finding | undefined {
  const { status, reason, message } = outcome;
  if (!STATUSES.has(status)) return { what: `an input ends in ${status} ${reason}`, detail: message };
  if (tokenFlip === undefined && status === 401) return { what: "a good token is refused", detail: message };
  if (tokenFlip !== undefined && status !== 401 && !target.isToken(cluster, tokenFlip)) {
    return { what: "a forged token is accepted", detail: `flip ${tokenFlip} of ${target.clusters[cluster].token}` };
  }
  if (status === 200 && message !== "") {
    const isSentence = (line: string) => /^(Left out|Does not show) [^\p{Cc}\p{Zl}\p{Zp}]+$/u.test(line);
    const odd = message.split("\n").find((line) => !isSentence(line) || !line.isWellFormed());
    if (odd !== undefined) return { what: "a remark is not a sentence", detail: JSON.stringify(message) };
    if (utf8.encode(message).length > REMARK_LIMIT_BYTES) return { what: "a remark is too long", detail: message };
  }
  if (status !== 200 && (/[\n\r]/.test(message) || message.length > 500 || !message.isWellFormed())) {
    return { what: "a refusal is not a sentence", detail: message };
  }
  if (status === 400 && reason !== "encoding" && !/at offset \d+$/.test(message) && !message.includes("gzip")) {
    return { what: "a refusal does not tell the offset", detail: message };
  }
  return undefined;
}

/** The decoder that the client uses throws nothing but what it documents, too. */
function codecFinding({ payload }: PushInput): Finding | undefined {
  try {
    decodeFamilies(payload, PARSE_LIMITS);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof LimitError) return undefined;
    return {
      what: "decodeFamilies() throws what it does not document",
      detail: stackOf(error),
    };
  }
  return undefined;
}

/** A refusal without what differs from input to input: names, numbers, and of the offset all but its magnitude. */
function normalised(message: string): string {
  return message
    .replace(/at offset (\d+)$/, (_, offset) => `at offset 2^${Math.ceil(Math.log2(Number(offset) + 1))}`)
    .replace(/(?<!\^)\b\d+\b/g, "#")
    .replace(/\b(the name|the label|part of|type of|of the summary|of the histogram) [\w:]+/g, "$1 *")
    .replace(/(?<=: )[\w:]+(?= is (a|part)\b)|(?<=part of the \w+ )[\w:]+/g, "*");
}

/** Which rules its samples have broken. */
function rulesOf({ rendered }: PushTarget): string {
  return [...rendered?.leftOut.keys() ?? []].sort().join("+");
}

/** What a push has become, roughly. */
function shapeOf(target: PushTarget, cluster: number): string {
  const entry = target.entry(cluster);
  if (entry === undefined) return "nothing";
  const { blocks, text, runs, series } = entry;
  const magnitude = (count: number) => Math.ceil(Math.log2(count + 1));
  const types = [...new Set(blocks.map(({ type }) => type))].sort().join("+");
  const escapes = ["\\\\", '\\"', "\\n", "NaN", "Inf", "e+", "e-"].filter((piece) =>
    decoder.decode(text).includes(piece)
  );
  return [types, magnitude(series), magnitude(blocks.length), magnitude(runs.length), escapes.join("")].join(" ");
}

const decoder = new TextDecoder();
