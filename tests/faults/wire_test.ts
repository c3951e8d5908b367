import assert from "node:assert/strict";
import { freePort } from "../../scripts/process/free_port.ts";
import { Wire } from "./wire.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** Reads as much text as there must be. */
async function read(connection: Deno.Conn, length: number): Promise<string> {
  const bytes = new Uint8Array(length);
  for (let got = 0; got < length;) got += await connection.read(bytes.subarray(got)) ?? assert.fail("It was closed");
  return new TextDecoder().decode(bytes);
}

Deno.test("Wire delivers both ways, nothing while it is cut, and then all of it in order", async () => {
  using far = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using wire = new Wire({ to: far.addr.port });
  const port = freePort();
  await wire.open(port);
  using near = await Deno.connect({ hostname: "127.0.0.1", port });
  const write = (connection: Deno.Conn, text: string) => connection.write(new TextEncoder().encode(text));
  await write(near, "a");
  using there = await far.accept();
  assert.equal(await read(there, 1), "a");
  wire.cut();
  await write(near, "b");
  await write(there, "c");
  using late = await Deno.connect({ hostname: "127.0.0.1", port });
  await write(late, "d");
  const [arrives, answers] = [read(there, 1), read(near, 1)];
  // What goes another way meanwhile is there long since.
  using direct = await Deno.connect({ hostname: "127.0.0.1", port: far.addr.port });
  using reached = await far.accept();
  await write(direct, "e");
  assert.equal(await read(reached, 1), "e");
  assert.equal(await Promise.race([arrives, answers, Promise.resolve("nothing")]), "nothing");
  wire.mend();
  assert.deepEqual(await Promise.all([arrives, answers]), ["b", "c"]);
  using second = await far.accept();
  assert.equal(await read(second, 1), "d");
});
