/**
 * What the trial claims: the same queries have the same answers at both ends, and go on having them when servers die.
 *
 * @module
 */

import { messageOf } from "../../../common/explain.ts";
import { eventually } from "../../process/eventually.ts";
import { evaluate } from "../promql.ts";
import { type Arrival, difference } from "./answers.ts";
import type { Chain, RunningWay } from "./chain.ts";
import { centralDialect, type CentralPlan, type Form, SOURCE, SOURCE_DIALECT } from "./chain_plan.ts";
import { KINDS } from "./exposer.ts";
import { compareFederation } from "./federation_pages.ts";
import { type Kind, PAGES, type Question, type Questions, STEP_NAME } from "./kind.ts";
import { CUSTOM_BUCKETS } from "./native_kinds.ts";

/** How a claim went. */
export interface Verdict {
  /** What holds, as a sentence for the report. */
  readonly claim: string;
  /** Why it does not; undefined if it does. */
  readonly fault?: string;
}

/** How long what is to come may take, in milliseconds. */
const SOON_MS = 20_000;
/** How soon another server of a ring shows what one that was killed showed, in milliseconds. */
const TAKEOVER_MS = 30_000;
/** How often answers are compared until they are the same, in milliseconds. */
const INTERVAL_MS = 250;

/** So many pages show the step. */
const PAGE_COUNT = Object.keys(PAGES).length;

/** Where a claim is tried: one form of one central Prometheus, whichever way series came. */
interface Place {
  readonly central: CentralPlan;
  readonly form: Form;
  readonly arrivals: readonly Arrival[];
}

/**
 * Tries all claims, one stage after the other: values, changes, copies that are left when servers and clients die, and the end
 * of series. Those that fail do not keep the others from being tried.
 */
export async function* sameAnswers(chain: Chain, { signal }: { signal: AbortSignal }): AsyncGenerator<Verdict> {
  const places = placesOf(chain);
  const trials = places.flatMap((place) =>
    KINDS.map((kind) => ({ place, kind, questions: questionsFor(kind, place) }))
  );
  const named = ({ central, form }: Place) => `Prometheus ${central.release}, by ${form.name}`;

  await arrivalOfStep(chain, { signal });
  const values = await Promise.all(
    trials.map(({ place, questions }) => faultOf(() => same(chain, place, questions.now, { isExact: true, signal }))),
  );
  chain.exposer.advance();
  await arrivalOfStep(chain, { signal });
  const verdicts = await Promise.all(trials.map(async ({ place, kind, questions }, index): Promise<Verdict> => {
    const fault = values[index] ?? await faultOf(async () => {
      await same(chain, place, questions.now, { isExact: true, signal });
      await same(chain, place, [...questions.change, ...questions.ofRelease], { isExact: false, signal });
    });
    return { claim: `${kind.name} have the same answers in ${named(place)}`, fault };
  }));
  yield* verdicts;
  const held = trials.filter((_, index) => verdicts[index].fault === undefined);

  for (const place of places) {
    yield await verdict(
      `custom buckets, which come without their bounds, are left out of ${named(place)}`,
      () =>
        absent(place, [CUSTOM_BUCKETS.name, `${CUSTOM_BUCKETS.name}_count`, `${CUSTOM_BUCKETS.name}_bucket`], {
          signal,
        }),
    );
  }
  for (const { name, running } of chain.ways) {
    yield await verdict(
      `selectors pick the same series of /federate at the source and by way of ${name}`,
      () => compareFederation(chain.source, running.map(({ internal }) => internal), { signal }),
    );
  }
  for (const { plan, url } of chain.centrals) {
    yield await verdict(
      `no scrape of ${plan.name} fails, and no sample of it comes twice or too late`,
      () => cleanScrapes(url, { signal }),
    );
  }

  await Promise.all(chain.ways.map((way) => way.stopClient()));
  await Promise.all(chain.ways.map((way) => killOwner(chain, way, { signal })));
  yield* await Promise.all(places.map((place) => {
    const questions = held.filter((trial) => trial.place === place).flatMap(({ questions }) => questions.now);
    return verdict(
      `after servers were killed, stores and copies give the same answers in ${named(place)}`,
      () => same(chain, place, questions, { isExact: true, signal, timeoutMs: TAKEOVER_MS }),
    );
  }));

  await Promise.all(chain.ways.map((way) => way.startClient()));
  chain.exposer.end();
  await arrivalOfStep(chain, { signal });
  yield* await Promise.all(
    places.map((place) =>
      verdict(`series that end at the source end in ${named(place)}`, () => ended(chain, place, { signal }))
    ),
  );
}

function placesOf({ centrals, arrivals }: Chain): Place[] {
  return centrals.flatMap(({ plan }) =>
    plan.forms.map((form) => ({
      central: plan,
      form,
      arrivals: arrivals.filter((arrival) => arrival.central === plan && arrival.form === form),
    }))
  );
}

