/**
 * A guarded listener for attacks on it, and clients that dawdle.
 *
 * @module
 */

import { Registry } from "prom-client";
import type { HostileLimits } from "../../common/http/hostile_limits.ts";
import { type Handler, readBody } from "../../common/http/http.ts";
import { HttpMetrics } from "../../common/http/http_metrics.ts";
import { listen } from "../../common/http/http_server.ts";
import { loadTlsIdentity, type TlsIdentity } from "../../common/tls.ts";
import type { TestCertificate } from "./certificates.ts";
import { RawClient } from "./raw_client.ts";
import { recordingLog } from "./recording_log.ts";

/** Sizes in bytes. */
export const KB = 1_024, MB = 1_024 * KB;
/** A request that has no body. */
export const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
/** What two TCP stacks hold on the loopback interface at most, beyond what the server reads. */
export const KERNEL_BUFFERS_BYTES = 12 * MB;

/** A guarded listener, whose handler answers a body's length unless told otherwise. */
export async function openGuarded(
  limits: HostileLimits,
  { handler = measure, tls }: { handler?: Handler; tls?: TlsIdentity } = {},
) {
  const registry = new Registry(), metrics = new HttpMetrics(registry), { log, records } = recordingLog();
  const cuts = new EventTarget(), count = metrics.cut;
  metrics.cut = (listener, reason) => {
    count.call(metrics, listener, reason);
    cuts.dispatchEvent(new Event(reason));
  };
  const listener = await listen(handler, {
    address: { hostname: "127.0.0.1", port: 0 },
    name: "external",
    hostile: { lingerMs: 40, ...limits },
    metrics,
    tls,
    log,
  });
  return {
    records,
    port: listener.port,
    connect: (caCert?: string) => RawClient.connect(listener.port, { caCert }),
    /** The counts of connections refused and cut, by reason, where there are any. */
    counts: async () => {
      const lines = (await registry.metrics()).matchAll(
        /^telemeter_http_connections_(\w+)_total\{.*reason="(\w+)"\} ([1-9]\d*)$/gm,
      );
      return Object.fromEntries([...lines].map(([, kind, reason, count]) => [`${kind} ${reason}`, Number(count)]));
    },
    /** Resolves once a connection is cut for this reason. */
    cut: (reason: string) => new Promise((resolve) => cuts.addEventListener(reason, resolve, { once: true })),
    [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
  };
}

/** Answers the length of a body of at most 100 KB. */
export const measure: Handler = async (request) => {
  const { length } = await readBody(request, { limitBytes: 100 * KB });
  return new Response(`${length} bytes`);
};

/** Sends pieces one after the other, each once the clock has moved, until the server takes no more. */
export async function trickle(client: RawClient, pieces: Iterable<string>, everyMs: number): Promise<void> {
  try {
    for (const piece of pieces) {
      await client.send(piece);
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  } catch {
    // The server closed the connection, which is what the test waits for.
  }
}

/** A piece again and again. */
export function* forever(piece: string): Generator<string> {
  for (;;) yield piece;
}

/** Waits for work, and tells how long it took. */
export async function timed<T>(work: Promise<T>): Promise<{ value: T; ms: number }> {
  const start = performance.now();
  const value = await work;
  return { value, ms: performance.now() - start };
}

/** A TLS identity of files in a folder of its own, which a test replaces and has looked at. */
export async function replaceableIdentity(certificate: TestCertificate) {
  await using stack = new AsyncDisposableStack();
  const dir = await Deno.makeTempDir(), { log } = recordingLog();
  stack.defer(() => Deno.remove(dir, { recursive: true }));
  const write = async ({ cert, key }: TestCertificate) => {
    await Deno.writeTextFile(`${dir}/crt`, cert);
    await Deno.writeTextFile(`${dir}/key`, key);
  };
  await write(certificate);
  const tls = stack.use(
    await loadTlsIdentity({
      certPath: `${dir}/crt`,
      keyPath: `${dir}/key`,
      flags: { cert: "--tls-crt", key: "--tls-key" },
      log,
    }),
  );
  const rest = stack.move();
  return { tls, write, [Symbol.asyncDispose]: () => rest.disposeAsync() };
}
