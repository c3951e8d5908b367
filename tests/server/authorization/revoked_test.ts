import assert from "node:assert/strict";
import { parseRevoked, RevokedIds } from "../../../server/authorization/revoked.ts";
import { recordingLog } from "../../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

async function withFile(text: string, test: (path: string) => Promise<void>) {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, text);
    await test(path);
  } finally {
    await Deno.remove(path).catch(() => {});
  }
}

Deno.test("parseRevoked() reads one id a line, and quotes for ids that need them", async () => {
  const lists: [text: string, ids: string[]][] = [
    ["", []],
    ["a\nb\n", ["a", "b"]],
    ["a\r\nb\r\n", ["a", "b"]],
    ["# a comment\n\n a \t\r\nit's/../é🦕\n", ["a", "it's/../é🦕"]],
    ['"two\\nlines"\n"#hash"\n"\\"quote"\n"\\ud83e\\udd95"\n" a "\n', ["two\nlines", "#hash", '"quote', "🦕", " a "]],
    ["a\na\n", ["a"]],
    ["\ufeffa\nb\u00a0\n\ufeffc\r\n\v d\f\n", ["a", "b", "c", "d"]],
    ["#\0\ufffd\r \x07\na b\n \t# c\n#d # e\n", ["a b"]],
    ['"a # b"\n"\ufffd"\n"\\u0000"\n', ["a # b", "\ufffd", "\0"]],
    ["a#b\n", ["a#b"]],
  ];
  for (const [text, ids] of lists) assert.deepEqual([...await parseRevoked(text)], ids, text);
});

Deno.test("parseRevoked() names the line that it cannot read", async () => {
  for (const line of ['"', '"a', '"a" b', '"a\\x"']) {
    await assert.rejects(parseRevoked(`ok\n${line}\n`), (error) => {
      return error instanceof SyntaxError && /line 2 /.test(error.message);
    });
  }
});

Deno.test("parseRevoked() takes no line for an id that is more likely to be damaged, or an id and something else", async () => {
  const lines: [line: string, what: RegExp][] = [
    ["\0a", /line 2 holds a NUL byte/],
    ["a\0", /line 2 holds a NUL byte/],
    ["\0".repeat(4_096), /line 2 holds a NUL byte/],
    ["caf\ufffd", /line 2 is not UTF-8/],
    ["a\rb", /line 2 holds a control character/],
    ["a\tb", /line 2 holds a control character/],
    ["a\x1b[1m", /line 2 holds a control character/],
    ["a \tb", /line 2 holds a control character/],
    ["a  # stolen", /line 2 has a comment behind an id/],
    ["a\u00a0# stolen", /line 2 has a comment behind an id/],
    ["a # stolen", /line 2 has a comment behind an id/],
    ["a\t# stolen", /line 2 holds a control character/],
  ];
  for (const [line, what] of lines) {
    await assert.rejects(parseRevoked(`ok\n${line}\n`), { name: "SyntaxError", message: what }, JSON.stringify(line));
  }
});

Deno.test("RevokedIds.has() follows the file within a second, and looks no more often", async () => {
  await withFile("a\n", async (path) => {
    const { log, records } = recordingLog();
    let now = 0;
    const revoked = await RevokedIds.open(path, { log, now: () => now });
    assert.deepEqual([await revoked.has("a"), await revoked.has("b")], [true, false]);
    await Deno.writeTextFile(path, "b\n");
    now = 999;
    assert.deepEqual([await revoked.has("a"), await revoked.has("b")], [true, false]);
    now = 1_000;
    assert.deepEqual(await Promise.all([revoked.has("a"), revoked.has("b")]), [false, true]);
    assert.deepEqual(records.map(({ level, fields }) => [level, fields]), [["info", { ids: 1 }]]);
  });
});

Deno.test("RevokedIds.has() keeps to the last list when the file is gone or bad, and says each once", async () => {
  await withFile("a\n", async (path) => {
    const { log, records } = recordingLog();
    let now = 0;
    const revoked = await RevokedIds.open(path, { log, now: () => now });
    for (const spoil of [() => Deno.writeTextFile(path, '"\n'), () => Deno.remove(path)]) {
      await spoil();
      for (let look = 0; look < 2; look++) {
        now += 1_000;
        assert.equal(await revoked.has("a"), true);
      }
    }
    assert.deepEqual(
      records.map(({ level, fields }) => [level, /line 1|no such file/.exec(String(fields.reason))?.[0]]),
      [
        ["error", "line 1"],
        ["error", "no such file"],
      ],
    );
    await Deno.writeTextFile(path, "b\n");
    now += 1_000;
    assert.deepEqual([await revoked.has("a"), await revoked.has("b"), revoked.size], [false, true, 1]);
  });
});

Deno.test("RevokedIds.open() fails on a file that is not there or is bad", async () => {
  const { log } = recordingLog();
  await assert.rejects(RevokedIds.open("/nowhere/revoked", { log }), /nowhere/);
  await withFile('"\n', (path) => assert.rejects(RevokedIds.open(path, { log }), SyntaxError));
});

Deno.test("RevokedIds.has() is a look-up among 100,000 ids", async () => {
  await withFile(Array.from({ length: 100_000 }, (_, i) => `id-${i}\n`).join(""), async (path) => {
    const revoked = await RevokedIds.open(path, { log: recordingLog().log, now: () => 0 });
    assert.equal(revoked.size, 100_000);
    assert.deepEqual([await revoked.has("id-99999"), await revoked.has("id-100000")], [true, false]);
  });
});

Deno.test("parseRevoked() takes no list that is cut in a line", async () => {
  for (const text of ["a\nb", '"a"', "#"]) await assert.rejects(parseRevoked(text), /has no line feed/);
});

Deno.test("RevokedIds.has() lets nobody back in for a list that is cut or has become empty, and says so at error", async () => {
  await withFile("a\nb\n", async (path) => {
    const { log, records } = recordingLog();
    let now = 0;
    const revoked = await RevokedIds.open(path, { log, now: () => now });
    for (const text of ["", "\n", "# all gone\n", "a\nb"]) {
      await Deno.writeTextFile(path, text);
      now += 1_000;
      assert.deepEqual([await revoked.has("a"), await revoked.has("b")], [true, true], JSON.stringify(text));
    }
    assert.ok(records.length >= 2 && records.every(({ level }) => level === "error"));
    await Deno.writeTextFile(path, "# none\n");
    now += 1_000;
    assert.equal(await revoked.has("a"), false);
  });
});
