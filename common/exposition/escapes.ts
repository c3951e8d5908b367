/**
 * Escapes of the text formats: a backslash before itself, a double quote or an `n`.
 *
 * @module
 */

/**
 * What an escaped text says: `\\` is a backslash, `\n` a line feed, and where quotes are escaped too, `\"` is one. Other escapes
 * stand for themselves. There may be a million escapes, for each of which a regular expression would call a function.
 */
export function unescaped(text: string, { quotes }: { readonly quotes: boolean }): string {
  if (!text.includes("\\")) return text;
  // Backslashes in a row escape each other in pairs, from the first on.
  const parts = text.split("\\\\");
  for (let i = 0; i < parts.length; i++) {
    if (parts[i] === "") continue;
    const lines = parts[i].replaceAll("\\n", "\n");
    parts[i] = quotes ? lines.replaceAll('\\"', '"') : lines;
  }
  return parts.join("\\");
}
