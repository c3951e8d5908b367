/**
 * Errors as one line for the log.
 *
 * @module
 */

/** The messages of an error and of its causes, joined; of URLs only scheme and host stay, as the rest may hold secrets. */
export function explain(error: unknown): string {
  const messages: string[] = [];
  for (let at = error; at !== undefined && messages.length < 5; at = at instanceof Error ? at.cause : undefined) {
    messages.push(at instanceof Error ? at.message : String(at));
  }
  return messages.join(": ").replace(/\b(https?:\/\/)(?:[^\s/?#@]*@)?([^\s/?#]*)[^\s)'"]*/g, "$1$2");
}
