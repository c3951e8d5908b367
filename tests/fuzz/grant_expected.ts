/**
 * An independent reading of what `POST /oauth2/token` owes a client: its status and error or, if it is let in, as whom.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { decodedForm, isFormType, pairsOf, strictText } from "./form_reading.ts";
import type { AuthorizerAnswer, GrantInput } from "./grant_input.ts";

/** Who a client says it is. */
export interface ExpectedClaim {
  /** The id. */
  readonly id: string;
  /** The secret. */
  readonly token: string;
}

/** What is owed. */
export interface ExpectedGrant {
  /** The status. */
  readonly status: number;
  /** The error that is answered; undefined where there is none, or none of the protocol. */
  readonly error?: string;
  /** Whom the authorizer is asked about, if it is. */
  readonly asked?: ExpectedClaim;
}

const INVALID_REQUEST: ExpectedGrant = { status: 400, error: "invalid_request" };
const INVALID_CLIENT: ExpectedGrant = { status: 401, error: "invalid_client" };
const UNAUTHORIZED: ExpectedGrant = { status: 400, error: "unauthorized_client" };

const SAID: Readonly<Record<AuthorizerAnswer, ExpectedGrant>> = {
  yes: { status: 200 },
  401: INVALID_CLIENT,
  404: INVALID_CLIENT,
  403: UNAUTHORIZED,
  409: UNAUTHORIZED,
  429: { status: 429, error: "temporarily_unavailable" },
  fails: { status: 503 },
};

/** What is owed for a request whose headers are as the platform has them. */
export function expectedGrant({ body, says }: GrantInput, headers: Headers): ExpectedGrant {
  const form = isFormType(headers.get("content-type")) && body.length <= 32_768 ? strictText(body) : undefined;
  const parameters = form === undefined ? undefined : parametersOf(form);
  if (parameters === undefined || parameters.grant_type === "") return INVALID_REQUEST;
  const { grant_type: grant, client_id: id, client_secret: token } = parameters;
  if (grant !== "client_credentials") return { status: 400, error: "unsupported_grant_type" };
  const header = headers.get("authorization");
  const claim = header === null ? { id, token } : claimOf(header);
  if ("status" in claim) return claim;
  if (header !== null && (token !== "" || (id !== "" && id !== claim.id))) return INVALID_REQUEST;
  if (claim.id === "" || claim.token === "") return INVALID_CLIENT;
  if (Buffer.byteLength(claim.id) > 255 || claim.token.length > 8_192) return INVALID_CLIENT;
  return { ...SAID[says], asked: claim };
}

const NAMES = ["grant_type", "client_id", "client_secret"] as const;

/** The parameters that count, empty where they are missing; undefined if one comes twice, or cannot be read. */
function parametersOf(form: string): Record<typeof NAMES[number], string> | undefined {
  const values = new Map<string, string>();
  for (const [written, value] of pairsOf(form)) {
    const name = decodedForm(written);
    if (name === undefined) return undefined;
    if (!NAMES.some((known) => known === name)) continue;
    const text = decodedForm(value);
    if (text === undefined || values.has(name)) return undefined;
    values.set(name, text);
  }
  const [grant_type = "", client_id = "", client_secret = ""] = NAMES.map((name) => values.get(name));
  return { grant_type, client_id, client_secret };
}

function claimOf(header: string): ExpectedClaim | ExpectedGrant {
  const space = header.indexOf(" ");
  const encoded = space < 0 ? "" : header.slice(space).trimStart();
  if (header.slice(0, Math.max(0, space)).toLowerCase() !== "basic") return INVALID_CLIENT;
  const digits = encoded.replace(/=*$/, ""), padding = encoded.length - digits.length, lack = -digits.length & 3;
  const isBase64 = /^[a-z0-9+/]+$/i.test(digits) && lack < 3 && (padding === 0 || padding === lack);
  const text = isBase64 ? strictText(Buffer.from(digits, "base64")) : undefined;
  if (text === undefined) return INVALID_CLIENT;
  const [id, ...rest] = text.split(":");
  const claim = { id: decodedForm(id), token: decodedForm(rest.join(":")) };
  if (claim.id === undefined || claim.token === undefined) return INVALID_REQUEST;
  return { id: claim.id, token: claim.token };
}
