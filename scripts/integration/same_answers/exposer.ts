/**
 * The instrumented program of the trial: it answers scrapes in protobuf, as client libraries with native histograms do, and its
 * numbers change only when it is told so.
 *
 * @module
 */

import { CLASSIC_KINDS } from "./classic_kinds.ts";
import { encodePage, type ExposedFamily, PAGE_CONTENT_TYPE } from "./client_model.ts";
import { type Kind, type PageName, PAGES, REFERENCE_NAME, STEP_NAME } from "./kind.ts";
import { CUSTOM_BUCKETS, NATIVE_KINDS } from "./native_kinds.ts";

/** All kinds that are asked about. */
export const KINDS: readonly Kind[] = [...CLASSIC_KINDS, ...NATIVE_KINDS];

/** A running exposer. Disposing of it closes its port. */
export interface Exposer extends AsyncDisposable {
  /** Where it listens. */
  readonly port: number;
  /** Which step it is at, from 1 on. */
  readonly step: number;
  /** Takes the next step. */
  advance(): void;
  /** Takes the next step, from which on there is nothing but the reference and the step. */
  end(): void;
}

/** The families of a page. `ended` says that all kinds of series have ended. */
export function exposedFamilies(page: PageName, { step, ended }: { step: number; ended: boolean }): ExposedFamily[] {
  const own: ExposedFamily[] = [
    { name: REFERENCE_NAME, type: "counter", metrics: [{ value: 1_000_000 + 100 * step }] },
    { name: STEP_NAME, type: "gauge", metrics: [{ value: step }] },
  ];
  const families = ended
    ? []
    : [...KINDS, CUSTOM_BUCKETS].filter((kind) => (kind.page ?? "plain") === page).flatMap((kind) =>
      kind.families(step)
    );
  return [...own, ...families];
}

/** Starts an exposer whose pages are `/plain` and so on. */
export function startExposer({ hostname }: { hostname: string }): Exposer {
  let step = 1;
  let ended = false;
  const server = Deno.serve({ hostname, port: 0, onListen: () => {} }, (request) => {
    const page = new URL(request.url).pathname.slice(1);
    if (!Object.hasOwn(PAGES, page)) return new Response(null, { status: 404 });
    const body = encodePage(exposedFamilies(page as PageName, { step, ended }));
    return new Response(body, { headers: { "content-type": PAGE_CONTENT_TYPE } });
  });
  return {
    port: server.addr.port,
    get step() {
      return step;
    },
    advance: () => void step++,
    end: () => {
      step++;
      ended = true;
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
