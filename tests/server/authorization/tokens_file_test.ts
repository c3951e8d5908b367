import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { newToken, parseTokenHashes, tokenLine, TokensFile } from "../../../server/authorization/tokens_file.ts";
import { recordingLog } from "../../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const HASH = "ab".repeat(32), OTHER = "0f".repeat(32);

const LISTS: readonly [text: string, hashes: Record<string, string[]>][] = [
  ["", {}],
  [`a sha256:${HASH}\n`, { a: [HASH] }],
  [`a\tsha256:${HASH}\r\n\n  b   sha256:${OTHER}  \n`, { a: [HASH], b: [OTHER] }],
  [`# a sha256:${HASH}\n  # none\n`, {}],
  [`a sha256:${HASH}\na sha256:${OTHER}\n`, { a: [HASH, OTHER] }],
  [`"a b" sha256:${HASH}\n"\\u0061" sha256:${OTHER}\n`, { "a b": [HASH], a: [OTHER] }],
  [`a#b sha256:${HASH}\nit's/../é🦕 sha256:${HASH}\n"*" sha256:${HASH}\n`, {
    "a#b": [HASH],
    "it's/../é🦕": [HASH],
    "*": [HASH],
  }],
];

for (const [text, hashes] of LISTS) {
  Deno.test(`parseTokenHashes() reads ${JSON.stringify(text.replaceAll(/[0-9a-f]{60}/g, "…"))}`, async () => {
    const read = await parseTokenHashes(text);
    assert.deepEqual(
      Object.fromEntries(Array.from(read, ([id, all]) => [id, all.map((hash) => hash.toHex())])),
      hashes,
    );
  });
}

const FAULTS = [
  "a",
  `a ${HASH}`,
  "a sha256:",
  `a sha256:${HASH.slice(1)}`,
  `a sha256:${HASH}0`,
  `a sha256:${HASH.toUpperCase()}`,
  `a sha512:${HASH}`,
  `a b sha256:${HASH}`,
  `a sha256:${HASH} # north`,
  `* sha256:${HASH}`,
  `a* b sha256:${HASH}`,
  `"a sha256:${HASH}`,
  `"" sha256:${HASH}`,
  `"\\ud800" sha256:${HASH}`,
  `a\0 sha256:${HASH}`,
  `a\ufffd sha256:${HASH}`,
  `${"a".repeat(256)} sha256:${HASH}`,
];

for (const line of FAULTS) {
  Deno.test(`parseTokenHashes() names the line ${JSON.stringify(line.slice(0, 20))}`, async () => {
    await assert.rejects(parseTokenHashes(`ok sha256:${HASH}\n${line}\n`), {
      name: "SyntaxError",
      message: "Cannot read the list of tokens: line 2 is not ID sha256:HASH, as `deno task token ID` writes it",
    });
  });
}

Deno.test("parseTokenHashes() refuses a list that may be cut", async () => {
  await assert.rejects(parseTokenHashes(`a sha256:${HASH}`), /it may be cut short/);
});

Deno.test("tokenLine() writes what parseTokenHashes() reads, whatever the id is", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "grapheme", minLength: 1, maxLength: 20, size: "max" }), async (id) => {
      fc.pre(id.isWellFormed() && new TextEncoder().encode(id).length <= 255);
      const token = newToken();
      const read = await parseTokenHashes(tokenLine(id, token));
      assert.deepEqual([...read.keys()], [id]);
      assert.equal(read.get(id)![0].toHex(), createHash("sha256").update(token).digest("hex"));
    }),
  );
});

Deno.test("newToken() makes tokens of 256 bits that differ", () => {
  const tokens = Array.from({ length: 100 }, newToken);
  for (const token of tokens) assert.match(token, /^telemeter_[A-Za-z0-9_-]{43}$/);
  assert.equal(new Set(tokens).size, 100);
});

Deno.test("TokensFile lets a token speak for its cluster alone, and refuses all others with one answer", async () => {
  const path = await Deno.makeTempFile();
  try {
    const [a, b, second] = [newToken(), newToken(), newToken()];
    await Deno.writeTextFile(path, tokenLine("a", a) + tokenLine("b", b) + tokenLine("a", second));
    const file = await TokensFile.open(path, { log: recordingLog().log });
    assert.equal(file.size, 2);
    for (const token of [a, second]) assert.deepEqual(await file.authorize(token, "a"), { accountId: "a" });
    const refusals: string[] = [];
    for (const [token, id] of [[b, "a"], [a, "b"], [a, "c"], ["", "a"], [`${a} `, "a"], [a, "*"], [a, ""]]) {
      await assert.rejects(file.authorize(token, id), (error: Error) => {
        refusals.push(`${(error as Error & { status: number }).status} ${error.message}`);
        return true;
      });
    }
    assert.deepEqual(new Set(refusals).size, 1);
    assert.match(refusals[0], /^401 /);
  } finally {
    await Deno.remove(path);
  }
});
