/**
 * What must hold of the alerts and dashboards that we ship, each claim checked in the Prometheus where series arrive: while
 * clients of their own stop, are refused, and push again.
 *
 * @module
 */

import type { Child } from "../process/child.ts";
import { eventually } from "../process/eventually.ts";
import type { Check } from "./checks.ts";
import { askingPanels, readDashboards, withVariables } from "./dashboards.ts";
import type { OpenSink } from "./open_sink.ts";
import { SERVERS_JOB } from "./prometheus_config.ts";
import type { Stack } from "./stack.ts";

/** A source whose client is stopped. */
const STOPPED = "stopped";
/** A source whose client sends by remote write. */
const WRITER = "writer";
/** A source that is too large at first: its client sends all that its Prometheus tells of itself, some hundreds of series. */
const LARGE = "large";
const TOO_MUCH = '--match={__name__!=""}';
/** The flags of servers that do not take that. */
export const REFUSING_FLAGS: readonly string[] = ["--limit-series=100"];
/** How soon an alert fires or ends: a source counts as silent after 15 s, and machines may be slow. In milliseconds. */
const ALERT_MS = 45_000;
/** What stands for the variables of the dashboards; rates look back over some scrapes. */
const VARIABLES = { job: SERVERS_JOB, instance: ".*", id: STOPPED, __rate_interval: "15s" };

/** The checks of a stack whose central Prometheus has the shipped rules. They build on each other: run them in order. */
export function alertChecks(
  stack: Stack,
  { sink, signal }: { readonly sink: OpenSink; readonly signal: AbortSignal },
): Check[] {
  const { central, crew } = stack;
  const clients = new Map<string, Child>();
  const start = (id: string, ...flags: string[]) => void clients.set(id, stack.launchClient({ id, flags }));
  const until = (what: string, holds: (signal: AbortSignal) => Promise<boolean>) =>
    eventually(what, holds, { timeoutMs: ALERT_MS, signal });
  const firing = async (alert: string, id: string, signal: AbortSignal) =>
    (await central.query(`ALERTS{alertname="${alert}",alertstate="firing",_id="${id}"}`, { signal })).length > 0;
  const fires = (alert: string, id: string) =>
    until(`${alert} to fire for ${id}`, (signal) => firing(alert, id, signal));
  const ends = (alert: string, id: string) =>
    until(`${alert} to end for ${id}`, async (signal) => !await firing(alert, id, signal));

  return [
    {
      claim: "a client that is refused fires TelemeterSourceRefused, and not TelemeterSourceSilent",
      check: async () => {
        start(STOPPED);
        start(LARGE, TOO_MUCH);
        await until("the client that is to be stopped to push", async (signal) => {
          const [up] = await central.query(`telemeter_source_up{_id="${STOPPED}"}`, { signal });
          return up?.value === 1;
        });
        await crew.stop(clients.get(STOPPED)!);
        await fires("TelemeterSourceRefused", LARGE);
        if (await firing("TelemeterSourceSilent", LARGE, signal)) throw new Error("both fire");
      },
    },
    {
      claim: "a client that was stopped fires TelemeterSourceSilent",
      check: async () => void await fires("TelemeterSourceSilent", STOPPED),
    },
    {
      claim: "what is shown is forwarded to a sink",
      check: async () => void await until("requests of remote write", () => Promise.resolve(sink.taken() > 0)),
    },
    {
      claim: "a source that is sent by remote write is shown, and up",
      check: async () => {
        start(WRITER, "--remote-write");
        for (const series of ["up", "telemeter_source_up"]) {
          await until(`${series} of ${WRITER}`, async (signal) => {
            const [found] = await central.query(`${series}{_id="${WRITER}"}`, { signal });
            return found?.value === 1;
          });
        }
      },
    },
    {
      claim: "every query of the dashboards has an answer",
      check: async () => {
        const panels = (await readDashboards()).flatMap(({ dashboard }) => askingPanels(dashboard));
        for (const { title, targets = [] } of panels) {
          for (const { expr } of targets) {
            // The first rate of what has just appeared takes two scrapes.
            await until(`an answer to ${expr} of the panel ${title}`, async (signal) => {
              return (await central.query(withVariables(expr, VARIABLES), { signal })).length > 0;
            });
          }
        }
      },
    },
    {
      claim: "both alerts end once their clients push again",
      check: async () => {
        await crew.stop(clients.get(LARGE)!);
        start(LARGE);
        start(STOPPED);
        await ends("TelemeterSourceRefused", LARGE);
        await ends("TelemeterSourceSilent", STOPPED);
        for (const id of [STOPPED, LARGE, WRITER]) {
          await until(`${id} to be up`, async (signal) => {
            const [up] = await central.query(`telemeter_source_up{_id="${id}"}`, { signal });
            return up?.value === 1;
          });
          await crew.stop(clients.get(id)!);
        }
      },
    },
  ];
}
