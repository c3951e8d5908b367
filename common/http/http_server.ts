/**
 * Listeners: one function that runs a handler on the server that suits the network it faces.
 *
 * @module
 */
// Deno.serve is the faster one, and cannot defend itself: it has no time limits and no cap on connections, reads a refused
// body to its end, and cannot change its certificate. guarded_server.ts does all that on node:http.

import { messageOf } from "../explain.ts";
import { plainAddress } from "./addresses.ts";
import { ErrorAnswers } from "./error_answers.ts";
import { type Handler, HttpError } from "./http.ts";
import { type Listener, type ListenOptions, urlOf } from "./listener.ts";
import { isHost } from "./request_target.ts";
import { isTaken, listenFault } from "../listen_fault.ts";
import { UsageError } from "../options.ts";

/**
 * Listens, and runs `handler` for each request. What it throws becomes a response by `ErrorAnswers`.
 *
 * @throws {UsageError} if the address cannot be listened on.
 */
export async function listen(handler: Handler, options: ListenOptions): Promise<Listener> {
  const { address, hostile, tls } = options;
  // Who trusts its clients, as our client does on its own machine, does not load node:http, which takes 2 to 13 MB.
  const start = hostile === undefined && tls === undefined
    ? listenTrusting
    : (await import("./guarded_server.ts")).listenGuarded;
  try {
    if (address.hostname !== "") return await start(handler, options, address.hostname);
    try {
      return await start(handler, options, "::");
    } catch (error) {
      // "::" stands for every address of IPv4 too; a machine without IPv6 has none for it.
      if (isTaken(error)) throw error;
      return await start(handler, options, "0.0.0.0");
    }
  } catch (cause) {
    const { hostname, port } = address;
    const shown = hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
    throw new UsageError(`Cannot listen on ${shown}: ${listenFault(cause)}`, { cause });
  }
}

/** How long it takes until Deno.serve is begun anew that has ended, in milliseconds. */
const AGAIN_MS = 1_000;

function listenTrusting(handler: Handler, options: ListenOptions, hostname: string): Promise<Listener> {
  const { address, drainMs = 10_000, log } = options;
  const answers = new ErrorAnswers({ log });
  const inFlight = new Set<Promise<void>>();
  let draining = false, again: ReturnType<typeof setTimeout> | undefined;
  const serve = async (request: Request, { remoteAddr, completed }: Deno.ServeHandlerInfo<Deno.NetAddr>) => {
    if (draining) return new Response("The server is stopping\n", { status: 503, headers: { connection: "close" } });
    const done = completed.catch(() => {}).finally(() => inFlight.delete(done));
    inFlight.add(done);
    try {
      checkUrl(request);
      const response = await handler(request, { address: plainAddress(remoteAddr.hostname), done });
      return request.method === "HEAD" ? withoutLength(response) : response;
    } catch (error) {
      return answers.answer(error, request);
    }
  };
  const start = (port: number) => {
    const kill = new AbortController();
    const server = Deno.serve({ hostname, port, signal: kill.signal, onListen: () => {} }, serve);
    // It ends when the process may open no file for one more connection, and would end the process with it.
    server.finished.catch((error) => {
      kill.abort();
      if (draining) return;
      log.error("Cannot accept connections: will listen again", { error: messageOf(error) });
      startAgain();
    });
    return { server, kill };
  };
  const startAgain = () => {
    again = setTimeout(() => {
      try {
        running = start(port);
        log.info("Accepts connections again", {});
      } catch {
        startAgain();
      }
    }, AGAIN_MS);
  };
  let running = start(address.port);
  const { hostname: bound, port } = running.server.addr;
  return Promise.resolve({
    hostname: bound,
    port,
    url: urlOf({ secure: false, hostname: bound, port }),
    [Symbol.asyncDispose]: async () => {
      // After shutdown() the signal cuts nothing any more, and throws where nobody can catch it. So the requests are waited
      // for first; what shutdown() then still waits for are clients that owe the rest of a request or take no response.
      draining = true;
      clearTimeout(again);
      const { server, kill } = running;
      const { promise: overdue, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, drainMs);
      await Promise.race([Promise.all(inFlight), overdue]);
      if (inFlight.size > 0) kill.abort();
      const finished = server.finished.catch(() => {});
      await (kill.signal.aborted ? finished : Promise.race([server.shutdown(), overdue]));
      clearTimeout(timer);
    },
  });
}

/** Refuses what Deno.serve has put into a URL as it came, and which would make another of it or none. */
function checkUrl({ headers, url }: Request): void {
  if (isHost(headers.get("host") ?? "") && URL.canParse(url)) return;
  throw new HttpError(400, "Cannot read the Host header or the target: send HOST:PORT and a path", {
    reason: "malformed",
  });
}

/** Keeps Deno.serve from claiming that what GET would get is empty (RFC 9110 section 8.6), by a body that it does not send. */
function withoutLength(response: Response): Response {
  const { body, headers, status } = response;
  if (body !== null || headers.has("content-length") || status === 204 || status === 304) return response;
  return new Response(new ReadableStream({ start: (controller) => controller.close() }), response);
}
