/**
 * The parameters of a request to authorize: from an url-encoded body or query, with nothing guessed.
 *
 * @module
 */

import { HttpError, readBody } from "../../common/http/http.ts";

const FORM_TYPE = "application/x-www-form-urlencoded";

/** A form that cannot be read, with a clause that says why. */
export class FormError extends Error {
  /** Stable, for the place that maps it to a response. */
  readonly code = "form";
  /** The name of the class. */
  override readonly name = "FormError";
}

/** Whether a request says that its body is a form. */
export function hasForm({ headers }: Request): boolean {
  return (headers.get("content-type") ?? "").split(";", 1)[0].trim().toLowerCase() === FORM_TYPE;
}

/**
 * Bytes as the text that they are, a byte order mark included: without it, different bytes became one and the same id.
 *
 * @throws {TypeError} if they are not UTF-8.
 */
export function strictText(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

/**
 * Reads the text of an url-encoded body.
 *
 * @throws {FormError} if it is longer than `limitBytes`, or not UTF-8.
 */
export async function readForm(request: Request, { limitBytes }: { limitBytes: number }): Promise<string> {
  try {
    return strictText(await readBody(request, { limitBytes }));
  } catch (error) {
    if (error instanceof TypeError) throw new FormError("the body is not UTF-8");
    if (error instanceof HttpError && error.status === 413) {
      throw new FormError(`the body has more than ${limitBytes} bytes`);
    }
    throw error;
  }
}

/**
 * The values of a name in an url-encoded form. `URLSearchParams` would do, but it reads every malformed byte as U+FFFD, so that
 * different bytes became one and the same id.
 *
 * @throws {FormError} on the first name, or value of this name, that is not percent-encoded UTF-8.
 */
export function* valuesIn(form: string, name: string): Generator<string> {
  for (const pair of form.split("&")) {
    const [key, value = ""] = pair.split(/=(.*)/s, 2);
    if (formDecoded(key) === name) yield formDecoded(value);
  }
}

/**
 * What an url-encoded text says.
 *
 * @throws {FormError} if it is not percent-encoded UTF-8.
 */
export function formDecoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw new FormError("a parameter is not percent-encoded UTF-8");
  }
}