function questionsFor(kind: Kind, { central, form }: Place): Required<Questions> {
  const { now, change = [], ofRelease = [] } = form.name === "text"
    ? kind.questionsOfText ?? kind.questions
    : kind.questions;
  return { now, change, ofRelease: central.release === SOURCE.release ? ofRelease : [] };
}

/** Waits until every central Prometheus has the exposer's step, so that each sees each step. */
async function arrivalOfStep({ exposer, arrivals }: Chain, { signal }: { signal: AbortSignal }): Promise<void> {
  await Promise.all(
    arrivals.map(({ url, form, way, central }) =>
      eventually(
        `step ${exposer.step} to arrive in ${central.name} by ${form.name} and by way of ${way.name}`,
        async (signal) => {
          const steps = await evaluate(url, centralDialect({ way, form }).series(STEP_NAME), { signal });
          return steps.length === PAGE_COUNT && steps.every(({ value }) => Number(value) === exposer.step);
        },
        { timeoutMs: SOON_MS, intervalMs: INTERVAL_MS, signal },
      )
    ),
  );
}

/** Asks each question until it has the same answer by every way. */
async function same(
  { source }: Chain,
  { arrivals }: Place,
  questions: readonly Question[],
  { isExact, signal, timeoutMs = SOON_MS }: { isExact: boolean; signal: AbortSignal; timeoutMs?: number },
): Promise<void> {
  for (const arrival of arrivals) {
    for (const question of questions) {
      await eventually("the same answers", async (signal) => {
        const fault = await difference(question, { source, arrival, isExact, signal });
        if (fault !== undefined) throw new Error(fault);
        return true;
      }, { timeoutMs, intervalMs: INTERVAL_MS, signal });
    }
  }
}

/** Whether none of the names is there. */
async function absent(
  { arrivals }: Place,
  names: readonly string[],
  { signal }: { signal: AbortSignal },
): Promise<void> {
  for (const { url, form, way } of arrivals) {
    for (const name of names) {
      const [element] = await evaluate(url, centralDialect({ way, form }).series(name), { signal });
      if (element !== undefined) throw new Error(`by way of ${way.name} there is ${JSON.stringify(element)}`);
    }
  }
}

/** Waits until all series have ended, at both ends, with but the exposer's own left. */
async function ended({ source }: Chain, { arrivals }: Place, { signal }: { signal: AbortSignal }): Promise<void> {
  const names = [...KINDS.flatMap((kind) => kind.families(1).map(({ name }) => name))];
  const ends = [
    { url: source, dialect: SOURCE_DIALECT },
    ...arrivals.map(({ url, ...arrival }) => ({ url, dialect: centralDialect(arrival) })),
  ];
  for (const { url, dialect } of ends) {
    for (const name of names.flatMap((name) => [name, `${name}_count`, `${name}_sum`, `${name}_bucket`])) {
      const selector = dialect.series(name);
      await eventually(
        `${selector} to end`,
        async (signal) => (await evaluate(url, selector, { signal })).length === 0,
        {
          timeoutMs: SOON_MS,
          intervalMs: INTERVAL_MS,
          signal,
        },
      );
    }
  }
}

/** Whether all scrapes of a Prometheus went well so far. */
async function cleanScrapes(url: URL, { signal }: { signal: AbortSignal }): Promise<void> {
  const [failed] = await evaluate(url, 'min_over_time(up{job=~"telemeter-.*"}[5m]) == 0', { signal });
  if (failed !== undefined) throw new Error(`a scrape failed of ${JSON.stringify(failed.labels)}`);
  const page = await (await fetch(new URL("metrics", url), { signal })).text();
  const refused =
    /^prometheus_target_scrapes_sample_(?:duplicate_timestamp|out_of_order|out_of_bounds)_total (?!0$).*$/m;
  const line = refused.exec(page)?.[0];
  if (line !== undefined) throw new Error(line);
}

/** Kills the server of a way that shows its series; one that is alone starts again. */
async function killOwner({ arrivals }: Chain, way: RunningWay, { signal }: { signal: AbortSignal }): Promise<void> {
  const owner = way.running.at(-1)!;
  await owner.kill();
  // Only once its series have ended everywhere are those that are there shown by another.
  await Promise.all(
    arrivals.filter((arrival) => arrival.way.id === way.id).map(({ url, form, way }) => {
      const selector = centralDialect({ way, form }).series(STEP_NAME);
      return eventually(
        `${selector} to end`,
        async (signal) => (await evaluate(url, selector, { signal })).length === 0,
        {
          timeoutMs: SOON_MS,
          signal,
        },
      );
    }),
  );
  if (way.running.length === 1) await owner.start({ signal });
}

async function verdict(claim: string, check: () => Promise<void>): Promise<Verdict> {
  return { claim, fault: await faultOf(check) };
}

/** Why a check does not hold; undefined if it does. */
async function faultOf(check: () => Promise<void>): Promise<string | undefined> {
  try {
    await check();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
