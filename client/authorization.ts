/**
 * The token exchange: an initial token buys a short-lived one, and the labels that its samples carry.
 *
 * @module
 */

import { readUpTo } from "../common/http/read_up_to.ts";
import { readAbilities, type ServerAbilities } from "../common/ingest/server_abilities.ts";
import { isLabelName } from "../common/exposition/names.ts";
import { type Call, call, refusal } from "./request.ts";
import { isToken } from "../common/secret_text.ts";

/** The longest answer that is taken, in bytes. */
const ANSWER_LIMIT_BYTES = 16_384;

/** How long before its expiry a token is exchanged anew, in milliseconds; half of its life if that is shorter. */
const REFRESH_BEFORE_MS = 15_000;

const HINTS: Readonly<Record<number, string>> = {
  400: "it refuses the request: check --id",
  401: "the token of --to-token-file is not that of --id, or is no longer valid",
  403: "the token of --to-token-file may not speak for --id",
  404: "it knows no such cluster or page: check --to and --id",
  409: "the cluster of --id belongs to another account",
  429: "tokens are exchanged too often",
};

/** The token goes where the user says, and nowhere else. */
const REDIRECT_HINT = "point --to or --to-auth there, if the token is meant for it";

/** What an exchange yields. */
export interface Grant {
  /** The bearer token to push with. */
  readonly token: string;
  /** The labels to set on every sample. */
  readonly labels: ReadonlyMap<string, string>;
  /** What the server says that it takes. */
  readonly server: ServerAbilities;
}

/** How a grant is asked for. */
export type GrantCall = Pick<Call, "clients" | "timeoutMs" | "signal" | "onClock">;

/** What an exchange needs. */
export interface TokenExchangeOptions {
  /** Where to exchange. */
  readonly url: URL;
  /** The initial token, as it is now. */
  readonly initialToken: () => Promise<string>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Holds the token of the last exchange as long as it is good. */
export class TokenExchange {
  readonly #options: TokenExchangeOptions;
  #held:
    | { readonly grant: Grant; readonly refreshMs: number; readonly endsMs: number; readonly initialToken: string }
    | undefined;

  /** Exchanges nothing yet. */
  constructor(options: TokenExchangeOptions) {
    this.#options = options;
  }

  /** Where it exchanges. */
  get url(): URL {
    return this.#options.url;
  }

  /** The grant held, or a new one if there is none, it is about to expire, or the initial token has changed. */
  async grant({ clients, timeoutMs, signal, onClock }: GrantCall): Promise<Grant> {
    const { url, now } = this.#options;
    const initialToken = await this.#options.initialToken();
    const held = this.#held;
    if (held && held.initialToken === initialToken && now() < held.refreshMs) return held.grant;
    const how = { token: initialToken, headers: { accept: "application/json" }, clients, timeoutMs, signal, onClock };
    const askedMs = now();
    return await call(
      { ...how, attempt: "Cannot exchange the token at", url, method: "POST" },
      async (response, proxyLogin) => {
        if (response.status !== 200 && response.status !== 201) {
          const secrets = [initialToken, ...proxyLogin];
          throw await refusal(response, { url, hints: HINTS, redirectHint: REDIRECT_HINT, secrets });
        }
        const { grant, lifetimeSeconds } = parseAnswer(await readUpTo(response, ANSWER_LIMIT_BYTES));
        const endsMs = lifetimeSeconds > 0 ? askedMs + lifetimeSeconds * 1_000 : Infinity;
        this.#held = { grant, refreshMs: askedMs + goodForMs(lifetimeSeconds), endsMs, initialToken };
        return grant;
      },
    );
  }

  /** When the token held ends, in milliseconds since the epoch; Infinity for never, undefined if none is held. */
  get endsMs(): number | undefined {
    return this.#held?.endsMs;
  }

  /** Forgets the grant held, as the server does not take it any more. */
  drop(): void {
    this.#held = undefined;
  }
}

/** How long a token is used, in milliseconds; one that has no lifetime is used for ever. */
function goodForMs(lifetimeSeconds: number): number {
  if (!(lifetimeSeconds > 0)) return Infinity;
  const lifetimeMs = lifetimeSeconds * 1_000;
  return lifetimeMs - Math.min(REFRESH_BEFORE_MS, lifetimeMs / 2);
}

/** Reads `{"token", "expiresInSeconds", "labels"}`; errors say what is wrong and never quote it. */
function parseAnswer(bytes: Uint8Array): { grant: Grant; lifetimeSeconds: number } {
  let answer: unknown;
  try {
    answer = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new SyntaxError("the answer is not JSON");
  }
  if (!isRecord(answer)) throw new TypeError("the answer is not a JSON object");
  const { token, expiresInSeconds = 0, labels = {}, accepts, limits } = answer;
  if (typeof token !== "string" || !isToken(token)) throw new TypeError("the answer holds no usable token");
  if (typeof expiresInSeconds !== "number") throw new TypeError("the answer's expiresInSeconds is not a number");
  if (!isRecord(labels ?? {})) throw new TypeError("the answer's labels are not an object");
  const entries = Object.entries(labels ?? {}).map(([name, value]): [string, string] => {
    if (typeof value !== "string" || !isLabelName(name)) {
      throw new TypeError("the answer's labels hold an invalid one");
    }
    return [name, value];
  });
  const grant = { token, labels: new Map(entries), server: readAbilities({ accepts, limits }) };
  return { grant, lifetimeSeconds: expiresInSeconds };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
