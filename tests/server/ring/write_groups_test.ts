/** Requests of remote write of one cluster that go to its owner together. */

import assert from "node:assert/strict";
import type { Outcome } from "../../../ring/protocol/effects.ts";
import type { PushContent } from "../../../server/ingest/push_content.ts";
import { MAX_PARTS } from "../../../server/ring/push_encoding.ts";
import { WriteGroups } from "../../../server/ring/write_groups.ts";
import { writeReceipt, writeReceipts } from "../../../server/remote_write/write_receipt.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const LIMIT_BYTES = 100;

/** A request whose body is a text. */
function request(text: string, { id = "a", contentType = "remote write 1.0" as const, ...more }: {
  id?: string;
  contentType?: PushContent["contentType"];
} = {}): PushContent {
  const body = new TextEncoder().encode(text);
  return { contentType, contentEncoding: "snappy", labels: new Map([["_id", id]]), body, ...more };
}

const receipt = (samples: number) => ({
  received: { samples, histograms: 0 },
  lost: { samples: 0, histograms: 0 },
  exemplars: 0,
});

/** The bodies of what goes together. */
function textsOf({ body, parts = [body.length] }: PushContent): string[] {
  let at = 0;
  return parts.map((length) => new TextDecoder().decode(body.subarray(at, at += length)));
}

/** Groups whose pushes end when and how the test says. */
function open() {
  const sent: { id: string; texts: string[]; end: (outcome: Outcome) => void; fail: (error: unknown) => void }[] = [];
  let told = Promise.withResolvers<void>();
  const groups = new WriteGroups({
    limitBytes: LIMIT_BYTES,
    send: (id, content) => {
      const { promise, resolve: end, reject: fail } = Promise.withResolvers<Outcome>();
      sent.push({ id, texts: textsOf(content), end, fail });
      told.resolve();
      return promise;
    },
  });
  /** What is sent next. */
  const next = async (count: number) => {
    while (sent.length < count) {
      told = Promise.withResolvers();
      await told.promise;
    }
    return sent[count - 1];
  };
  return { groups, sent, next };
}

Deno.test("WriteGroups send what came meanwhile together, and tell each what became of it", async () => {
  const { groups, sent, next } = open();
  const settled = ["x", "yy", "zzz"].map((text) => groups.send("a", request(text)));
  void groups.send("b", request("other", { id: "b" }));
  assert.deepEqual(sent.map(({ id, texts }) => [id, texts]), [["a", ["x"]], ["b", ["other"]]]);
  sent[0].end({ result: "stored", remark: writeReceipt(receipt(1), "Left out x") });
  const { texts, end } = await next(3);
  assert.deepEqual(texts, ["yy", "zzz"]);
  end({
    result: "stored",
    remark: writeReceipts([{ receipt: receipt(2), remark: undefined }, {
      receipt: receipt(3),
      remark: "Left out\nmuch",
    }]),
  });
  const outcomes = await Promise.all(settled);
  assert.deepEqual(outcomes.map(({ write, remark }) => [write?.received.samples, remark]), [
    [1, "Left out x"],
    [2, undefined],
    [3, "Left out\nmuch"],
  ]);
});

Deno.test("WriteGroups keep to so many requests and bytes, and to requests of one form and token", async () => {
  const { groups, next } = open();
  void groups.send("a", request("first"));
  const long = "l".repeat(LIMIT_BYTES - 1);
  for (const text of [long, "m", "n"]) void groups.send("a", request(text));
  void groups.send("a", request("second version", { contentType: "remote write 2.0" }));
  void groups.send("a", { ...request("more labels"), labels: new Map([["_id", "a"], ["account", "b"]]) });
  for (let i = 0; i <= MAX_PARTS; i++) void groups.send("a", request(String(i)));
  const groupsSent: string[][] = [];
  for (let count = 1; count <= 7; count++) {
    const { texts, end } = await next(count);
    groupsSent.push(texts);
    end({ result: "stored" });
  }
  assert.deepEqual(groupsSent, [
    ["first"],
    [long, "m"],
    ["n"],
    ["second version"],
    ["more labels"],
    Array.from({ length: MAX_PARTS }, (_, i) => String(i)),
    [String(MAX_PARTS)],
  ]);
});

Deno.test("WriteGroups send one by one what the owner refuses together: the good ones are stored", async () => {
  const { groups, next } = open();
  const settled = ["first", "good", "bad"].map((text) => groups.send("a", request(text)));
  (await next(1)).end({ result: "stored" });
  const refused = {
    result: "rejected",
    reason: "refused",
    refused: { reason: "invalid malformed", detail: "" },
  } as const;
  (await next(2)).end(refused);
  const good = await next(3);
  assert.deepEqual(good.texts, ["good"]);
  good.end({ result: "stored" });
  const bad = await next(4);
  assert.deepEqual(bad.texts, ["bad"]);
  bad.end(refused);
  assert.deepEqual((await Promise.all(settled)).map(({ outcome: { result } }) => result), [
    "stored",
    "stored",
    "rejected",
  ]);
});

Deno.test("WriteGroups tell all of what the ring has rejected, and go on after what failed", async () => {
  const { groups, next } = open();
  const settled = ["first", "second", "third"].map((text) => groups.send("a", request(text)));
  (await next(1)).fail(new Error("no"));
  await assert.rejects(settled[0], /no/);
  (await next(2)).end({ result: "rejected", reason: "busy" });
  assert.deepEqual((await Promise.all(settled.slice(1))).map(({ outcome: { result } }) => result), [
    "rejected",
    "rejected",
  ]);
  const later = groups.send("a", request("later"));
  (await next(3)).end({ result: "dup" });
  assert.equal((await later).outcome.result, "dup");
});
