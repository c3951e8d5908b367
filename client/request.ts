/**
 * One HTTP request of the client: with a deadline over all of it, no redirect followed, and errors that name the place and
 * the reason but neither a query nor a secret.
 *
 * @module
 */

import { formatDuration } from "../common/duration.ts";
import { messageOf } from "../common/explain.ts";
import { parseRetryAfter } from "./backoff.ts";

/** What a refusal's body is read up to, in bytes. */
const EXCERPT_BYTES = 1_024;

/** How much of a refusal's body a message shows, in characters. */
const EXCERPT_LENGTH = 200;

/** An answer with a status that is no success. */
export class RefusedError extends Error {
  /** Stable, for the loop that waits as long as the server asked. */
  readonly code = "refused";
  /** The name that stack traces show. */
  override readonly name = "RefusedError";
  /** The HTTP status of the answer. */
  readonly status: number;
  /** What the server asked to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  /** Takes a whole sentence as the message. */
  constructor(message: string, { status, retryAfterMs }: { status: number; retryAfterMs?: number }) {
    super(message);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A request to make. */
export interface Call {
  /** How a message about a failure begins, such as `Cannot push to`; the place follows. */
  readonly attempt: string;
  /** Where to. */
  readonly url: URL;
  /** The HTTP method. A redirect is handed to the caller, not followed. */
  readonly method: "GET" | "POST";
  /** The headers to send, by name. */
  readonly headers: Readonly<Record<string, string>>;
  /** The content to send, encoded as the headers say. */
  readonly body?: Uint8Array<ArrayBuffer>;
  /** Carries the certificates; the caller closes it. */
  readonly client: Deno.HttpClient;
  /** How long all of it may take, until the body of the answer is read, in milliseconds. */
  readonly timeoutMs: number;
  /** Gives the request up. */
  readonly signal: AbortSignal;
}

/** Makes a request and hands the answer to `read`, whose errors come out with the place in front. */
export async function call<T>(request: Call, read: (response: Response) => Promise<T>): Promise<T> {
  const { attempt, url, method, headers, body, client, timeoutMs } = request;
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), timeoutMs);
  let response: Response | undefined;
  try {
    const signal = AbortSignal.any([request.signal, deadline.signal]);
    response = await fetch(url, { method, headers, body, client, redirect: "manual", signal });
    return await read(response);
  } catch (error) {
    request.signal.throwIfAborted();
    const late = deadline.signal.aborted;
    const reason = late ? `no complete answer within ${formatDuration(timeoutMs)}` : reasonOf(error);
    const message = `${attempt} ${placeOf(url)}: ${reason}`;
    if (!late && error instanceof RefusedError) throw new RefusedError(message, error);
    throw new Error(message, { cause: error });
  } finally {
    clearTimeout(timer);
    await response?.body?.cancel().catch(() => {});
  }
}

/** A URL as messages and logs show it: without user name, password and query, which may be secret. */
export function placeOf(url: URL): string {
  return url.origin + url.pathname;
}

/** The deepest cause that an error names. `fetch` puts the URL before its own, which must not get out. */
function reasonOf(error: unknown): string {
  let deepest = error;
  while (deepest instanceof Error && deepest.cause instanceof Error) deepest = deepest.cause;
  const message = messageOf(deepest);
  return message.match(/^error sending request .*?: client error \([^)]*\): (.*)$/s)?.[1] ??
    (message.startsWith("error sending request ") ? "the request failed" : message);
}

/**
 * The refusal that an answer makes: its status, a hint what to do about it, and the start of what it says.
 *
 * @param options.hints what to do, by status
 * @param options.secrets what never shows, even where the server repeats it
 */
export async function refusal(
  response: Response,
  { hints, secrets }: { hints: Readonly<Record<number, string>>; secrets: readonly string[] },
): Promise<RefusedError> {
  const { status } = response;
  const hint = hints[status];
  const said = await excerptOf(response, secrets);
  return new RefusedError(`it answered ${status}${hint ? `, ${hint}` : ""}${said ? `; it says: ${said}` : ""}`, {
    status,
    retryAfterMs: parseRetryAfter(response.headers.get("retry-after"), Date.now()),
  });
}

/** The start of a body on one line, without secrets and control characters. */
async function excerptOf(response: Response, secrets: readonly string[]): Promise<string> {
  const bytes = new Uint8Array(EXCERPT_BYTES);
  let length = 0;
  let isWhole = false;
  try {
    for await (const chunk of response.body ?? []) {
      const part = chunk.subarray(0, EXCERPT_BYTES - length);
      bytes.set(part, length);
      length += part.length;
      if (length === EXCERPT_BYTES) break;
    }
    isWhole = length < EXCERPT_BYTES;
  } catch {
    // The status is what counts; a body that breaks off says what it said until then.
  }
  let text = new TextDecoder().decode(bytes.subarray(0, length));
  for (const secret of secrets) text = withoutSecret(text, { secret, isWhole });
  text = text.replace(/[\s\p{C}]+/gu, " ").trim();
  return text.length > EXCERPT_LENGTH ? text.slice(0, EXCERPT_LENGTH) + "…" : text;
}

/** Strikes a secret out, also one that the end of a text cuts short. */
function withoutSecret(text: string, { secret, isWhole }: { secret: string; isWhole: boolean }): string {
  if (secret === "") return text;
  const struck = text.replaceAll(secret, "…");
  for (let length = isWhole ? 0 : Math.min(secret.length, struck.length); length > 0; length--) {
    if (struck.endsWith(secret.slice(0, length))) return `${struck.slice(0, -length)}…`;
  }
  return struck;
}
