/**
 * A real server with sources that fare in every way there is, for browsers to look at.
 *
 * @module
 */

import type { MetricFamily } from "../../common/exposition/metric_family.ts";
import { eventually } from "../../scripts/process/eventually.ts";
import { OpenServer } from "./open_server.ts";
import { oneSample, writeRequest } from "./write_sender.ts";

/** Ids that would be something else than text if anybody let them. */
export const HOSTILE_IDS: readonly string[] = [
  "<script>alert(1)</script>",
  `"><img src=x onerror=alert(2)>`,
  `quote"'&amp;&lt;`,
  "a/b?c#d%2F e+f",
  "שלום-עולם\u202eevil",
  "x".repeat(255),
];

/** The id that the list of revoked ids holds from the start. */
export const BANNED_ID = "banned";

/** Series of a cluster. */
export function seriesOf(id: string, count: number): MetricFamily[] {
  const timestampMs = Date.now();
  const metrics = Array.from({ length: count }, (_, i) => ({
    labels: [{ name: "_id", value: id }, { name: "cpu", value: String(i) }],
    value: i,
    timestampMs,
  }));
  return [{ name: "node_cpu_seconds_total", type: "counter", metrics }];
}

/** A server with one source in each state, and those of {@linkcode HOSTILE_IDS}. */
export interface ShownSources extends AsyncDisposable {
  /** The server. */
  readonly server: OpenServer;
  /** Where its pages are. */
  readonly url: string;
  /** The file of revoked ids. */
  readonly revokedFile: string;
  /** Has all push again that are up, so that they stay so. */
  push(): Promise<void>;
}

/** Sends by remote write what is shown, and what breaks a rule. */
async function write(server: OpenServer, id: string) {
  const sample = { value: 1, timestamp: Date.now() };
  for (const cpu of ["0", "1"]) {
    await server.write(id, writeRequest([oneSample({ __name__: "node_load1", cpu }, sample)]));
  }
  const ahead = { value: 1, timestamp: Date.now() + 86_400_000 };
  await server.write(id, writeRequest([oneSample({ __name__: "node_load5" }, ahead)]));
}

/** Starts the server, with buttons. Sources that pushed once only are silent: they have no interval, and its TTL is short. */
export async function showSources(...flags: string[]): Promise<ShownSources> {
  await using opening = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "telemeter-test-" });
  opening.defer(() => Deno.remove(folder, { recursive: true }));
  const revokedFile = `${folder}/revoked`;
  await Deno.writeTextFile(revokedFile, `# those that left\n${BANNED_ID}\n`, { mode: 0o600 });
  const server = opening.use(
    await OpenServer.start(
      ...["--ratelimit=0", "--ttl=2s", "--limit-series=60"],
      ...[`--revoked-file=${revokedFile}`, "--web.enable-admin-api", ...flags],
    ),
  );
  const up: [id: string, series: number][] = [["edge-oslo", 7], ["edge-osaka", 12], ["tight", 55]];
  const push = async () => {
    for (const [id, series] of [...up, ...HOSTILE_IDS.map((id): [string, number] => [id, 3])]) {
      await server.push(id, seriesOf(id, series));
    }
  };
  await server.push("silent", seriesOf("silent", 4));
  await server.push("refused", seriesOf("refused", 4));
  await server.push("refused", seriesOf("somebody-else", 4));
  await server.push("over", seriesOf("over", 250));
  await write(server, "writer");
  await server.push("both", seriesOf("both", 5));
  await write(server, "both");
  await server.token(BANNED_ID).catch(() => {});
  const url = /internal=(\S+?)\/? /.exec(server.log.join("\n"))![1];
  await eventually("a source to be silent", async (signal) => {
    const { data } = await (await fetch(`${url}/api/v1/sources/silent`, { signal })).json();
    return data.state === "silent";
  }, { timeoutMs: 60_000 });
  await push();
  await push();
  const owned = opening.move();
  return { server, url, revokedFile, push, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
