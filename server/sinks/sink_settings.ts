/**
 * From the flags of forwarding to sinks.
 *
 * @module
 */

import type { Logger } from "../../common/log.ts";
import { flagOf, UsageError } from "../../common/options.ts";
import type { ProxyRule } from "../../common/outgoing/proxy_rule.ts";
import type { SinkPlace } from "./sinks.ts";
import { type SinkCertificate, SinkConnection, type SinkFiles } from "./sink_connection.ts";
import { tenantOf } from "./tenants.ts";

/** The flags, as they are given. */
export interface SinkFlags {
  /** Where to. */
  readonly forwardUrl: readonly URL[];
  /** The header of the tenant. */
  readonly forwardTenantHeader: string;
  /** The tenant, in which `{id}` stands for the cluster. */
  readonly forwardTenant: string | undefined;
  /** Files: see {@linkcode SinkFiles}. */
  readonly forwardCaFile: string | undefined;
  /** The certificate. */
  readonly forwardCertFile: string | undefined;
  /** Its key. */
  readonly forwardKeyFile: string | undefined;
  /** The bearer token. */
  readonly forwardTokenFile: string | undefined;
  /** The password. */
  readonly forwardPasswordFile: string | undefined;
  /** Where tokens are issued. */
  readonly forwardOauthUrl: URL | undefined;
  /** As whom they are asked for. */
  readonly forwardOauthClientId: string | undefined;
  /** The secret of that client. */
  readonly forwardOauthSecretFile: string | undefined;
  /** What they are asked for. */
  readonly forwardOauthScope: string | undefined;
}

/** Where sinks are, and what they are reached by, which must be disposed of. */
export interface SinkSettings extends Disposable {
  /** The sinks. */
  readonly places: readonly SinkPlace[];
  /** The certificates that they are reached with. */
  readonly certificates: readonly SinkCertificate[];
}

/**
 * Reads the flags and their files; undefined if nothing is forwarded.
 *
 * @throws {UsageError} on the first thing that the user must mend.
 */
export async function openSinks(
  values: SinkFlags,
  { proxyFor, log }: { proxyFor: ProxyRule; log: Logger },
): Promise<SinkSettings | undefined> {
  const { forwardUrl: urls, forwardTenant: tenant, forwardTenantHeader: tenantHeader } = values;
  if (urls.length === 0) {
    mustBeUnused(values);
    return undefined;
  }
  checkAccess(values);
  const names = urls.map(({ origin, pathname }) => `${origin}${pathname}`);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw new UsageError(`Cannot use --forward-url ${twice} twice`);
  const { forwardOauthUrl: url, forwardOauthClientId: clientId, forwardOauthScope: scope } = values;
  const files: SinkFiles = {
    ca: values.forwardCaFile,
    cert: values.forwardCertFile,
    key: values.forwardKeyFile,
    token: values.forwardTokenFile,
    password: values.forwardPasswordFile,
    oauthSecret: values.forwardOauthSecretFile,
  };
  const oauth = url === undefined || clientId === undefined ? undefined : { url, clientId, scope };
  const connection = await SinkConnection.open({ files, oauth, tenantHeader, proxyFor, log });
  const places = urls.map((url, i): SinkPlace => {
    return { name: names[i], send: connection.to(url), ...tenant === undefined ? {} : { tenantOf: tenantOf(tenant) } };
  });
  return { places, certificates: connection.certificates, [Symbol.dispose]: () => connection[Symbol.dispose]() };
}

/** Refuses flags that would do nothing. */
function mustBeUnused(values: SinkFlags) {
  for (const [option, value] of Object.entries(values)) {
    // The header has a default.
    if (!option.startsWith("forward") || /^forward(Url|TenantHeader)$/.test(option) || value === undefined) continue;
    throw new UsageError(`Cannot use ${flagOf(option)} without --forward-url, which says where to forward`);
  }
}

function checkAccess(values: SinkFlags) {
  const { forwardUrl: urls, forwardCertFile: cert, forwardKeyFile: key, forwardTokenFile: token } = values;
  if ((cert === undefined) !== (key === undefined)) {
    throw new UsageError("Cannot use one of --forward-cert-file and --forward-key-file without the other: give both");
  }
  const oauth = [values.forwardOauthUrl, values.forwardOauthClientId, values.forwardOauthSecretFile];
  const given = oauth.filter((value) => value !== undefined).length;
  if (given > 0 && given < oauth.length || given === 0 && values.forwardOauthScope !== undefined) {
    throw new UsageError(
      "Cannot get OAuth tokens for sinks without all of --forward-oauth-url, --forward-oauth-client-id and --forward-oauth-secret-file",
    );
  }
  if (given > 0 && token !== undefined) {
    throw new UsageError("Cannot use --forward-token-file beside --forward-oauth-url: one of them says who we are");
  }
  const hasUser = urls.some(({ username }) => username !== "");
  if (hasUser && (given > 0 || token !== undefined)) {
    throw new UsageError("Cannot use a user name in --forward-url beside a token: one of them says who we are");
  }
  if (values.forwardPasswordFile !== undefined && !hasUser) {
    throw new UsageError(
      "Cannot use --forward-password-file without a user name in --forward-url: write https://USER@HOST there",
    );
  }
  if (!/^[A-Za-z0-9-]{1,100}$/.test(values.forwardTenantHeader)) {
    throw new UsageError(
      `Bad --forward-tenant-header: Cannot use '${values.forwardTenantHeader}' as the name of a header: write 1 to 100 letters, digits and dashes`,
    );
  }
}
