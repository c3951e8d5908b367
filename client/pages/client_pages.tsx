/**
 * The pages of a client, for people. Loaded when somebody asks for one, so that a client nobody looks at is no heavier.
 *
 * @module
 */

import type { RouteHandler } from "../../common/http/app.ts";
import { FlagTables } from "../../common/pages/flag_tables.tsx";
import { type MenuItem, PAGE_ASSETS, renderPage } from "../../common/pages/page.tsx";
import type { ClientView } from "./client_view.ts";
import { ForwardingPage } from "./forwarding_page.tsx";

const MENU: readonly MenuItem[] = [{ href: "/", name: "Forwarding" }, { href: "/settings", name: "Flags" }];

/** Writes the page at a path, from what the client says of itself. */
export async function clientPage(
  path: string,
  { view, nowMs }: { view: ClientView; nowMs: number },
): Promise<Response> {
  const frame = { program: "client", where: view.from, menu: MENU, at: path, nowMs };
  return path === "/settings"
    ? await renderPage({ ...frame, title: "Flags", body: <FlagTables flags={view.flags} /> })
    : await renderPage({ ...frame, title: "Forwarding", body: <ForwardingPage {...view} nowMs={nowMs} /> });
}

/** Answers with the style, the script or the picture that pages need. */
export function pageAsset(c: Parameters<RouteHandler>[0]): Response | Promise<Response> {
  return PAGE_ASSETS[c.req.path]?.get?.(c) ?? c.notFound();
}
