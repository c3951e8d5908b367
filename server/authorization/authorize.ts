/**
 * `POST /authorize?id=ID`: exchanges a client's initial token for one that it pushes with.
 *
 * @module
 */

import { type Handler, HttpError } from "../../common/http/http.ts";
import type { WrittenAbilities } from "../../common/ingest/server_abilities.ts";
import { FormError, hasForm, readForm, valuesIn } from "./form.ts";
import type { TokenExchange } from "./token_exchange.ts";
import { bearerToken, isLabelValue } from "./tokens.ts";

/** What {@linkcode authorizeHandler} works with. */
export interface AuthorizeOptions {
  /** Exchanges the tokens. */
  readonly exchange: TokenExchange;
  /** What the server takes, which it tells with the token. */
  readonly abilities: WrittenAbilities;
}

/** The longest url-encoded body that is read, in bytes. */
const FORM_LIMIT_BYTES = 4_096;

/** The response to a client that is let in, as clients of openshift/telemeter read it; at most 16 KiB. */
interface TokenResponse {
  readonly version: 1;
  readonly token: string;
  readonly expiresInSeconds: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly accepts: WrittenAbilities["accepts"];
  readonly limits: WrittenAbilities["limits"];
}

/**
 * Makes the handler.
 *
 * It answers 405 to another method than POST, 400 without a proper id, 401 without a bearer token, and what the exchange says.
 */
export function authorizeHandler({ exchange, abilities }: AuthorizeOptions): Handler {
  return async (request, { address }) => {
    if (request.method !== "POST") {
      throw new HttpError(405, "Cannot authorize by this method: use POST", {
        reason: "method",
        headers: { allow: "POST" },
      });
    }
    exchange.begin(address);
    const id = await clusterIdOf(request);
    const claim = { id, token: bearerToken(request) };
    const { token, expiresInSeconds, labels } = await exchange.issue(claim, {
      signal: request.signal,
      address,
      path: "/authorize",
    });
    const response: TokenResponse = {
      version: 1,
      token,
      expiresInSeconds,
      labels: Object.fromEntries(labels),
      ...abilities,
    };
    return Response.json(response, { headers: { "cache-control": "no-store" } });
  };
}

/** The id from an url-encoded body, else from the query. */
async function clusterIdOf(request: Request): Promise<string> {
  try {
    const form = hasForm(request) ? await readForm(request, { limitBytes: FORM_LIMIT_BYTES }) : "";
    const id = firstOf(valuesIn(form, "id")) ?? firstOf(valuesIn(new URL(request.url).search.slice(1), "id"));
    if (id === undefined || id === "") {
      throw new FormError("the parameter 'id' is missing from the query or the url-encoded body");
    }
    if (!isLabelValue(id)) throw new FormError("the parameter 'id' has more than 255 bytes");
    return id;
  } catch (error) {
    if (!(error instanceof FormError)) throw error;
    throw new HttpError(400, `Cannot authorize: ${error.message}`, { reason: "id" });
  }
}

function firstOf<T>([first]: Iterable<T>): T | undefined {
  return first;
}
