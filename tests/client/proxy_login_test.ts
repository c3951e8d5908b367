import assert from "node:assert/strict";
import { TokenExchange } from "../../client/authorization.ts";
import { federate } from "../../client/federate.ts";
import { HttpClients, TO } from "../../client/http_client.ts";
import { push } from "../../client/push.ts";
import { readProxyServer } from "../../common/outgoing/proxy_server.ts";
import { recordingLog } from "../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const [USERNAME, PASSWORD] = ["prober", "open-sesame"];
const url = new URL("http://somewhere.test/");

/** What goes through a client, by what is said of the request. */
const REQUESTS: Readonly<
  Record<string, (how: { clients: HttpClients; timeoutMs: number; signal: AbortSignal }) => Promise<unknown>>
> = {
  federate: (how) => federate({ ...how, url, matches: ["up"], limitBytes: 1_000 }),
  "TokenExchange.grant": (how) =>
    new TokenExchange({ url, initialToken: () => Promise.resolve("initial"), now: Date.now }).grant(how),
  push: (how) => push(new Uint8Array(), { ...how, url }),
};

for (const [name, request] of Object.entries(REQUESTS)) {
  Deno.test(`${name}() repeats nothing of a proxy's login, whatever the proxy or who is behind it says`, async () => {
    const echo = ({ headers }: Request) =>
      new Response(`You showed ${headers.get("proxy-authorization")}, that is ${PASSWORD}`, { status: 407 });
    await using proxy = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, echo);
    const server = readProxyServer(`http://${USERNAME}:${PASSWORD}@127.0.0.1:${proxy.addr.port}`);
    using clients = await HttpClients.load({}, {
      side: TO,
      proxyFor: () => ({ ...server, namedBy: "--to-proxy" }),
      log: recordingLog().log,
    });
    await assert.rejects(
      request({ clients, timeoutMs: 30_000, signal: new AbortController().signal }),
      /it answered 407, [^;]*; it says: You showed Basic …, that is …$/,
    );
  });
}
