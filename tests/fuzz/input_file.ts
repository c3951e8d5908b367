/**
 * The file of an input: a line with the name of its target, and what that makes of the rest.
 *
 * @module
 */

/** How the names of such files end. */
export const INPUT_SUFFIX = ".input";

/** Writes a file. */
export function writeInputFile(target: string, bytes: Uint8Array): Uint8Array {
  const head = new TextEncoder().encode(target + "\n");
  const file = new Uint8Array(head.length + bytes.length);
  file.set(head);
  file.set(bytes, head.length);
  return file;
}

/** Reads a file: of whatever is none, the name is that of no target. */
export function readInputFile(file: Uint8Array): { readonly target: string; readonly bytes: Uint8Array } {
  const end = file.indexOf(0x0a);
  return { target: new TextDecoder().decode(file.subarray(0, Math.max(0, end))), bytes: file.slice(end + 1) };
}

/** Writes an input whose fields are JSON but for some of bytes, which go behind it. */
export function writeParts(fields: Readonly<Record<string, unknown>>, parts: readonly Uint8Array[]): Uint8Array {
  const lengths = parts.map(({ length }) => length);
  const line = new TextEncoder().encode(JSON.stringify({ ...fields, lengths }) + "\n");
  const file = new Uint8Array(lengths.reduce((sum, length) => sum + length, line.length));
  file.set(line);
  let at = line.length;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

/**
 * Reads what {@linkcode writeParts} wrote, and passes over what follows it.
 *
 * @throws {SyntaxError} if it is something else.
 */
export function readParts(file: Uint8Array): { fields: Record<string, unknown>; parts: Uint8Array[] } {
  let at = file.indexOf(0x0a) + 1;
  const { lengths, ...fields } = JSON.parse(new TextDecoder().decode(file.subarray(0, at)));
  if (!Array.isArray(lengths)) throw new SyntaxError("Cannot read the input: it does not say how long its parts are");
  const parts = lengths.map((length: number) => file.slice(at, at += length));
  if (at > file.length) throw new SyntaxError("Cannot read the input: it is cut short");
  return { fields, parts };
}
