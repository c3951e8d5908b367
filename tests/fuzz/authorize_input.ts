/**
 * One input of the fuzzer for `/authorize`: a request, and what the upstream authorizer answers if it is asked.
 *
 * @module
 */

import type { Random } from "../support/random.ts";
import { mutated } from "./fuzz_target.ts";
import { encodedForm, FORM, someId } from "./generate_form.ts";
import { readParts, writeParts } from "./input_file.ts";
import { mutateBytes } from "./mutate_bytes.ts";
import { mutateJson } from "./mutate_json.ts";
import { TEXTS } from "./vocabulary.ts";

/** A request, and an answer. */
export interface AuthorizeInput {
  /** The method. */
  readonly method: string;
  /** The target behind the path. */
  readonly query: string;
  /** Headers, by name. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body. */
  readonly body: Uint8Array;
  /** What the upstream does: answers, breaks off in the middle of that, or is not to be reached. */
  readonly upstream: "answers" | "breaks" | "fails";
  /** The status of its answer. */
  readonly status: number;
  /** The headers of its answer. */
  readonly answerHeaders: Readonly<Record<string, string>>;
  /** The body of its answer. */
  readonly answer: Uint8Array;
}

/** What an upstream's answer must never be quoted of. */
export const UPSTREAM_SECRET = "what-the-upstream-says";

const STATUSES = [200, 200, 200, 201, 202, 204, 301, 400, 401, 403, 404, 409, 418, 429, 500, 502, 503, 599];
const METHODS = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "QUERY", "post"];
const utf8 = new TextEncoder();

/** Makes one input. */
export function generateAuthorize(random: Random, earlier: () => AuthorizeInput | undefined): AuthorizeInput {
  const base = (random.chance(0.4) ? earlier() : undefined) ?? freshInput(random);
  return random.chance(0.3) ? base : mutated(base, { random, ways: WAYS, most: 3 });
}

/** An input as bytes. */
export function writeAuthorize({ body, answer, ...fields }: AuthorizeInput): Uint8Array {
  return writeParts(fields, [body, answer]);
}

/**
 * Reads what {@linkcode writeAuthorize} wrote.
 *
 * @throws {SyntaxError} if it is something else.
 */
export function readAuthorize(bytes: Uint8Array): AuthorizeInput {
  const { fields, parts: [body, answer] } = readParts(bytes);
  return { ...fields as Omit<AuthorizeInput, "body" | "answer">, body, answer };
}

function freshInput(random: Random): AuthorizeInput {
  const id = someId(random), inBody = random.chance(0.4);
  const account = random.pick([...TEXTS, "account", "a".repeat(1_024), "\u0000".repeat(1_024), "é".repeat(1_024)]);
  const json = { account_id: account, name: UPSTREAM_SECRET, labels: { a: UPSTREAM_SECRET } };
  return {
    method: "POST",
    query: inBody ? random.pick(["", "?", "?id=other", "?x=1"]) : `?id=${encodedForm(id, random)}`,
    headers: { authorization: "Bearer initial-token", ...inBody && { "content-type": FORM } },
    body: utf8.encode(inBody ? `id=${encodedForm(id, random)}` : ""),
    upstream: "answers",
    status: random.pick(STATUSES),
    answerHeaders: { "content-type": "application/json" },
    answer: utf8.encode(JSON.stringify(json)),
  };
}

type Way = (input: AuthorizeInput, random: Random) => AuthorizeInput;

const ODD_PAIRS = [
  "id",
  "id=",
  "=x",
  "&&",
  "%69d=z",
  "id=%",
  "id=%c3",
  "id=%ff",
  "id=%00",
  "i%d",
  "%=1",
  "id=a;id=b",
  "#id=x",
];
const HEADERS: readonly (readonly [string, readonly string[]])[] = [
  ["content-type", [
    FORM,
    `${FORM};charset=x`,
    `${FORM.toUpperCase()} ;`,
    "text/plain",
    "multipart/form-data",
    ";",
    "",
  ]],
  ["authorization", [
    "Bearer",
    "Bearer ",
    "Basic YTpi",
    "bearer x",
    "Bearer  two  words",
    `Bearer ${"x".repeat(9_000)}`,
    "",
  ]],
  ["expect", ["100-continue"]],
  ["x-forwarded-for", ["1.2.3.4", "\u00e9", "::1, ,"]],
];

const WAYS: readonly Way[] = [
  (input, random) => ({ ...input, method: random.pick(METHODS) }),
  (input, random) => {
    const pair = random.pick(ODD_PAIRS), { query } = input;
    return {
      ...input,
      query: random.pick([`?${pair}&${query.slice(1)}`, `${query}&${pair}`, `?${pair}`, query + query]),
    };
  },
  (input, random) => {
    const [name, values] = random.pick(HEADERS);
    return { ...input, headers: { ...input.headers, [name]: random.pick(values) } };
  },
  (input) => {
    const { authorization: _, ...headers } = input.headers;
    return { ...input, headers };
  },
  (input, random) => ({ ...input, body: mutateBytes(input.body, { random, other: input.body }) }),
  (input, random) => ({ ...input, body: utf8.encode(`x=${"y".repeat(random.size(9_000))}&id=${random.pick(TEXTS)}`) }),
  (input, random) => ({ ...input, upstream: random.pick(["answers", "breaks", "fails"]) }),
  (input, random) => ({ ...input, status: random.pick(STATUSES) }),
  (input, random) => ({ ...input, answer: mutateBytes(input.answer, { random, other: input.answer }) }),
  (input, random) => {
    const known = ["account", 1, null, UPSTREAM_SECRET];
    try {
      const value = mutateJson(JSON.parse(new TextDecoder().decode(input.answer)), { random, known });
      return { ...input, answer: utf8.encode(JSON.stringify(value)) };
    } catch {
      return { ...input, answer: utf8.encode('{"account_id":"account"}') };
    }
  },
  (input, random) => {
    const answerHeaders = random.pick<Record<string, string>>([
      {},
      { "content-type": "text/html" },
      { "content-type": "application/json; charset=latin1" },
      { "content-type": "application/json", "retry-after": random.pick(["0", "5", "-1", "x", "9".repeat(400), "1e9"]) },
      { "content-type": "application/json", location: "http://elsewhere/" },
    ]);
    return { ...input, answerHeaders };
  },
  (input, random) => ({ ...input, answer: utf8.encode(`{"account_id":"a","x":"${"y".repeat(random.size(70_000))}"}`) }),
];
