/**
 * A listener of any kind, for tests of what all kinds have to do.
 *
 * @module
 */

import type { Handler } from "../../common/http/http.ts";
import { listen } from "../../common/http/http_server.ts";
import type { Listener, ListenOptions } from "../../common/http/listener.ts";
import { loadTlsIdentity, type TlsIdentity } from "../../common/tls.ts";
import { makeCertificate } from "./certificates.ts";
import { RawClient } from "./raw_client.ts";
import { type LogRecord, recordingLog } from "./recording_log.ts";

/** A listener, and all that its test needs to reach it. */
export interface ListenerBench extends AsyncDisposable {
  readonly listener: Listener;
  readonly records: LogRecord[];
  /** Connects raw, over TLS where the listener speaks it. */
  connect(): Promise<RawClient>;
  /** A request by `fetch`. */
  get(path: string, init?: RequestInit): Promise<Response>;
}

const KINDS = { trusting: {}, guarded: { hostile: {} }, secure: { hostile: {} } } as const;

/** A kind of listener. */
export type ListenerKind = keyof typeof KINDS;

/** The kinds that there are. All run the same handlers. */
export const LISTENER_KINDS = Object.keys(KINDS) as ListenerKind[];

/** Listens on a free port of this machine. */
export async function openListener(
  kind: ListenerKind,
  handler: Handler,
  more: Partial<ListenOptions> = {},
): Promise<ListenerBench> {
  await using stack = new AsyncDisposableStack();
  const { log, records } = recordingLog();
  let tls: TlsIdentity | undefined, caCert: string | undefined;
  if (kind === "secure") {
    const dir = await Deno.makeTempDir();
    stack.defer(() => Deno.remove(dir, { recursive: true }));
    const { cert, key } = await makeCertificate("test");
    await Deno.writeTextFile(`${dir}/crt`, cert);
    await Deno.writeTextFile(`${dir}/key`, key);
    tls = stack.use(
      await loadTlsIdentity({
        certPath: `${dir}/crt`,
        keyPath: `${dir}/key`,
        flags: { cert: "--tls-crt", key: "--tls-key" },
        log,
      }),
    );
    caCert = cert;
  }
  const address = { hostname: "127.0.0.1", port: 0 };
  const listener = stack.use(await listen(handler, { address, log, tls, ...KINDS[kind], ...more }));
  // One connection a request: those that idle in the pool would stay open beyond the test.
  const client = stack.adopt(
    Deno.createHttpClient({ poolMaxIdlePerHost: 0, ...(caCert ? { caCerts: [caCert] } : {}) }),
    (client) => client.close(),
  );
  const rest = stack.move();
  return {
    listener,
    records,
    connect: () => RawClient.connect(listener.port, { caCert }),
    get: (path, init) => fetch(new URL(path, listener.url), { ...init, client }),
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}
