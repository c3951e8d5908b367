import assert from "node:assert/strict";
import { getJsonLinesFormatter, getLogfmtFormatter, type LogLevel } from "@logtape/logtape";
import fc from "fast-check";
import { formatJson, formatLogfmt, type LogRecord } from "../../common/log_line.ts";

const NOW = 1_700_000_000_123;

const record = (sentence: string, fields: Record<string, unknown> = {}): LogRecord => ({
  timeMs: NOW,
  level: "info",
  logger: "telemeter-client",
  sentence,
  fields,
});

/** The same record for LogTape, which wrote these lines before. */
function forLogTape({ timeMs, level, logger, sentence, fields }: LogRecord) {
  const name: LogLevel = level === "warn" ? "warning" : level;
  return {
    timestamp: timeMs,
    level: name,
    category: [logger],
    message: [sentence],
    rawMessage: sentence,
    properties: fields,
  };
}

const FIELDS: readonly [fields: Record<string, unknown>, logfmt: string, json: string][] = [
  [{}, "", ""],
  [{ samples: 521, to: "http://a/upload" }, " samples=521 to=http://a/upload", ',"samples":521,"to":"http://a/upload"'],
  [{ why: "it is late" }, ' why="it is late"', ',"why":"it is late"'],
  [{ why: 'a "b"\\\n\t' }, ' why="a \\"b\\"\\\\\\n\\t"', ',"why":"a \\"b\\"\\\\\\n\\t"'],
  [{ empty: "", word: "true" }, ' empty="" word="true"', ',"empty":"","word":"true"'],
  [{ is: true, none: null }, " is=true none=null", ',"is":true,"none":null'],
  [{ gone: undefined }, " gone=undefined", ""],
  [{ list: ["a", "b"] }, ' list="[\\"a\\",\\"b\\"]"', ',"list":["a","b"]'],
  [{ url: new URL("http://a/") }, " url=http://a/", ',"url":"http://a/"'],
  [{ bell: "\x07\x9b[2J" }, ' bell="\\u0007\\u009b[2J"', ',"bell":"\\u0007\\u009b[2J"'],
  [{ "a key=": 1 }, " a%20key%3D=1", ',"a key=":1'],
  [{ name: "é日" }, " name=é日", ',"name":"é日"'],
];

for (const [fields, logfmt, json] of FIELDS) {
  Deno.test("formatLogfmt() and formatJson() have whole milliseconds", () => {
    const fields = { silentMs: 1006.36, lateMs: 7, share: 0.5 };
    assert.match(formatLogfmt(record("Said", fields)), / silentMs=1006 lateMs=7 share=0\.5$/);
    assert.match(formatJson(record("Said", fields)), /"silentMs":1006,"lateMs":7,"share":0\.5\}$/);
  });

  Deno.test(`formatLogfmt() and formatJson() write ${JSON.stringify(fields)}`, () => {
    assert.equal(
      formatLogfmt(record("Pushed", fields)),
      `time=2023-11-14T22:13:20.123Z level=info logger=telemeter-client msg=Pushed${logfmt}`,
    );
    assert.equal(
      formatJson(record("Pushed", fields)),
      `{"@timestamp":"2023-11-14T22:13:20.123Z","level":"INFO","message":"Pushed","logger":"telemeter-client"${json}}`,
    );
  });
}

Deno.test("formatLogfmt() and formatJson() write what LogTape writes", () => {
  const logfmt = getLogfmtFormatter(), json = getJsonLinesFormatter({ properties: "flatten" });
  const text = fc.string({ unit: "binary", maxLength: 12, size: "max" });
  const scalar = fc.oneof(text, fc.double(), fc.boolean(), fc.constant(null), fc.constant(undefined), fc.bigInt());
  const value = fc.oneof(scalar, fc.array(text, { maxLength: 3 }), fc.dictionary(text, scalar, { maxKeys: 3 }));
  const level = fc.constantFrom("debug", "info", "warn", "error" as const);
  fc.assert(
    fc.property(level, text, fc.dictionary(text, value, { maxKeys: 4 }), (level, sentence, fields) => {
      const given: LogRecord = { ...record(sentence, fields), level };
      assert.equal(`${formatLogfmt(given)}\n`, logfmt(forLogTape(given)));
      assert.equal(`${formatJson(given)}\n`, json(forLogTape(given)));
    }),
    { numRuns: 1_000 },
  );
});
