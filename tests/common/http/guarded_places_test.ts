/** Who gets a place at a guarded listener, and whose turn it is. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import type { Handler } from "../../../common/http/http.ts";
import { makeCertificate } from "../../support/certificates.ts";
import { GET, measure, openGuarded, replaceableIdentity, timed } from "../../support/guarded_listener.ts";
import { Mailbox } from "../../support/mailbox.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("a guarded listener admits so many connections in all and of one address while all are at work, and more once one is gone", async () => {
  for (const reason of ["total", "address", "network"]) {
    const limit = { total: "maxConnections", address: "maxConnectionsPerAddress", network: "maxConnectionsPerNetwork" };
    const goOn = Promise.withResolvers<void>();
    const handler: Handler = async ({ url }) => {
      if (url.endsWith("/wait")) await goOn.promise;
      return new Response("0 bytes");
    };
    const begun = Promise.withResolvers<void>();
    let waiting = 0;
    const counted: Handler = (request, peer) => {
      if (request.url.endsWith("/wait") && ++waiting === 2) begun.resolve();
      return handler(request, peer);
    };
    await using server = await openGuarded({ [limit[reason as keyof typeof limit]]: 2 }, { handler: counted });
    using first = await server.connect();
    using second = await server.connect();
    for (const client of [first, second]) await client.send(GET.replace("/", "/wait"));
    await begun.promise;
    using third = await server.connect();
    const { value, ms } = await timed(third.untilClosed());
    assert.equal(value, "");
    assert(ms < 500, `${ms} ms`);
    assert.deepEqual(await server.counts(), { [`refused ${reason}`]: 1 });
    goOn.resolve();
    for (const client of [first, second]) await client.until(/0 bytes$/);
    first.received = "";
    await first.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    await first.untilClosed();
    // The server learns that the connection is closed when its own close is done, which the client cannot see.
    for (;;) {
      using fourth = await server.connect();
      await fourth.send(GET).catch(() => {});
      if (await fourth.until(/0 bytes$/).catch(() => undefined)) break;
    }
  }
});

Deno.test("a guarded listener has the longest idle connection give way to a new one, in TLS as well", async () => {
  const certificate = await makeCertificate("test");
  await using files = await replaceableIdentity(certificate);
  for (const { tls, caCert } of [{ tls: undefined, caCert: undefined }, { tls: files.tls, caCert: certificate.cert }]) {
    const goOn = Promise.withResolvers<void>(), begun = new Mailbox<string>();
    const handler: Handler = async (request, peer) => {
      begun.put(request.method);
      if (request.url.endsWith("/wait")) await goOn.promise;
      return await measure(request, peer);
    };
    await using server = await openGuarded({ maxConnections: 5, yieldAfterMs: 0 }, { handler, tls });
    using atWork = await server.connect(caCert);
    await atWork.send(GET.replace("/", "/wait"));
    using pushing = await server.connect(caCert);
    await pushing.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n" + "x".repeat(1_000));
    await begun.take();
    await begun.take();
    using silent = await server.connect();
    using late = await server.connect(caCert);
    await late.send("GET / HTTP/1.1\r\nHo");
    using idle = await server.connect(caCert);
    await idle.send(GET);
    await idle.until(/0 bytes$/);
    await begun.take();
    const clients = [silent, late, idle, pushing];
    const closed = clients.map((client) => client.untilClosed());
    using stack = new DisposableStack();
    for (let n = 0; n < clients.length; n++) {
      const client = stack.use(await server.connect(caCert));
      await client.send(GET.replace("/", "/wait"));
      await begun.take();
      assert.doesNotMatch(await closed[n], /408/);
      assert.deepEqual(await server.counts(), { "cut room_total": n + 1 });
    }
    goOn.resolve();
    await atWork.until(/0 bytes$/);
  }
});

Deno.test("a guarded listener serves a good request at once beside 200 slow ones", async () => {
  await using server = await openGuarded({});
  using stack = new DisposableStack();
  const starts = [
    "",
    "GET / HTTP/1.1\r\nHos",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nab",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
  ];
  for (let i = 0; i < 200; i++) {
    const slow = stack.use(await server.connect());
    await slow.send(starts[i % starts.length]);
  }
  using good = await server.connect();
  await good.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n" + "x".repeat(20_000));
  const { ms } = await timed(good.until(/200 OK[^]*20000 bytes$/));
  assert(ms < 250, `${ms} ms`);
});

Deno.test("a guarded listener comes at once to a request from another network than hundreds of others come from", async () => {
  const order: string[] = [];
  const handler: Handler = ({ url }) => {
    order.push(new URL(url).pathname);
    return new Response();
  };
  await using server = await openGuarded({ maxConnectionsPerAddress: 400 }, { handler });
  using stack = new DisposableStack();
  const open = async (from: string) => {
    const socket = stack.adopt(
      connect({ host: "127.0.0.1", port: server.port, localAddress: from }),
      (socket) => void socket.destroy(),
    );
    await once(socket, "connect");
    return socket;
  };
  const gather = () => Promise.all(Array.from({ length: 150 }, () => open("127.0.2.1")));
  // In their middle, wherever the platform begins.
  const [before, good, after] = [await gather(), await open("127.0.3.1"), await gather()];
  const answered = once(good, "data");
  for (const socket of before) socket.write("GET /crowd HTTP/1.1\r\nHost: a\r\n\r\n");
  good.write("GET /good HTTP/1.1\r\nHost: a\r\n\r\n");
  for (const socket of after) socket.write("GET /crowd HTTP/1.1\r\nHost: a\r\n\r\n");
  await answered;
  const place = order.indexOf("/good");
  assert(place < 100, `${place} others came first`);
});

Deno.test("a guarded listener loses none of very many connections that come at once, in TLS as well", async () => {
  const certificate = await makeCertificate("test");
  await using files = await replaceableIdentity(certificate);
  for (const { tls, caCert } of [{ tls: undefined, caCert: undefined }, { tls: files.tls, caCert: certificate.cert }]) {
    await using server = await openGuarded({}, { tls });
    const statuses = await Promise.all(Array.from({ length: 120 }, async () => {
      using client = await server.connect(caCert);
      await client.send(GET);
      return (await client.until(/^HTTP\/1\.1 (\d+)/))[1];
    }));
    assert.deepEqual(new Set(statuses), new Set(["200"]));
  }
});
