/**
 * The pages of a server, for people.
 *
 * @module
 */

import type { Child } from "@hono/hono/jsx";
import { acting } from "../../common/http/acting.ts";
import type { Route, RouteHandler } from "../../common/http/app.ts";
import { HttpError } from "../../common/http/http.ts";
import { type MenuItem, PAGE_ASSETS, type PageOptions, renderPage } from "../../common/pages/page.tsx";
import { plural } from "../../common/plural.ts";
import type { SourceActions } from "../api/actions.ts";
import { readSourceQuery } from "../api/source_query.ts";
import type { CertificateStatus } from "../api/status.ts";
import { toldByMembers, type WhatIsTold } from "../api/told_by_members.ts";
import { CertificatesPage } from "./certificates_page.tsx";
import type { PagesOptions } from "./pages_options.ts";
import { RingPage } from "./ring_page.tsx";
import { SinksPage } from "./sinks_page.tsx";
import { StatusPage } from "./status_page.tsx";
import { SourcePage } from "./source_page.tsx";
import { hrefOf, type PagesOf, SourcesPage } from "./sources_page.tsx";
import { StrangerPage, StrangersPage } from "./strangers_page.tsx";
import { type Trouble, type Troubles, TroubleWatch } from "./trouble_watch.ts";

const HOME: MenuItem = { href: "/", name: "Sources" };

/** The menu, with what somebody should look at. */
function menuOf({ sinks, certificates }: Troubles): readonly MenuItem[] {
  return [
    HOME,
    { href: "/strangers", name: "Strangers" },
    { href: "/ring", name: "Ring" },
    { href: "/sinks", name: "Sinks", badge: badgeOf(sinks, SINK_WORDS) },
    { href: "/status", name: "Status" },
    { href: "/certificates", name: "Certificates", badge: badgeOf(certificates, CERTIFICATE_WORDS) },
  ];
}

/** What a badge says, of one and of several: where none has failed, where all have, and where some have. */
interface BadgeWords {
  readonly none: readonly [string, string];
  readonly all: readonly [string, string];
  readonly some: string;
}

const SINK_WORDS: BadgeWords = {
  none: ["is behind", "are behind"],
  all: ["takes nothing", "take nothing"],
  some: "take nothing or are behind",
};

const CERTIFICATE_WORDS: BadgeWords = {
  none: ["ends soon", "end soon"],
  all: ["has ended", "have ended"],
  some: "have ended or end soon",
};

function badgeOf({ count, failed }: Trouble, { none, all, some }: BadgeWords): MenuItem["badge"] {
  if (count === 0) return undefined;
  const what = failed === 0 ? plural(count, ...none) : failed === count ? plural(count, ...all) : some;
  return { tone: failed > 0 ? "bad" : "warn", count, what };
}

/** The page at the root. */
export function homePage(options: PagesOptions): RouteHandler {
  const page = pageMaker(options);
  return page({ title: "Sources", at: "/" }, async (c, nowMs) => {
    const { searchParams, search } = new URL(c.req.raw.url);
    const query = readSourceQuery(searchParams);
    const [list, pagesOf] = await Promise.all([options.sources.list(query), pagesOfMembers(options)]);
    const isForgotten = searchParams.get("done") === "forgotten";
    return {
      body: <SourcesPage query={query} list={list} pagesOf={pagesOf} isForgotten={isForgotten} nowMs={nowMs} />,
      title: query.states.length === 1 ? `Sources that are ${query.states[0]}` : "Sources",
      json: `/api/v1/sources${search}`,
    };
  });
}

