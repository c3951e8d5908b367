/**
 * An independent reading of what `/authorize` owes a client: its status and, if it lets it in, as whom.
 *
 * @module
 */

import type { AuthorizeInput } from "./authorize_input.ts";
import { decodedForm, isFormType, pairsOf, strictText } from "./form_reading.ts";

/** What is owed. */
export type Expected =
  | { readonly status: number; readonly id: string; readonly token: string; readonly account: string }
  | { readonly status: number; readonly id?: undefined };

/** How long an account may be, as JSON. */
const LONGEST_ACCOUNT_BYTES = 3_072;
/** How long an account and an id may be together, as JSON, for a token to have less than 8 KiB. */
const LONGEST_NAMES_BYTES = 5_780;

const utf8 = new TextEncoder();

/** What is owed for a request, whose target is the one that the platform made of it. */
export function expectedOf(input: AuthorizeInput, { target, type }: { target: URL; type: string | null }): Expected {
  if (target.pathname !== "/authorize") return { status: 404 };
  if (input.method !== "POST") return { status: input.method === "OPTIONS" ? 204 : 405 };
  const id = idOf(input, { target, type });
  if (id === undefined || id === "" || utf8.encode(id).length > 255) return { status: 400 };
  const [scheme, ...rest] = (input.headers.authorization ?? "").trim().split(" ");
  const token = rest.join(" ").replace(/^ +/, "");
  if (scheme.toLowerCase() !== "bearer" || token === "" || token.length > 8_192) return { status: 401 };
  return upstreamSays(input, { id, token });
}

function upstreamSays(
  { upstream, status, answer, answerHeaders }: AuthorizeInput,
  asked: { id: string; token: string },
): Expected {
  if (upstream !== "answers") return { status: 503 };
  if ([401, 403, 404, 409, 429].includes(status)) return { status };
  if (answer.length > 32_768) return { status: 503 };
  const isJson = (answerHeaders["content-type"] ?? "").split(";")[0].trim() === "application/json";
  if ((status !== 200 && status !== 201) || !isJson) return { status: 503 };
  try {
    const account: unknown = JSON.parse(new TextDecoder().decode(answer)).account_id;
    if (typeof account !== "string" || account === "" || account.length > 1_024 || !account.isWellFormed()) {
      return { status: 503 };
    }
    if (utf8.encode(JSON.stringify(account)).length > LONGEST_ACCOUNT_BYTES) return { status: 503 };
    if (utf8.encode(JSON.stringify([account, asked.id])).length > LONGEST_NAMES_BYTES) return { status: 503 };
    return { status: 200, ...asked, account };
  } catch {
    return { status: 503 };
  }
}

/** The id; undefined if there is none, or what is there cannot be read. */
function idOf({ body }: AuthorizeInput, { target, type }: { target: URL; type: string | null }): string | undefined {
  let form = "";
  if (isFormType(type)) {
    const text = body.length > 4_096 ? undefined : strictText(body);
    if (text === undefined) return undefined;
    form = text;
  }
  const inForm = valueOf(form);
  if (inForm === "unreadable") return undefined;
  return inForm === undefined ? readable(valueOf(target.search.slice(1))) : readable(inForm);
}

type Value = { readonly text: string } | undefined | "unreadable";

function readable(value: Value): string | undefined {
  return typeof value === "object" ? value.text : undefined;
}

/** The first value of `id`; names before it have to be readable, and it as well. */
function valueOf(form: string): Value {
  for (const [name, value] of pairsOf(form)) {
    const key = decodedForm(name);
    if (key === undefined) return "unreadable";
    if (key !== "id") continue;
    const text = decodedForm(value);
    return text === undefined ? "unreadable" : { text };
  }
  return undefined;
}
