/**
 * Errors as one line for the log.
 *
 * @module
 */

/** The message of an error alone, or the text of what was thrown in place of one. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Where an error was thrown, for who looks for a fault of the program; the message alone where that is not known. */
export function stackOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

/** The messages of an error and of its causes, joined; of URLs only scheme and host stay, as the rest may hold secrets. */
export function explain(error: unknown): string {
  const messages: string[] = [];
  for (let at = error; at !== undefined && messages.length < 5; at = at instanceof Error ? at.cause : undefined) {
    messages.push(messageOf(at));
  }
  return withoutSecretsOfUrls(messages.join(": "));
}

/** A text whose URLs are cut to scheme and host, as the rest may hold secrets. */
export function withoutSecretsOfUrls(text: string): string {
  return text.replace(/\b(https?:\/\/)(?:[^\s/?#@]*@)?([^\s/?#]*)[^\s)'"]*/g, "$1$2");
}
