/**
 * `POST /oauth2/token`: the same exchange as `/authorize`, in the words of OAuth 2.0's client credentials (RFC 6749 section 4.4), which
 * Prometheus and other senders speak by themselves. The client's id is the cluster's, its secret is the initial token.
 *
 * @module
 */

import { Counter } from "prom-client";
import { type Handler, HttpError } from "../../common/http/http.ts";
import type { Registry } from "../../common/metrics.ts";
import { formDecoded, FormError, hasForm, readForm, strictText, valuesIn } from "./form.ts";
import type { Claim, TokenExchange } from "./token_exchange.ts";
import { isLabelValue, MAX_TOKEN_BYTES } from "./tokens.ts";

/** What {@linkcode oauth2TokenHandler} works with. */
export interface OAuth2TokenOptions {
  /** Exchanges the tokens. */
  readonly exchange: Pick<TokenExchange, "begin" | "issue">;
  /** Where the counter of requests is registered. */
  readonly registry: Registry;
}

/** The longest body that is read, in bytes: an id and a secret of the longest, each byte percent-encoded, and some more. */
const FORM_LIMIT_BYTES = 32_768;

/** The errors of RFC 6749 section 5.2 that there are, and one for what has nothing to do with the request. */
const ERRORS = [
  "invalid_request",
  "invalid_client",
  "unauthorized_client",
  "unsupported_grant_type",
  "temporarily_unavailable",
] as const;

type OAuth2ErrorCode = typeof ERRORS[number];

/** A refusal as the protocol has it. */
interface Refused {
  readonly status: number;
  readonly error: OAuth2ErrorCode;
  readonly description: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Neither tokens nor what is said of them may be kept by anybody on the way (section 5.1). */
const UNSTORED = { "cache-control": "no-store", pragma: "no-cache" };

/**
 * Makes the handler. It answers 400 `invalid_request` or `unsupported_grant_type` to what is no such request, 401 `invalid_client` to
 * whom the authorizer does not know under that id, 400 `unauthorized_client` to an id that is revoked or another's, and 429 or 503
 * `temporarily_unavailable` as `/authorize` does. Scopes are read over: a token of ours is for pushing.
 */
export function oauth2TokenHandler({ exchange, registry }: OAuth2TokenOptions): Handler {
  const requests = new Counter({
    name: "telemeter_oauth2_token_requests_total",
    help: "Requests for a token by client credentials, by what came of them: granted, or the error that was answered",
    labelNames: ["result"],
    registers: [registry],
  });
  for (const result of ["granted", ...ERRORS]) requests.inc({ result }, 0);

  return async (request, { address }) => {
    try {
      exchange.begin(address);
      const claim = await credentialsOf(request);
      const { token, expiresInSeconds } = await exchange.issue(claim, {
        signal: request.signal,
        address,
        path: "/oauth2/token",
      });
      requests.inc({ result: "granted" });
      const granted = { access_token: token, token_type: "Bearer", expires_in: expiresInSeconds };
      return Response.json(granted, { headers: UNSTORED });
    } catch (thrown) {
      const refused = refusedOf(thrown);
      if (refused === undefined) {
        if (!request.signal.aborted) requests.inc({ result: "temporarily_unavailable" });
        throw thrown;
      }
      const { status, error, description, headers } = refused;
      requests.inc({ result: error });
      return Response.json({ error, error_description: description }, { status, headers: { ...UNSTORED, ...headers } });
    }
  };
}

/** The cluster and its initial token, from the `Authorization` header or from the form, never from both. */
async function credentialsOf(request: Request): Promise<Claim> {
  if (!hasForm(request)) throw new FormError("the body is not application/x-www-form-urlencoded");
  const form = await readForm(request, { limitBytes: FORM_LIMIT_BYTES });
  const one = (name: string) => {
    const [value, ...more] = valuesIn(form, name);
    if (more.length > 0) throw new FormError(`the parameter '${name}' comes twice`);
    // Without a value it counts as left out (section 3.2).
    return value === "" ? undefined : value;
  };
  const grantType = one("grant_type"), id = one("client_id"), secret = one("client_secret");
  if (grantType === undefined) throw new FormError("the parameter 'grant_type' is missing");
  if (grantType !== "client_credentials") throw new GrantTypeError();
  const header = request.headers.get("authorization");
  const claim = header === null ? { id, token: secret } : basicCredentials(header);
  if (header !== null && (secret !== undefined || (id !== undefined && id !== claim.id))) {
    throw new FormError("the client says twice who it is: send its id and secret in the header or in the body");
  }
  if (!claim.id || !claim.token) throw new CredentialsError("there is no id and secret of a client");
  if (!isLabelValue(claim.id)) throw new CredentialsError("the client's id has more than 255 bytes");
  if (claim.token.length > MAX_TOKEN_BYTES) {
    throw new CredentialsError(`the client's secret has more than ${MAX_TOKEN_BYTES} bytes`);
  }
  return { id: claim.id, token: claim.token };
}

/** Id and secret as HTTP Basic has them, each url-encoded before (section 2.3.1). */
function basicCredentials(header: string): { id?: string; token?: string } {
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header) ?? [];
  if (encoded === undefined) throw new CredentialsError("the Authorization header is not Basic");
  let text: string;
  try {
    text = strictText(Uint8Array.fromBase64(encoded));
  } catch {
    throw new CredentialsError("the Authorization header is not base64 of UTF-8");
  }
  const [id, token] = text.split(/:(.*)/s, 2);
  return { id: formDecoded(id), token: formDecoded(token ?? "") };
}

/** The grant is another one than client credentials. */
class GrantTypeError extends Error {}

/** Nothing tells which client it is, with a clause that says why. */
class CredentialsError extends Error {}

/** What becomes of an error; undefined for one that is not the client's, nor a lack of places. */
function refusedOf(error: unknown): Refused | undefined {
  if (error instanceof FormError) return badRequest("invalid_request", error.message);
  if (error instanceof GrantTypeError) {
    return badRequest("unsupported_grant_type", "the grant_type must be client_credentials");
  }
  if (error instanceof CredentialsError) return unknownClient(`Cannot authorize: ${error.message}`);
  if (!(error instanceof HttpError) || error.detail !== undefined) return undefined;
  const { status, message, headers } = error;
  if (status === 401 || status === 404) return unknownClient(message);
  if (status === 403 || status === 409) return { status: 400, error: "unauthorized_client", description: message };
  if (status !== 429 && status !== 503) return undefined;
  return { status, error: "temporarily_unavailable", description: message, headers };
}

function badRequest(error: OAuth2ErrorCode, why: string): Refused {
  return { status: 400, error, description: `Cannot authorize: ${why}` };
}

function unknownClient(description: string): Refused {
  return {
    status: 401,
    error: "invalid_client",
    description,
    headers: { "www-authenticate": 'Basic realm="telemeter"' },
  };
}
