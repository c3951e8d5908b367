/**
 * Adding to the list of revoked ids.
 *
 * @module
 */

const LINE_FEED = 0x0a;

/** An id as a line of the list, without its line feed: as it is, or as a JSON string where it would be read as something else. */
export function lineOfRevoked(id: string): string {
  return id !== "" && id === id.trim() && !/^["#]|[\p{Cc}\ufffd]|\s#/u.test(id) ? id : JSON.stringify(id);
}

/**
 * Adds an id to the end of the list, at once and whole: who reads the list meanwhile finds all of the line or none of it. What
 * does not fit on the disk is taken back.
 *
 * @throws {SyntaxError} if the last line of the file is cut; and whatever opening or writing it throws.
 */
export async function appendRevoked(path: string, id: string): Promise<void> {
  using file = await Deno.open(path, { read: true, append: true });
  const { size } = await file.stat();
  if (size > 0) {
    const last = new Uint8Array(1);
    await file.seek(size - 1, Deno.SeekMode.Start);
    await file.read(last);
    if (last[0] !== LINE_FEED) {
      throw new SyntaxError(
        "Cannot add to a list of revoked ids whose last line has no line feed: it may be cut short; end it with one if it is whole",
      );
    }
  }
  const line = new TextEncoder().encode(`${lineOfRevoked(id)}\n`);
  try {
    if (await file.write(line) < line.length) throw new Error("its disk is full");
    await file.sync();
  } catch (error) {
    // What went wrong first is what counts.
    await file.truncate(size).catch(() => {});
    throw error;
  }
}
