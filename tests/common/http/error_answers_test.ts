import assert from "node:assert/strict";
import { ErrorAnswers } from "../../../common/http/error_answers.ts";
import { HttpError } from "../../../common/http/http.ts";
import { recordingLog } from "../../support/recording_log.ts";

const URL_OF_ALL = "http://localhost/path?token=secret";

Deno.test("ErrorAnswers let the client read an HttpError", async () => {
  const { log, records } = recordingLog(), answers = new ErrorAnswers({ log });
  const error = new HttpError(429, "Wait", {
    reason: "rate",
    headers: { "retry-after": "9" },
    cause: new Error("why"),
  });
  const response = answers.answer(error, new Request(URL_OF_ALL));
  assert.deepEqual([response.status, response.headers.get("retry-after")], [429, "9"]);
  assert.equal(response.headers.get("content-type"), "text/plain; charset=utf-8");
  assert.equal(await response.text(), "Wait\n");
  assert.deepEqual(records, []);
});

Deno.test("ErrorAnswers give a client an id for any other error, and the log the rest without the query", async () => {
  const { log, records } = recordingLog(), answers = new ErrorAnswers({ log });
  const texts = await Promise.all(
    [new Error("no space left"), "thrown text", undefined].map((error) =>
      answers.answer(error, new Request(URL_OF_ALL)).text()
    ),
  );
  const ids = texts.map((text) => text.match(/^Internal error: the server's log has it under (\S+)\n$/)![1]);
  assert.equal(new Set(ids).size, 3);
  assert.deepEqual(records.map(({ level, fields }) => [level, fields.id, fields.method, fields.path]), [
    ["error", ids[0], "GET", "/path"],
    ["error", ids[1], "GET", "/path"],
    ["error", ids[2], "GET", "/path"],
  ]);
  assert.match(String(records[0].fields.error), /^Error: no space left\n/);
  assert.doesNotMatch(JSON.stringify(records), /secret/);
});

Deno.test("ErrorAnswers tell a detail to operators, and to strangers the id under which the log has it", async () => {
  const { log, records } = recordingLog();
  const error = () => new HttpError(503, "Cannot keep pushes", { reason: "store", detail: "the disk of /srv is full" });
  const inside = new ErrorAnswers({ log, audience: "operators" }).answer(error());
  assert.deepEqual([inside.status, await inside.text()], [503, "Cannot keep pushes: the disk of /srv is full\n"]);
  assert.deepEqual(records, []);
  const answers = new ErrorAnswers({ log });
  const outside = await answers.answer(error(), new Request(URL_OF_ALL)).text();
  const [, id] = /^Cannot keep pushes: the server's log says why under (\S+)\n$/.exec(outside)!;
  assert.deepEqual(records, [{
    level: "warn",
    sentence: "Refused a request",
    fields: { id, method: "GET", path: "/path", status: 503, reason: "store", why: "the disk of /srv is full" },
  }]);
});

Deno.test("ErrorAnswers have one id and one line in the log for what fails again and again", async () => {
  const { log, records } = recordingLog(), answers = new ErrorAnswers({ log });
  const ask = (detail: string) => answers.answer(new HttpError(503, "No", { reason: "store", detail })).text();
  const first = await ask("full");
  for (let n = 0; n < 1_000; n++) assert.equal(await ask("full"), first);
  assert.notEqual(await ask("locked"), first);
  const bug = new TypeError("bug");
  const failure = await answers.answer(bug).text();
  for (let n = 0; n < 1_000; n++) assert.equal(await answers.answer(bug).text(), failure);
  assert.deepEqual(records.map(({ level, fields }) => [level, fields.why]), [
    ["warn", "full"],
    ["warn", "locked"],
    ["error", undefined],
  ]);
});
