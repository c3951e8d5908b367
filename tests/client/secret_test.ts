import assert from "node:assert/strict";
import { saltFault, Secret } from "../../client/secret.ts";
import { tokenFault } from "../../common/secret_text.ts";
import { recordingLog } from "../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** A file that only its owner reads, in a folder that goes with the test. */
async function secretFile(text: string) {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/secret`;
  await Deno.writeTextFile(path, text, { mode: 0o600 });
  return {
    path,
    // As tools that change secrets do: another file takes the name.
    async replace(text: string) {
      await Deno.writeTextFile(`${directory}/new`, text, { mode: 0o600 });
      await Deno.rename(`${directory}/new`, path);
    },
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

Deno.test("Secret.open() takes nothing for nothing", async () => {
  const { log } = recordingLog();
  assert.equal(await Secret.open({ name: "toToken", log }), undefined);
  assert.equal(await Secret.open({ name: "toToken", text: "  ", log }), undefined);
});

Deno.test("Secret.open() takes a text", async () => {
  const { log } = recordingLog();
  const secret = await Secret.open({ name: "toToken", text: " t0ken\n", log });
  assert.equal(await secret?.value(), "t0ken");
});

Deno.test("Secret.open() reads a file without the white space around, and says nothing of one that is well kept", async () => {
  const { log, records } = recordingLog();
  await using file = await secretFile("\n t0ken \r\n");
  const secret = await Secret.open({ name: "toToken", path: file.path, log });
  assert.equal(await secret?.value(), "t0ken");
  assert.equal(records.length, 0);
});

const bad: [what: string, text: string, message: RegExp][] = [
  [
    "an empty file",
    " \n",
    /^Bad --to-token-file: Cannot use the secret: the file '\S+' is empty: write the secret there$/,
  ],
  ["a file of two words", "to ken", /^Bad --to-token-file: Cannot use the secret: the file '\S+' holds spaces/],
];

for (const [what, text, message] of bad) {
  Deno.test(`Secret.open() refuses ${what}`, async () => {
    const { log } = recordingLog();
    await using file = await secretFile(text);
    const open = Secret.open({ name: "toToken", path: file.path, faultOf: tokenFault, log });
    await assert.rejects(open, { name: "UsageError", message });
  });
}

Deno.test("Secret.open() refuses a bad text without quoting it", async () => {
  const { log } = recordingLog();
  await assert.rejects(Secret.open({ name: "toToken", text: "to ken", faultOf: tokenFault, log }), {
    name: "UsageError",
    message:
      "Bad --to-token: Cannot use the secret: it holds spaces, line breaks or characters that no token has: write the token alone",
  });
});

Deno.test("Secret.open() refuses a missing file, and a text beside a file", async () => {
  const { log } = recordingLog();
  await using file = await secretFile("t0ken");
  await assert.rejects(Secret.open({ name: "toToken", path: `${file.path}.gone`, log }), {
    name: "UsageError",
    message: /^Bad --to-token-file: .*secret\.gone/,
  });
  await assert.rejects(Secret.open({ name: "toToken", path: file.path, text: "t0ken", log }), {
    name: "UsageError",
    message: "Cannot use --to-token beside --to-token-file: give the file only",
  });
});

Deno.test("Secret.value() takes up a file that changed", async () => {
  const { log } = recordingLog();
  await using file = await secretFile("first");
  const secret = await Secret.open({ name: "toToken", path: file.path, log });
  await file.replace("second");
  assert.equal(await secret?.value(), "second");
});

Deno.test("Secret.value() keeps the last good one while the file is bad, and warns once", async () => {
  const { log, records } = recordingLog();
  await using file = await secretFile("first");
  const secret = await Secret.open({ name: "toToken", path: file.path, faultOf: tokenFault, log });
  await file.replace("not a token");
  assert.equal(await secret?.value(), "first");
  assert.equal(await secret?.value(), "first");
  const { sentence, fields } = records[0];
  assert.equal(sentence, "Cannot use the changed file of a secret: what it held before stays in use");
  assert.equal(fields.flag, "--to-token-file");
  assert.doesNotMatch(JSON.stringify(fields), /not a token/);
  assert.equal(records.length, 1);
  await Deno.remove(file.path);
  assert.equal(await secret?.value(), "first");
  assert.equal(records.length, 2);
  await file.replace("second");
  assert.equal(await secret?.value(), "second");
});

Deno.test("Secret tells what should be better about a value, at the start and when it changes, without quoting it", async () => {
  const { log, records } = recordingLog();
  await using file = await secretFile("0123456789abcde\n");
  const secret = await Secret.open({ name: "salt", path: file.path, doubtOf: saltFault, log });
  await file.replace("0123456789abcdef\n");
  assert.equal(await secret?.value(), "0123456789abcdef");
  assert.equal(records.length, 1);
  // Bytes count, not characters: these are 16.
  await file.replace("éééééééé");
  assert.equal(await secret?.value(), "éééééééé");
  assert.equal(records.length, 1);
  await file.replace("pepper");
  assert.equal(await secret?.value(), "pepper");
  assert.deepEqual(records.map(({ level, fields }) => [level, fields.flag, String(fields.it).slice(0, 12)]), [
    ["warn", "--salt-file", "has 15 bytes"],
    ["warn", "--salt-file", "has 6 bytes,"],
  ]);
  assert.doesNotMatch(JSON.stringify(records), /pepper|0123/);
});

Deno.test("Secret.value() keeps the last good salt when a short one comes where it may not", async () => {
  const { log, records } = recordingLog();
  await using file = await secretFile("0123456789abcdef");
  const secret = await Secret.open({ name: "salt", path: file.path, faultOf: saltFault, log });
  await file.replace("short");
  assert.equal(await secret?.value(), "0123456789abcdef");
  assert.match(String(records[0].fields.error), /has 5 bytes/);
});
