import assert from "node:assert/strict";
import { message, RingFolder } from "../support/ring_members.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const folder = await RingFolder.create("a", "b", "c");
globalThis.addEventListener("unload", () => Deno.removeSync(folder.dir, { recursive: true }));

Deno.test("Transport links members that dial each other, and carries messages both ways", async () => {
  await using a = await folder.member("a");
  await using b = await folder.member("b");
  await a.link(b);
  assert.deepEqual(await b.next("up"), { kind: "up", name: "a", boot: a.boot });
  const put = message({ type: "PUT", request: 7, header: { id: "ü" }, body: new Uint8Array([1, 2, 255]) });
  assert.equal(a.transport.send("b", put), true);
  assert.deepEqual(await b.next("message"), { kind: "message", from: "a", message: put });
  assert.equal(b.transport.send("a", message({ type: "PUT_OK", request: 7 })), true);
  assert.deepEqual((await a.next("message")).message.type, "PUT_OK");
});
