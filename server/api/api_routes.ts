/**
 * The HTTP API: JSON in the envelope of Prometheus's own.
 *
 * @module
 */

import { acting, type ActingOptions } from "../../common/http/acting.ts";
import type { Route, RouteHandler } from "../../common/http/app.ts";
import { HttpError } from "../../common/http/http.ts";
import type { SourceActions } from "./actions.ts";
import { type SinkReport, worstFirst } from "../sinks/sink.ts";
import type { RingView } from "./ring_view.ts";
import { readSourceQuery } from "./source_query.ts";
import type { Sources } from "./sources.ts";
import type { CertificateStatus, ServerStatus } from "./status.ts";
import { toldByMembers, type WhatIsTold } from "./told_by_members.ts";

/** What the API tells of. */
export interface ApiOptions {
  /** Answers what is asked about sources. */
  readonly sources: Sources;
  /** The ring; undefined if the server stands alone. */
  readonly ringView?: () => Promise<RingView>;
  /** The sinks; undefined if nothing is forwarded. */
  readonly sinks?: () => readonly SinkReport[];
  /** What the server says of itself. */
  readonly status: () => ServerStatus;
  /** What may be done to sources; undefined unless `--web.enable-admin-api` is given. */
  readonly actions?: SourceActions;
  /** Where the listener was told to listen. */
  readonly listen: ActingOptions["listen"];
}

/** The routes of the API, by path. */
export function apiRoutes(
  { sources, ringView, sinks = () => [], status, actions, listen }: ApiOptions,
): Readonly<Record<string, Route>> {
  return {
    "/api/v1/sources": {
      name: "api_sources",
      get: answering((c) => sources.list(readSourceQuery(new URL(c.req.raw.url).searchParams))),
    },
    "/api/v1/sources/:id": {
      name: "api_source",
      get: answering(async (c) => {
        const details = await sources.details(c.req.param("id") ?? "");
        if (details !== undefined) return details;
        throw new HttpError(404, "Nothing is known of a source of this id", { reason: "source" });
      }),
    },
    "/api/v1/strangers": { name: "api_strangers", get: answering(() => sources.strangers()) },
    "/api/v1/ring": {
      name: "api_ring",
      get: answering(() => {
        if (ringView !== undefined) return ringView();
        throw new HttpError(404, "This server is in no ring: --listen-cluster makes it a member of one", {
          reason: "ring",
        });
      }),
    },
    "/api/v1/sinks": {
      name: "api_sinks",
      get: answering(async () => {
        const { found, ...rest } = toldByMembers(sinks(), { ring: await ringView?.(), of: ({ sinks }) => sinks });
        return { sinks: worstFirst(found), ...rest };
      }),
    },
    "/api/v1/certificates": {
      name: "api_certificates",
      get: answering(async () => {
        const of: WhatIsTold<CertificateStatus>["of"] = ({ certificates }) => certificates;
        const { found, ...rest } = toldByMembers(status().certificates, { ring: await ringView?.(), of });
        return { certificates: found, ...rest };
      }),
    },
    "/api/v1/status": { name: "api_status", get: answering(() => Promise.resolve(status())) },
    ...actions && actionRoutes(actions, { listen }),
  };
}

function actionRoutes(actions: SourceActions, options: ActingOptions): Readonly<Record<string, Route>> {
  const post = (act: (id: string, asked: { by: string }) => Promise<unknown>) =>
    answering(async (c) => await act(c.req.param("id") ?? "", { by: c.env.address }) ?? {});
  return {
    "/api/v1/sources/:id/revoke": {
      name: "api_revoke",
      post: acting(post((id, asked) => actions.revoke(id, asked)), options),
    },
    "/api/v1/sources/:id/forget": {
      name: "api_forget",
      post: acting(post(async (id, asked) => ({ members: await actions.forget(id, asked) })), options),
    },
  };
}

/** What Prometheus calls errors, by status. */
const ERROR_TYPES: Readonly<Record<number, string>> = { 404: "not_found", 409: "execution" };

/** A handler that answers with what `ask` resolves to. */
function answering(ask: (c: Parameters<RouteHandler>[0]) => Promise<unknown>): RouteHandler {
  return async (c) => {
    try {
      return Response.json({ status: "success", data: await ask(c) });
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      const errorType = ERROR_TYPES[error.status] ?? "bad_data";
      return Response.json({ status: "error", errorType, error: error.message }, { status: error.status });
    }
  };
}
