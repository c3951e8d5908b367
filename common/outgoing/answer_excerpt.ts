/**
 * What a server says for people in its answer, which may repeat what it was sent.
 *
 * @module
 */

/** What a refusal's body is read up to, in bytes. */
const EXCERPT_BYTES = 1_024;
/** How much of a refusal's body a message shows, in characters. */
const EXCERPT_LENGTH = 200;

/** The start of a body on one line, without secrets and control characters. */
export async function excerptOf(response: Response, secrets: readonly string[]): Promise<string> {
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

/** The credentials of Basic authentication (RFC 7617), of a user name and a password as a URL has them. */
export function basicCredentials({ username, password }: Pick<URL, "username" | "password">): string {
  return new TextEncoder().encode(`${decoded(username)}:${decoded(password)}`).toBase64();
}

/**
 * What a URL holds that must not show: its password, also as a request carries it, its query, and the query's values unless they
 * are too short to find.
 */
export function secretsOfUrl({ username, password, search, searchParams }: URL): string[] {
  const values = [...searchParams].filter(([name]) => name !== "id" && name !== "match[]").map(([, value]) => value);
  const login = password === "" ? "" : basicCredentials({ username, password });
  return [login, password, search.slice(1), ...values].flatMap((text) => [text, decoded(text)]).filter((text) =>
    text.length > 3
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
