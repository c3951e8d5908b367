/**
 * Secrets as files hold them: what can be one, and what was put there by mistake. Nothing is quoted.
 *
 * @module
 */

/** The longest file of a secret, in bytes: one that is longer is none. */
export const SECRET_LIMIT_BYTES: number = 64 * 1024;

/** The bearer token that a file holds; as {@linkcode passwordIn}. */
export function tokenIn(text: string): string {
  const token = text.trim(), fault = token === "" ? "holds no token: write it there" : tokenFault(token);
  if (fault !== undefined) throw new SyntaxError(`it ${fault}`);
  return token;
}

/** Whether a text can be a bearer token: what a header carries, without spaces. */
export function isToken(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

/** What is wrong with a text as a bearer token, as a clause; undefined if nothing is. */
export function tokenFault(text: string): string | undefined {
  if (isToken(text)) return undefined;
  return "holds spaces, line breaks or characters that no token has: write the token alone";
}

/**
 * The password that a file holds. White space around it does not count.
 *
 * @throws {SyntaxError} if there is none, or it is something that nobody can have been asked to type.
 */
export function passwordIn(text: string): string {
  return lineIn(text, "password");
}

/** The same of the secret that a program was given. */
export function clientSecretIn(text: string): string {
  return lineIn(text, "secret");
}

function lineIn(text: string, what: string): string {
  const line = text.trim();
  if (line === "") throw new SyntaxError(`it holds no ${what}: write it there`);
  if (/[\p{Cc}\ufffd]/u.test(line)) {
    throw new SyntaxError(`it holds line breaks or bytes that no ${what} has: write the ${what} alone`);
  }
  return line;
}
