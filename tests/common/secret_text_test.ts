import assert from "node:assert/strict";
import { clientSecretIn, passwordIn, tokenIn } from "../../common/secret_text.ts";

for (const [read, what] of [[passwordIn, "password"], [clientSecretIn, "secret"]] as const) {
  Deno.test(`${read.name}() reads one line, without quoting what is something else`, () => {
    assert.equal(read(" pass word€\r\n"), "pass word€");
    assert.throws(() => read(" \n"), { message: `it holds no ${what}: write it there` });
    for (const text of ["one\ntwo", "\x00", "\ufffd"]) {
      const message = `it holds line breaks or bytes that no ${what} has: write the ${what} alone`;
      assert.throws(() => read(text), { message });
    }
  });
}

Deno.test("tokenIn() reads what a header can carry", () => {
  assert.equal(tokenIn(" t0k.en\n"), "t0k.en");
  assert.throws(() => tokenIn("\n"), { message: "it holds no token: write it there" });
  for (const text of ["to ken", "t\u00f6ken"]) {
    assert.throws(() => tokenIn(text), /^SyntaxError: it holds spaces, line breaks/);
  }
});
