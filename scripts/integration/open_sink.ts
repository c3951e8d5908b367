/**
 * A sink that takes whatever servers forward to it, so that what they say of sinks is there to be asked for.
 *
 * @module
 */

/** A sink. Disposing of it stops it. */
export interface OpenSink extends AsyncDisposable {
  /** Where it takes remote write. */
  readonly url: URL;
  /** How many requests it has taken. */
  readonly taken: () => number;
}

/** Opens one on a free port of this machine. */
export function openSink(): OpenSink {
  let taken = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    await request.body?.cancel();
    taken++;
    return new Response(null, { status: 204 });
  });
  return {
    url: new URL(`http://127.0.0.1:${server.addr.port}/api/v1/write`),
    taken: () => taken,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
