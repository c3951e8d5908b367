import assert from "node:assert/strict";
import fc from "fast-check";
import { parseRevoked, RevokedIds } from "../../../server/authorization/revoked.ts";
import { appendRevoked, lineOfRevoked } from "../../../server/authorization/revoked_list.ts";
import { recordingLog } from "../../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

async function withList(text: string, test: (path: string) => Promise<void>) {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, text);
    await test(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("lineOfRevoked() writes ids as they are, and as JSON where they would be read as something else", () => {
  for (const id of ["a", "it's/../é🦕", "a#b", "a b", "שלום"]) assert.equal(lineOfRevoked(id), id);
  for (const id of ["", "#a", '"a"', " a", "a ", "a # b", "a\nb", "a\u0085", "\ufffd", "\u00a0a"]) {
    assert.equal(lineOfRevoked(id), JSON.stringify(id));
  }
});

Deno.test("lineOfRevoked() is read as the id again, between other lines", async () => {
  const ids = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom(...'# "\n\r\t\\a\0\u0085\ufffd') }),
  );
  await fc.assert(fc.asyncProperty(ids, async (id) => {
    const text = `first\n${lineOfRevoked(id)}\nlast\n`;
    assert.deepEqual(await parseRevoked(text), new Set(["first", id, "last"]));
  }));
});

Deno.test("appendRevoked() adds a line to what is there, and nothing behind a line that is cut", async () => {
  await withList("# none\n", async (path) => {
    await appendRevoked(path, "a");
    await appendRevoked(path, " b");
    assert.equal(await Deno.readTextFile(path), '# none\na\n" b"\n');
    await Deno.writeTextFile(path, "a\nb");
    await assert.rejects(appendRevoked(path, "c"), SyntaxError);
    assert.equal(await Deno.readTextFile(path), "a\nb");
  });
});

Deno.test("appendRevoked() says that the disk is full", async () => {
  const full = "/dev/full";
  const { isCharDevice } = await Deno.stat(full).catch(() => ({ isCharDevice: false }));
  if (isCharDevice) await assert.rejects(appendRevoked(full, "a"), /No space left|os error 28|full/);
});

Deno.test("RevokedIds.add() revokes at once, each id by one line, however many ask at a time", async () => {
  await withList("", async (path) => {
    const revoked = await RevokedIds.open(path, { log: recordingLog().log, now: () => 0 });
    const ids = Array.from({ length: 20 }, (_, i) => `id-${i % 10}`);
    await Promise.all(ids.map((id) => revoked.add(id)));
    assert.equal((await Deno.readTextFile(path)).split("\n").length, 11);
    assert.equal(await revoked.has("id-7"), true);
  });
});

Deno.test("RevokedIds.add() says when the list is so that nothing of it comes into force", async () => {
  await withList("a\n", async (path) => {
    const { log } = recordingLog();
    const revoked = await RevokedIds.open(path, { log });
    await Deno.writeTextFile(path, 'a\n"bad\n');
    await assert.rejects(revoked.add("b"), /cannot be read as a whole/);
    await Deno.writeTextFile(path, "a\nb");
    await assert.rejects(revoked.add("c"), /no line feed/);
    await Deno.writeTextFile(path, "a\n");
    await revoked.add("d");
    assert.equal(await revoked.has("d"), true);
  });
});
