import assert from "node:assert/strict";
import { fileFault, onNamedPath } from "../../common/named_path.ts";

/** An error of the system, as Deno throws it. */
function refusal(code: string): Error {
  return Object.assign(new Error(`What it says (os error 1): open '/a'`), { code });
}

const notLet = (what: string) =>
  new Deno.errors.NotCapable(`Requires ${what} access to "/a", run again with the --flag`);

for (
  const [error, read, write] of [
    [refusal("ENOENT"), /^there is no such file: make it/, /^the directory it belongs in is not there: make that/],
    [refusal("EACCES"), /^this user may not read it: have its owner/, /^this user may not write there: have its owner/],
    [refusal("EISDIR"), /^it is a directory: name a file$/, /^it is a directory: name a file$/],
    [refusal("ENOTDIR"), /^a part of its path is a file: name /, /^a part of its path is a file: name /],
    [refusal("EEXIST"), /^What it says$/, /^something of that name is there already: name another$/],
    [refusal("ENOSPC"), /^What it says$/, /^its disk is full: make room there$/],
    [refusal("EROFS"), /^What it says$/, /^nothing can be written to its disk: name another place$/],
    [
      notLet("all"),
      /^it is in one of the system's own directories: name another$/,
      /own directories: name another place$/,
    ],
    [
      notLet("read"),
      /^the program was started without the permission to read it: /,
      /without the permission to write it: /,
    ],
    [
      new RangeError("it is longer than 2 bytes: shorten it"),
      /^it is longer than 2 bytes: shorten it$/,
      /^it is longer/,
    ],
  ] as const
) {
  Deno.test(`fileFault() says what is wrong and what to do in place of ${error.message} ${"code" in error ? error.code : ""}`, () => {
    assert.match(fileFault(error), read);
    assert.match(fileFault(error, "write"), write);
  });
}

Deno.test("onNamedPath() makes usage of what the system refuses, and passes on what is no fault of the path", async () => {
  await assert.rejects(onNamedPath("Cannot write 'a'", () => Promise.reject(refusal("EROFS"))), {
    name: "UsageError",
    message: "Cannot write 'a': nothing can be written to its disk: name another place",
  });
  const fault = new TypeError("of the program");
  await assert.rejects(onNamedPath("Cannot write 'a'", () => Promise.reject(fault)), (error) => error === fault);
});
