import assert from "node:assert/strict";
import { explain, messageOf, stackOf } from "../../common/explain.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("explain() joins the messages of an error and its causes", () => {
  assert.equal(explain(new Error("a", { cause: new TypeError("b", { cause: "c" }) })), "a: b: c");
  assert.equal(explain("text"), "text");
  const loop = new Error("round");
  loop.cause = loop;
  assert.equal(explain(loop), "round: round: round: round: round");
});

Deno.test("explain() keeps of URLs nothing that may be secret", () => {
  const texts: [string, string][] = [
    [
      "error sending request for url (http://user:pass@host:1/path?key=x): refused",
      "error sending request for url (http://host:1): refused",
    ],
    ["to 'https://host/a/b#c' and http://[::1]:9/x?y", "to 'https://host' and http://[::1]:9"],
    ["https://user@host", "https://host"],
  ];
  for (const [message, explained] of texts) assert.equal(explain(new Error(message)), explained);
});

Deno.test("messageOf() is the message of an error alone, and the text of anything else", () => {
  assert.equal(messageOf(new TypeError("outer", { cause: new Error("inner") })), "outer");
  assert.equal(messageOf("thrown"), "thrown");
  assert.equal(messageOf(undefined), "undefined");
});

Deno.test("stackOf() is an error's stack, its message where it has none, and the text of anything else", () => {
  const error = new TypeError("bad");
  assert.match(stackOf(error), /^TypeError: bad\n +at .*explain_test\.ts/);
  error.stack = undefined;
  assert.equal(stackOf(error), "bad");
  assert.equal(stackOf("thrown"), "thrown");
});
