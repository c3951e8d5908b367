/**
 * One HTTP request of the client: with a deadline over all of it, no redirect followed, and errors that name the place and
 * the reason but neither a query nor a secret.
 *
 * @module
 */

import { formatDuration } from "../common/duration.ts";
import { messageOf } from "../common/explain.ts";
import { keepCompiled } from "../common/keep_compiled.ts";
import { parseRetryAfter } from "../common/backoff.ts";
import { type Circumstances, connectionFault } from "../common/outgoing/connection_fault.ts";
import { excerptOf, secretsOfUrl } from "../common/outgoing/answer_excerpt.ts";
import { proxySecrets } from "../common/outgoing/proxied_client.ts";
import { userAgentOf } from "../common/outgoing/user_agent.ts";
import { differenceOf } from "./clocks.ts";
import type { HttpClients } from "./http_client.ts";

const USER_AGENT = userAgentOf("telemeter-client");

/** What the platform says when the body of an answer ends before its end. */
const BODY_BROKEN = "error reading a body from connection";

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
  /** Sent as the bearer token, unless the headers authorize the request in another way. */
  readonly token?: string;
  /** The content to send, encoded as the headers say. */
  readonly body?: Uint8Array<ArrayBuffer>;
  /** Opens the connection that the request goes over, and nothing else. */
  readonly clients: Pick<HttpClients, "open">;
  /** How long all of it may take, until the body of the answer is read, in milliseconds. */
  readonly timeoutMs: number;
  /** Gives the request up. */
  readonly signal: AbortSignal;
  /** Hears the status of the answer. */
  readonly onStatus?: (status: number) => void;
  /** Hears how far the clock of who answers is ahead of ours, in milliseconds. */
  readonly onClock?: (differenceMs: number) => void;
}

/**
 * Makes a request and hands the answer to `read`, with what it must not repeat of the login of a proxy. What goes wrong, there or on
 * the way, comes out with the place in front, and with the proxy if there is one.
 */
export async function call<T>(
  request: Call,
  read: (response: Response, proxyLogin: readonly string[]) => Promise<T>,
): Promise<T> {
  const { attempt, url, method, token, body, timeoutMs } = request;
  const sentMs = Date.now();
  using connection = await request.clients.open(url);
  const { client, proxy } = connection;
  const bearer: Readonly<Record<string, string>> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const headers = { "user-agent": USER_AGENT, ...bearer, ...request.headers, ...connection.headers };
  // By hand: AbortSignal.any(), with another controller for the deadline, takes a tenth of a millisecond.
  const over = new AbortController();
  const giveUp = () => over.abort();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    giveUp();
  }, timeoutMs);
  request.signal.addEventListener("abort", giveUp);
  let response: Response | undefined;
  try {
    request.signal.throwIfAborted();
    response = await fetch(url, { method, headers, body, client, redirect: "manual", signal: over.signal });
    // With the platform's code for streams and headers.
    keepCompiled(response);
    request.onStatus?.(response.status);
    const differenceMs = differenceOf(response, { sentMs, nowMs: Date.now() });
    if (differenceMs !== undefined) request.onClock?.(differenceMs);
    return await read(response, proxySecrets(proxy));
  } catch (error) {
    request.signal.throwIfAborted();
    const faultOf = response === undefined ? connectionFault : answerFault;
    const reason = late
      ? `no complete answer within ${formatDuration(timeoutMs)}`
      : faultOf(error, { url, ...connection });
    const message = `${attempt} ${placeOf(url)}${proxy ? ` through the proxy ${proxy.place}` : ""}: ${reason}`;
    if (!late && error instanceof RefusedError) throw new RefusedError(message, error);
    throw new Error(message, { cause: error });
  } finally {
    clearTimeout(timer);
    request.signal.removeEventListener("abort", giveUp);
    await response?.body?.cancel().catch(() => {});
  }
}

/** Why an answer could not be read: a sentence of ours as it is, and what the platform says of a connection that breaks. */
function answerFault(error: unknown, circumstances: Circumstances): string {
  const message = messageOf(error);
  return message === BODY_BROKEN ? connectionFault(error, circumstances) : message;
}

/** A URL as messages and logs show it: without user name, password and query, which may be secret. */
export function placeOf(url: URL): string {
  return url.origin + url.pathname;
}

/** Where an answer redirects to, as messages show it: ` to PLACE`, or nothing where it does not tell; undefined if it does not. */
export function redirectOf({ status, headers }: Response, url: URL): string | undefined {
  if (status < 300 || status >= 400) return undefined;
  const target = URL.parse(headers.get("location") ?? "", url);
  return headers.has("location") && target ? ` to ${placeOf(target)}` : "";
}

/** What is known of a request whose answer is a refusal. */
export interface RefusalContext {
  /** What was asked for; its query and password never show. */
  readonly url: URL;
  /** What to do, by status. */
  readonly hints: Readonly<Record<number, string>>;
  /** What to do about a redirect, where that is not followed. */
  readonly redirectHint?: string;
  /** What never shows either, even where the server repeats it. */
  readonly secrets: readonly string[];
}

/** The refusal that an answer makes: its status, a hint what to do about it, and the start of what it says. */
export async function refusal(response: Response, context: RefusalContext): Promise<RefusedError> {
  const { url, hints, redirectHint, secrets } = context;
  const { status } = response;
  const redirect = redirectOf(response, url);
  const said = await excerptOf(response, [...secrets, ...secretsOfUrl(url)]);
  const hint = SPEAKS_TLS.test(said)
    ? "it speaks TLS: write https:// in its URL"
    : redirect && redirectHint
    ? `a redirect${redirect}: ${redirectHint}`
    : hints[status] ?? HINTS[status];
  return new RefusedError(`it answered ${status}${hint ? `, ${hint}` : ""}${said ? `; it says: ${said}` : ""}`, {
    status,
    retryAfterMs: parseRetryAfter(response.headers.get("retry-after"), Date.now()),
  });
}

/** What Go, nginx and Apache tell who speaks plain HTTP to a port of theirs that speaks TLS. */
const SPEAKS_TLS =
  /HTTP request (?:was sent )?to (?:an? )?(?:HTTPS|SSL-enabled) (?:server|port)|speaking plain HTTP to an SSL/;

/** What a status means whoever answers with it. */
const HINTS: Readonly<Record<number, string>> = {
  407: "the proxy wants a user name and a password: give them in its URL",
};