/** The routes of the other pages, by path. */
export function pageRoutes(options: PagesOptions): Readonly<Record<string, Route>> {
  const { sources, ringView, sinks, status, partitionLabel, actions } = options;
  const page = pageMaker(options);
  return {
    "/sources/:id": {
      name: "page_source",
      get: (c) => {
        const id = c.req.param("id") ?? "";
        const about = { title: id, at: "/", back: HOME, json: `/api/v1/sources/${encodeURIComponent(id)}` };
        return page(about, async (c, nowMs) => {
          const source = await sources.details(id);
          if (source === undefined) {
            const stranger = (await sources.strangers()).find((stranger) => stranger.id === id);
            return { body: <StrangerPage stranger={stranger} nowMs={nowMs} />, status: 404 };
          }
          const done = new URL(c.req.raw.url).searchParams.get("done") ?? undefined;
          const self = ringView && status().name;
          const { owner } = source;
          const ownerPages = owner === self || owner === undefined ? undefined : (await pagesOfMembers(options))(owner);
          const facts = { source, partitionLabel, actions, done, self, ownerPages };
          return { body: <SourcePage {...facts} nowMs={nowMs} /> };
        })(c);
      },
    },
    "/strangers": {
      name: "page_strangers",
      get: page(
        { title: "Strangers", at: "/strangers", json: "/api/v1/strangers" },
        async (_, nowMs) => ({ body: <StrangersPage strangers={await sources.strangers()} nowMs={nowMs} /> }),
      ),
    },
    "/ring": {
      name: "page_ring",
      get: page({ title: "Ring", at: "/ring" }, async (_, nowMs) => ({
        body: <RingPage ring={await ringView?.()} nowMs={nowMs} />,
        json: ringView && "/api/v1/ring",
      })),
    },
    "/sinks": {
      name: "page_sinks",
      get: page(
        { title: "Sinks", at: "/sinks", json: "/api/v1/sinks" },
        async (_, nowMs) => {
          const ring = await ringView?.();
          const told = toldByMembers(sinks?.() ?? [], { ring, of: ({ sinks }) => sinks });
          const idle = ring?.members.filter(({ sinks, isWitness }) => sinks?.length === 0 && !isWitness) ?? [];
          return { body: <SinksPage told={told} idle={idle.map(({ name }) => name)} nowMs={nowMs} /> };
        },
      ),
    },
    "/status": {
      name: "page_status",
      get: page(
        { title: "Status", at: "/status", json: "/api/v1/status" },
        (_, nowMs) => ({ body: <StatusPage status={status()} nowMs={nowMs} /> }),
      ),
    },
    // Where the page was before it was called as its JSON is.
    "/settings": { name: "page_settings", get: () => seeOther("/status") },
    "/certificates": {
      name: "page_certificates",
      get: page(
        { title: "Certificates", at: "/certificates", json: "/api/v1/certificates" },
        async (_, nowMs) => {
          const of: WhatIsTold<CertificateStatus>["of"] = ({ certificates }) => certificates;
          const told = toldByMembers(status().certificates, { ring: await ringView?.(), of });
          return { body: <CertificatesPage told={told} nowMs={nowMs} /> };
        },
      ),
    },
    ...actions && actionRoutes(actions, options),
    ...PAGE_ASSETS,
  };
}

/** What the buttons of a source ask for. They need no script: the answer leads to the page that shows what has come of it. */
function actionRoutes(actions: SourceActions, options: PagesOptions): Readonly<Record<string, Route>> {
  const button = (act: (id: string, asked: { by: string }) => Promise<string>) =>
    acting(async (c) => {
      const id = c.req.param("id") ?? "";
      try {
        return seeOther(await act(id, { by: c.env.address }));
      } catch (error) {
        if (!(error instanceof HttpError)) throw error;
        const back = { href: hrefOf(id), name: id };
        return await pageMaker(options)({ title: "Not done", at: "/", back }, () => {
          throw error;
        })(c);
      }
    }, options);
  return {
    "/sources/:id/revoke": {
      name: "page_revoke",
      post: button(async (id, asked) => {
        await actions.revoke(id, asked);
        return `${hrefOf(id)}?done=revoked`;
      }),
    },
    "/sources/:id/forget": {
      name: "page_forget",
      post: button(async (id, asked) => {
        await actions.forget(id, asked);
        return "/?done=forgotten";
      }),
    },
  };
}

/** Where the pages of the other members of the ring are, as far as they say so. */
async function pagesOfMembers({ ringView, status }: Pick<PagesOptions, "ringView" | "status">): Promise<PagesOf> {
  const members = (await ringView?.())?.members ?? [];
  const self = status().name;
  const pages = new Map(members.map(({ name, pages }) => [name, name === self ? undefined : pages]));
  return (member) => pages.get(member);
}

function seeOther(location: string): Response {
  return new Response(null, { status: 303, headers: { location } });
}

type Context = Parameters<RouteHandler>[0];

/** What is known of a page before it is asked for. */
type About = Pick<PageOptions, "title" | "at" | "back" | "json">;

/** The rest of it. */
type Shown = Pick<PageOptions, "body" | "status"> & Partial<About>;

/** Makes handlers of pages; what one throws for the client becomes a page as well. */
function pageMaker({ status, sinks, ringView, now = Date.now }: PagesOptions) {
  const { name } = status();
  const watch = new TroubleWatch({ status, sinks, ringView });
  const frame = { program: "server", where: name };
  return (about: About, show: (c: Context, nowMs: number) => Shown | Promise<Shown>): RouteHandler => async (c) => {
    const nowMs = now();
    const own = { ...frame, menu: menuOf(watch.seen(nowMs)), nowMs, ...about };
    try {
      return await renderPage({ ...own, ...await show(c, nowMs) });
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      return await renderPage({ ...own, json: undefined, body: fault(error), status: error.status });
    }
  };
}

function fault({ message }: HttpError): Child {
  return (
    <div class="note bad">
      {message}. <a href="/">Show all sources</a>.
    </div>
  );
}
