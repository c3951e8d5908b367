/**
 * Wires the client: settings, loop, HTTP, reload.
 *
 * @module
 */

import type { Launch, Running } from "../common/lifecycle.ts";
import { FamilyRegistry } from "../common/exposition/family_registry.ts";
import { file } from "../common/option_kinds.ts";
import { pause } from "../common/pause.ts";
import { clientApp } from "./app.ts";
import { addCertificateMetrics } from "./certificate_metrics.ts";
import { Forwarder } from "./forwarder.ts";
import { addProcessMetrics, clientMetrics } from "./metrics.ts";
import { CLIENT_OPTIONS, type ClientValues } from "./options.ts";
import type { ProxyEnvironment } from "../common/outgoing/proxy_rule.ts";
import { loadSettings } from "./settings.ts";
import { SmallHeap } from "./small_heap.ts";
import { listenForStatus } from "./status_listener.ts";

/** What a client starts with beside its options. */
export interface StartOptions
  extends Pick<Launch<typeof CLIENT_OPTIONS>, "originOf" | "log" | "checkFiles" | "reread"> {
  /** The proxies that the environment named when the program started. */
  readonly environment: ProxyEnvironment;
}

/** Starts the client. */
export async function startClient(
  values: ClientValues,
  { originOf, log, environment, checkFiles, reread }: StartOptions,
): Promise<Running> {
  const load = (values: ClientValues) => loadSettings(values, { log, now: Date.now, environment });
  let settings = await load(values);
  let live = values;
  await using stack = new AsyncDisposableStack();
  stack.defer(() => settings[Symbol.dispose]());
  const registry = new FamilyRegistry();
  addProcessMetrics(registry);
  const metrics = clientMetrics(registry);
  addCertificateMetrics(registry, () => [settings.fromClients, settings.toClients]);
  const forwarder = new Forwarder(settings, {
    log,
    metrics,
    heap: new SmallHeap(),
    random: Math.random,
    now: Date.now,
    delay: pause,
  });
  const stop = new AbortController();

  // One reload at a time: the settings of the last one to be asked for are those that stand.
  let reloading: Promise<unknown> = Promise.resolve();
  const reload = () => {
    const reloaded = reloading.then(async () => {
      const changed = await reread();
      await checkFiles();
      const before = settings;
      forwarder.reconfigure(settings = await load(changed));
      before[Symbol.dispose]();
      live = changed;
    });
    reloading = reloaded.catch(() => {});
    return reloaded.then(
      () => log.info("Reloaded the configuration", {}),
      (error) => {
        log.error("Cannot reload: the running configuration stays in use", { error: error.message });
        throw error;
      },
    );
  };

  if (values.listen === undefined) log.info("Shows nothing over HTTP, as --listen is empty", {});
  else {
    // Whoever is never asked for a page loads nothing of it.
    const view = async () => (await import("./view.ts")).clientView(forwarder, { values: live, originOf });
    const app = clientApp({ forwarder, registry, view, reload, listen: values.listen, signal: stop.signal, log });
    const listener = stack.use(await listenForStatus(app.fetch, { address: values.listen, registry, log }));
    log.info("Listening", { url: listener.url.href });
  }

  const loop = forwarder.run(stop.signal);
  stack.defer(async () => {
    stop.abort();
    await loop;
  });
  const owned = stack.move();
  return {
    keeps: namesFiles(values) ? ["net", "read"] : ["net"],
    done: loop,
    reload: () => reload().catch(() => {}),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Whether there are files to read at the next reload, or earlier when they change. */
function namesFiles(values: ClientValues): boolean {
  return Object.entries(CLIENT_OPTIONS).some(([name, { kind }]) =>
    (kind as unknown) === file && values[name as keyof ClientValues] !== undefined
  );
}
