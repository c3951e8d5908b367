/**
 * One input of the fuzzer for `POST /oauth2/token`: a request, and what the authorizer says if it is asked.
 *
 * @module
 */

import type { Random } from "../support/random.ts";
import { mutated } from "./fuzz_target.ts";
import { encodedForm, FORM, someId } from "./generate_form.ts";
import { readParts, writeParts } from "./input_file.ts";
import { mutateBytes } from "./mutate_bytes.ts";
import { TEXTS } from "./vocabulary.ts";

/** What the authorizer says: yes, no with a status, or nothing. */
export type AuthorizerAnswer = "yes" | 401 | 403 | 404 | 409 | 429 | "fails";

/** A request, and an answer. */
export interface GrantInput {
  /** Headers, by name. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body. */
  readonly body: Uint8Array;
  /** What the authorizer says. */
  readonly says: AuthorizerAnswer;
}

/** What no refusal may quote: every secret that is not mutated starts with it. */
export const SECRET = "initial-secret-";

const ANSWERS: readonly AuthorizerAnswer[] = ["yes", "yes", "yes", 401, 403, 404, 409, 429, "fails"];
const utf8 = new TextEncoder();

/** Makes one input. */
export function generateGrant(random: Random, earlier: () => GrantInput | undefined): GrantInput {
  const base = (random.chance(0.4) ? earlier() : undefined) ?? freshInput(random);
  return random.chance(0.3) ? base : mutated(base, { random, ways: WAYS, most: 3 });
}

/** An input as bytes. */
export function writeGrant({ body, ...fields }: GrantInput): Uint8Array {
  return writeParts(fields, [body]);
}

/**
 * Reads what {@linkcode writeGrant} wrote.
 *
 * @throws {SyntaxError} if it is something else.
 */
export function readGrant(bytes: Uint8Array): GrantInput {
  const { fields, parts: [body] } = readParts(bytes);
  return { ...fields as Omit<GrantInput, "body">, body };
}

function freshInput(random: Random): GrantInput {
  const id = encodedForm(someId(random), random), secret = encodedForm(SECRET + random.pick(TEXTS), random);
  const inHeader = random.chance(0.5);
  const pairs = [
    "grant_type=client_credentials",
    ...inHeader && random.chance(0.8) ? [] : [`client_id=${id}`],
    ...inHeader ? [] : [`client_secret=${secret}`],
    ...random.chance(0.3) ? ["scope=push"] : [],
  ];
  return {
    headers: { "content-type": FORM, ...inHeader && { authorization: basic(utf8.encode(`${id}:${secret}`)) } },
    body: utf8.encode((random.chance(0.2) ? pairs.reverse() : pairs).join("&")),
    says: random.pick(ANSWERS),
  };
}

function basic(credentials: Uint8Array): string {
  return `Basic ${credentials.toBase64()}`;
}

type Way = (input: GrantInput, random: Random) => GrantInput;

const ODD_PAIRS = [
  "",
  "=",
  "client_id",
  "client_id=",
  "client_secret=",
  "client_id=other",
  "client_secret=other",
  "client%5fid=x",
  "client_id=%c3",
  "scope=%ff",
  "%ff=1",
  "grant_type=",
  "grant_type=password",
  "grant_type=client_credentials",
  "grant_type=client%5Fcredentials",
  `x=${"y".repeat(33_000)}`,
  `client_secret=${"x".repeat(8_193)}`,
];
const BYTE_ORDER_MARK = Uint8Array.of(0xef, 0xbb, 0xbf);

const WAYS: readonly Way[] = [
  (input, random) => ({ ...input, says: random.pick(ANSWERS) }),
  (input, random) => {
    const pair = utf8.encode(random.pick(ODD_PAIRS)), and = utf8.encode("&");
    const parts = random.chance(0.5) ? [input.body, and, pair] : [pair, and, input.body];
    return { ...input, body: Uint8Array.from(parts.flatMap((part) => [...part])) };
  },
  (input, random) => ({ ...input, body: mutateBytes(input.body, { random, other: input.body }) }),
  (input) => ({ ...input, body: Uint8Array.from([...BYTE_ORDER_MARK, ...input.body]) }),
  (input, random) => {
    const type = random.pick([FORM, `${FORM};charset=x`, `${FORM.toUpperCase()} ;`, "text/plain", ";", ""]);
    return { ...input, headers: { ...input.headers, "content-type": type } };
  },
  (input, random) => {
    const texts = [
      "Basic",
      "Basic ",
      "Basic =",
      "Basic YQ=",
      "Basic Y",
      "basic  YTpi",
      "BASIC YTo=",
      "Bearer x",
      "",
      "YTpi",
    ];
    return { ...input, headers: { ...input.headers, authorization: random.pick(texts) } };
  },
  (input, random) => {
    const bytes = utf8.encode(`${encodedForm(someId(random), random)}:${SECRET}`);
    const credentials = random.pick([
      mutateBytes(bytes, { random, other: bytes }),
      Uint8Array.from([...BYTE_ORDER_MARK, ...bytes]),
      bytes,
    ]);
    return { ...input, headers: { ...input.headers, authorization: basic(credentials) } };
  },
  (input) => {
    const { authorization: _, ...headers } = input.headers;
    return { ...input, headers };
  },
];
