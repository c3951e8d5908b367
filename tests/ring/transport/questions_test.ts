import assert from "node:assert/strict";
import type { MeshLink, MeshMessage } from "../../../ring/protocol/mesh.ts";
import { type Answerer, Questions, UnansweredError } from "../../../ring/transport/questions.ts";

const encoder = new TextEncoder();

/** Two members with a link between them. */
function pair({ answer = ({ body }) => Promise.resolve(body) }: { answer?: Answerer } = {}) {
  const sent: MeshMessage[] = [];
  const link = (name: string): MeshLink => ({
    peer: { name, boot: "0".repeat(32), incarnation: 1, address: "h:1", host: "h" },
  });
  const asker: Questions = new Questions({
    send: (to, message) => {
      sent.push(message);
      if (to === "b") queueMicrotask(() => answerer.take(link("a"), message));
      return to === "b";
    },
    answer: () => Promise.reject(new Error("nobody asks a")),
  });
  const answerer = new Questions({
    send: (_, message) => {
      queueMicrotask(() => asker.take(link("b"), message));
      return true;
    },
    answer,
  });
  const ask = (topic: string, to = "b") => asker.ask(to, { topic, body: encoder.encode(topic), timeoutMs: 60_000 });
  return { asker, ask, link, sent };
}

function unanswered(why: RegExp) {
  return (error: unknown) => error instanceof UnansweredError && why.test(error.message);
}

Deno.test("Questions.ask() gets the answer to its own question, however many are open", async () => {
  const { ask } = pair();
  const answers = await Promise.all(["one", "two", "three"].map((topic) => ask(topic)));
  assert.deepEqual(answers.map((bytes) => new TextDecoder().decode(bytes)), ["one", "two", "three"]);
});

Deno.test("Questions.ask() says why there is no answer", async () => {
  const { ask } = pair({ answer: () => Promise.reject(new Error("no such topic")) });
  await assert.rejects(ask("x"), unanswered(/no such topic/));
  await assert.rejects(ask("x", "stranger"), unanswered(/no link/));
});

Deno.test("Questions.ask() gives up in time", async () => {
  const { asker } = pair({ answer: () => new Promise(() => {}) });
  await assert.rejects(asker.ask("b", { topic: "x", body: new Uint8Array(), timeoutMs: 1 }), unanswered(/within 1 ms/));
});

Deno.test("Questions.ask() waits no longer once the link has ended, or this member has left", async () => {
  const { ask, asker } = pair({ answer: () => new Promise(() => {}) });
  const first = ask("x"), second = ask("y");
  asker.linkDown("c");
  asker.linkDown("b");
  await assert.rejects(first, unanswered(/link to it has ended/));
  await assert.rejects(second, unanswered(/link to it has ended/));
  const third = ask("z");
  asker.close();
  await assert.rejects(third, unanswered(/left the ring/));
});

Deno.test("Questions takes no answer from another member than the one that it has asked", async () => {
  const { ask, asker, link, sent } = pair({ answer: () => new Promise(() => {}) });
  const answer = ask("x");
  const { request } = sent[0];
  assert.equal(asker.take(link("c"), { type: "ANSWER", request, header: {}, body: encoder.encode("forged") }), true);
  assert.equal(asker.take(link("b"), { type: "ANSWER", request, header: {}, body: encoder.encode("true") }), true);
  assert.deepEqual(await answer, encoder.encode("true"));
  assert.equal(asker.take(link("b"), { type: "PULL", request, header: {}, body: new Uint8Array() }), false);
});

Deno.test("Questions answers so many of one member at a time, and says so to the rest", async () => {
  const { ask, asker } = pair({ answer: () => new Promise(() => {}) });
  const open = Array.from({ length: 32 }, () => ask("x").catch(() => {}));
  await assert.rejects(ask("x"), unanswered(/busy/));
  asker.close();
  await Promise.all(open);
});

Deno.test("Questions refuses an answer that no frame takes", async () => {
  const { ask } = pair({ answer: () => Promise.resolve(new Uint8Array(1_048_576)) });
  await assert.rejects(ask("x"), unanswered(/too long/));
});
