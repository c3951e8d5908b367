/**
 * A forward proxy on a free port of 127.0.0.1: HTTP with `CONNECT`, with TLS if it has a certificate, or SOCKS5. It leads to one
 * place whatever name it is asked for, so that tests can use names that nobody resolves. It leaves out all that proxies do with
 * content: caching, headers of its own, other methods of SOCKS.
 *
 * @module
 */

import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";

/** How a proxy behaves. */
export interface ForwardProxyOptions {
  /** Where it leads, as `HOST:PORT`. */
  readonly to: string;
  /** What it speaks. @default "http" */
  readonly speaks?: "http" | "https" | "socks5";
  /** Its certificate and key, to speak HTTPS. */
  readonly identity?: { readonly cert: string; readonly key: string };
  /** The `USER:PASSWORD` that it wants. */
  readonly login?: string;
  /** Refuses every request. */
  readonly refuses?: boolean;
}

/** A proxy that runs. */
export interface ForwardProxy extends AsyncDisposable {
  /** Its URL, without a login. */
  readonly url: string;
  /** `HOST:PORT`. */
  readonly place: string;
  /** What it was asked for, such as `CONNECT server.test:443`, `GET http://server.test/` or `SOCKS server.test:80`. */
  readonly asked: string[];
}

/** Starts a proxy. */
export async function startForwardProxy(options: ForwardProxyOptions): Promise<ForwardProxy> {
  const { speaks = "http" } = options;
  const asked: string[] = [];
  const sockets = new Set<Duplex>();
  const server = speaks === "socks5"
    ? createTcpServer((socket) => void serveSocks(socket, { options, asked, sockets }).catch(() => socket.destroy()))
    : httpProxy(options, asked, sockets);
  server.on("connection", (socket: Socket) => keep(socket, sockets));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const place = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `${speaks}://${place}`,
    place,
    asked,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
}

function httpProxy(options: ForwardProxyOptions, asked: string[], sockets: Set<Duplex>): Server {
  const { to, login, refuses, identity } = options;
  const isWelcome = ({ headers }: IncomingMessage) =>
    login === undefined || headers["proxy-authorization"] === `Basic ${btoa(login)}`;
  const forward = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    asked.push(`${incoming.method} ${incoming.url}`);
    if (!isWelcome(incoming)) return void outgoing.writeHead(407).end();
    if (refuses) return void outgoing.writeHead(403).end("not through here\n");
    const { pathname, search } = new URL(incoming.url!);
    const [hostname, port] = to.split(":");
    const headers = { ...incoming.headers };
    delete headers["proxy-authorization"];
    const onward = request({ hostname, port, path: pathname + search, method: incoming.method, headers, agent: false });
    onward.on("response", (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.writeHead(502).end());
    incoming.pipe(onward);
  };
  const server = identity ? createTlsServer(identity, forward) : createServer(forward);
  server.on("connect", (incoming: IncomingMessage, socket: Duplex) => {
    asked.push(`CONNECT ${incoming.url}`);
    keep(socket, sockets);
    if (!isWelcome(incoming)) return void socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    if (refuses) return void socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    join(socket, to, sockets, () => void socket.write("HTTP/1.1 200 Connection established\r\n\r\n"));
  });
  return server;
}

/** RFC 1928 without a login: greeting, request for a name, then the stream. */
async function serveSocks(
  socket: Socket,
  { options, asked, sockets }: { options: ForwardProxyOptions; asked: string[]; sockets: Set<Duplex> },
) {
  await once(socket, "readable");
  socket.read();
  socket.write(Uint8Array.of(5, 0));
  await once(socket, "readable");
  const ask: Uint8Array = socket.read();
  const name = new TextDecoder().decode(ask.subarray(5, 5 + ask[4])), port = ask[ask.length - 2] * 256 + ask.at(-1)!;
  asked.push(`SOCKS ${name}:${port}`);
  join(socket, options.to, sockets, () => void socket.write(Uint8Array.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0)));
}

function join(socket: Duplex, to: string, sockets: Set<Duplex>, onJoined: () => void) {
  const [hostname, port] = to.split(":");
  const onward = connect(Number(port), hostname, () => {
    onJoined();
    socket.pipe(onward).pipe(socket);
  });
  keep(onward, sockets);
}

function keep(socket: Duplex, sockets: Set<Duplex>) {
  sockets.add(socket);
  socket.on("close", () => sockets.delete(socket));
  // The other end may be gone first.
  socket.on("error", () => socket.destroy());
}
