/**
 * The pages of a server, for people.
 *
 * @module
 */

import type { Child } from "@hono/hono/jsx";
import type { Route, RouteHandler } from "../../common/http/app.ts";
import { HttpError } from "../../common/http/http.ts";
import { type MenuItem, PAGE_ASSETS, renderPage } from "../../common/pages/page.tsx";
import type { ApiOptions } from "../api/api_routes.ts";
import { readSourceQuery } from "../api/source_query.ts";
import { RingPage } from "./ring_page.tsx";
import { CertificatesPage, SettingsPage } from "./settings_page.tsx";
import { SourcePage } from "./source_page.tsx";
import { SourcesPage } from "./sources_page.tsx";

/** What the pages show. */
export interface PagesOptions extends ApiOptions {
  /** The label that holds the cluster id. */
  readonly partitionLabel: string;
  /** Milliseconds since the epoch. @default {Date.now} */
  readonly now?: () => number;
}

const MENU: readonly MenuItem[] = [
  { href: "/", name: "Sources" },
  { href: "/ring", name: "Ring" },
  { href: "/settings", name: "Limits and flags" },
  { href: "/certificates", name: "Certificates" },
];

/** The page at the root. */
export function homePage(options: PagesOptions): RouteHandler {
  const page = pageMaker(options);
  return page({ title: "Sources", at: "/" }, async (c, nowMs) => {
    const query = readSourceQuery(new URL(c.req.raw.url).searchParams);
    return <SourcesPage query={query} list={await options.sources.list(query)} nowMs={nowMs} />;
  });
}

/** The routes of the other pages, by path. */
export function pageRoutes(options: PagesOptions): Readonly<Record<string, Route>> {
  const { sources, ringView, status, partitionLabel } = options;
  const page = pageMaker(options);
  return {
    "/sources/:id": {
      name: "page_source",
      get: (c) => {
        const id = c.req.param("id") ?? "";
        return page({ title: id, at: "/" }, async (_, nowMs) => {
          const source = await sources.details(id);
          if (source === undefined) {
            throw new HttpError(404, "Nothing is known of a source of this id", { reason: "source" });
          }
          return <SourcePage source={source} partitionLabel={partitionLabel} nowMs={nowMs} />;
        })(c);
      },
    },
    "/ring": {
      name: "page_ring",
      get: page(
        { title: "Ring", at: "/ring" },
        async (_, nowMs) => <RingPage ring={await ringView?.()} nowMs={nowMs} />,
      ),
    },
    "/settings": {
      name: "page_settings",
      get: page(
        { title: "Limits and flags", at: "/settings" },
        (_, nowMs) => <SettingsPage status={status()} nowMs={nowMs} />,
      ),
    },
    "/certificates": {
      name: "page_certificates",
      get: page(
        { title: "Certificates", at: "/certificates" },
        (_, nowMs) => <CertificatesPage status={status()} nowMs={nowMs} />,
      ),
    },
    ...PAGE_ASSETS,
  };
}

type Context = Parameters<RouteHandler>[0];

/** Makes handlers of pages; what one throws for the client becomes a page as well. */
function pageMaker({ status, now = Date.now }: PagesOptions) {
  const { name } = status();
  const frame = { program: "server", where: name, menu: MENU };
  return (
    about: { readonly title: string; readonly at: string },
    show: (c: Context, nowMs: number) => Child | Promise<Child>,
  ): RouteHandler =>
  async (c) => {
    try {
      return await renderPage({ ...frame, ...about, body: await show(c, now()) });
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      const body = (
        <div class="note bad">
          {error.message}. <a href="/">Show all sources</a>.
        </div>
      );
      return await renderPage({ ...frame, ...about, body, status: error.status });
    }
  };
}
