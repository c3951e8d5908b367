/**
 * The stub of the upstream authorizer: lets in the tokens of a file, for trials and tests. Run it with `deno task authorization-server`.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { BoundedMap } from "../common/bounded_map.ts";
import { readNamedFile } from "../common/named_path.ts";
import { accountIdOf } from "../common/fnv.ts";
import { type Handler, HttpError, readBody } from "../common/http/http.ts";
import { listen } from "../common/http/http_server.ts";
import { run } from "../common/lifecycle.ts";
import { address } from "../common/option_kinds.ts";
import { LOG_OPTIONS, type Program, readArgument } from "../common/options.ts";
import { checkSecretFiles } from "../common/secret_guard.ts";

/** The longest question that is read, in bytes. */
const QUESTION_LIMIT_BYTES = 32_768;
/** The registrations that are remembered: one forgotten is answered with 201 once more. */
const MAX_REGISTRATIONS = 100_000;

/** Where and how balancers and monitors ask whether the stub runs; every other path answers the authorizer's question. */
const HEALTH_PATHS: ReadonlySet<string> = new Set(["/healthz", "/healthz/ready"]);
const HEALTH_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** The command line of the stub. */
export const AUTHORIZATION_SERVER: Program<typeof LOG_OPTIONS> = {
  name: "authorization-server",
  summary:
    "A stub of the upstream authorizer for trials: lets in every cluster that shows one of the tokens in a file.",
  arguments: {
    ADDR: "Where to listen, as HOST:PORT",
    "TOKENS.json": 'The tokens to let in: [{"token":"…"}]',
  },
  options: LOG_OPTIONS,
};

/**
 * Reads a list of tokens: `[{"token":"a"}]`.
 *
 * @throws {SyntaxError} if the text is not that.
 */
export function parseTokens(text: string): string[] {
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch {
    // The cause is left out as it quotes the text, which is secret.
    throw new SyntaxError('it is not JSON: write a list such as [{"token":"…"}]');
  }
  if (!Array.isArray(entries) || !entries.every((entry) => typeof entry?.token === "string")) {
    throw new SyntaxError('it holds something else: write a list such as [{"token":"…"}]');
  }
  return entries.map((entry) => entry.token);
}

/** Answers as the authorizer does: a status, and a registration or an error as JSON. */
export function authorizerStub(tokens: Iterable<string>): Handler {
  // Looking for a hash takes the same time wherever a guess begins to differ.
  const known = new Set(Array.from(tokens, hashOf));
  const registered = new BoundedMap<string, true>(MAX_REGISTRATIONS);

  return async (request) => {
    if (HEALTH_METHODS.has(request.method) && HEALTH_PATHS.has(new URL(request.url).pathname)) {
      return new Response("ok\n");
    }
    if (request.method !== "POST") {
      return problem(405, "MethodNotAllowed", "Only requests of type 'POST' are accepted.");
    }
    const mediaType = (request.headers.get("content-type") ?? "").split(";", 1)[0].trim().toLowerCase();
    if (mediaType !== "application/json") {
      return problem(400, "InvalidContentType", "Only requests with Content-Type application/json are accepted.");
    }
    const question = await readQuestion(request);
    if (question === undefined) return problem(400, "InvalidBody", "Unable to parse body as JSON.");
    const { cluster_id: cluster = "", authorization_token: token = "" } = question;
    if (typeof cluster !== "string" || typeof token !== "string") {
      return problem(400, "InvalidBody", "Unable to parse body as JSON.");
    }
    if (cluster === "") return problem(400, "BadRequest", "No cluster ID provided.");
    if (!known.has(hashOf(token))) return problem(401, "NotAuthorized", "The provided token is not recognized.");
    const key = hashOf(JSON.stringify([token, cluster]));
    const status = registered.get(key) === undefined ? 201 : 200;
    registered.set(key, true);
    const registration = { cluster_id: cluster, authorization_token: token, account_id: accountIdOf(cluster) };
    return Response.json(registration, { status });
  };
}

async function readQuestion(request: Request): Promise<Record<string, unknown> | undefined> {
  try {
    const body = await readBody(request, { limitBytes: QUESTION_LIMIT_BYTES });
    const question: unknown = JSON.parse(new TextDecoder().decode(body));
    return typeof question === "object" && question !== null && !Array.isArray(question) ? { ...question } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof HttpError) return undefined;
    throw error;
  }
}

function problem(status: number, name: string, reason: string): Response {
  return Response.json({ name, reason }, { status });
}

function hashOf(secret: string): string {
  return createHash("sha256").update(secret).digest("base64");
}

if (import.meta.main) {
  await run(AUTHORIZATION_SERVER, async ({ arguments: [addr, path], log }) => {
    const tokens = await readNamedFile(path, { flag: "TOKENS.json", parse: parseTokens });
    await checkSecretFiles({ "TOKENS.json": path }, { log });
    const listener = await listen(authorizerStub(tokens), {
      address: readArgument(address, addr),
      name: "authorizer",
      log,
    });
    log.info("Listening", { url: listener.url.href, tokens: tokens.length });
    return listener;
  });
}
