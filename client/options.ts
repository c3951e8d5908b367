/**
 * The client's command line.
 *
 * @module
 */

import { address, file, flag, lasting, list, mostBytes, names, pairs, text, url } from "../common/option_kinds.ts";
import { CONFIG_OPTIONS, LOG_OPTIONS, type OptionTable, type OptionValues, type Program } from "../common/options.ts";
import { REQUIRE_TLS } from "../common/plain_transport.ts";
import { proxyServer } from "../common/outgoing/proxy_server.ts";

/** The client's options. */
export const CLIENT_OPTIONS = {
  listen: {
    kind: address,
    default: "localhost:9002",
    empty: "none",
    help: "Where the client shows its metrics, health and last push; --listen= for nowhere",
    since: "0.1.0",
    why: "Bind an address that your Prometheus reaches, to scrape the client itself",
  },
  from: {
    kind: url,
    secretFile: "fromPasswordFile",
    required: true,
    help: "The Prometheus to read; an empty path stands for /federate",
    reloads: true,
    since: "0.1.0",
    why: "Names the Prometheus beside the client",
  },
  fromPasswordFile: {
    kind: file,
    secret: "file",
    help: "A file with the password of the user name in the URL of --from",
    reloads: true,
    since: "0.1.0",
    why: "Set it when that Prometheus asks for a user name and a password: --from https://USER@HOST",
  },
  fromToken: {
    kind: text,
    secret: "value",
    help: "The bearer token for --from; better in --from-token-file",
    reloads: true,
    since: "0.1.0",
    why: "For a trial only: other users of the machine see it in the list of processes",
  },
  fromTokenFile: {
    kind: file,
    secret: "file",
    help: "A file with the bearer token for --from, read again when it changes",
    reloads: true,
    since: "0.1.0",
    why: "Set it when that Prometheus asks for a token",
  },
  fromCaFile: {
    kind: file,
    secret: "key file",
    help: "Certificate authorities to trust for --from beside the system's and Mozilla's, PEM",
    reloads: true,
    since: "0.1.0",
    why: "Set it when that Prometheus has a certificate of your own authority",
  },
  fromProxy: {
    kind: proxyServer,
    secretFile: "fromProxyPasswordFile",
    help: "The proxy on the way to --from; without it, the way is direct, whatever the environment says",
    reloads: true,
    since: "0.1.0",
    why: "Set it when that Prometheus is reached through a proxy only",
  },
  fromProxyPasswordFile: {
    kind: file,
    secret: "file",
    help: "A file with the password of the user name in the URL of --from-proxy",
    reloads: true,
    since: "0.1.0",
    why: "Set it when the proxy asks for a user name and a password: --from-proxy https://USER@HOST:PORT",
  },
  id: {
    kind: text,
    help: "The identifier under which the server files what this client sends",
    reloads: true,
    since: "0.1.0",
    why: "Required unless --to-auth already says who the client is; keep it for the life of the cluster",
  },
  to: {
    kind: url,
    secretFile: "toTokenFile",
    help: "The server to push to; its path and query stay, authorize and upload are joined to the path",
    reloads: true,
    since: "0.1.0",
    why: "Names the server; required unless --to-upload and --to-auth are given, or --dry-run",
  },
  toUpload: {
    kind: url,
    secretFile: "toTokenFile",
    help: "Where to push to, in place of what --to implies",
    reloads: true,
    since: "0.1.0",
    why: "Set it when a proxy puts the server's paths elsewhere",
  },
  toAuth: {
    kind: url,
    secretFile: "toTokenFile",
    help: "Where to exchange the token, in place of what --to implies; taken as it is, without --id",
    reloads: true,
    since: "0.1.0",
    why: "Set it when tokens come from somewhere else than the server",
  },
  remoteWrite: {
    kind: flag,
    help: "Send by remote write, 2.0 or 1.0, to api/v1/write of --to or to any receiver that --to-upload names",
    reloads: true,
    since: "0.1.0",
    why: "Set it where nothing but remote write passes, or where no Telemeter server is at the other end",
  },
  toToken: {
    kind: text,
    secret: "value",
    help: "The token to exchange at the server; better in --to-token-file",
    reloads: true,
    since: "0.1.0",
    why: "For a trial only: other users of the machine see it in the list of processes",
  },
  toTokenFile: {
    kind: file,
    secret: "file",
    help: "A file with the token to exchange, read again when it changes",
    reloads: true,
    since: "0.1.0",
    why: "Names the token that the server's authorizer knows",
  },
  toCaFile: {
    kind: file,
    secret: "key file",
    help: "Certificate authorities to trust for the server beside the system's and Mozilla's, PEM",
    reloads: true,
    since: "0.1.0",
    why: "Set it when the server has a certificate of your own authority",
  },
  toProxy: {
    kind: proxyServer,
    secretFile: "toProxyPasswordFile",
    help: "The proxy on the way to the server, in place of HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY",
    reloads: true,
    since: "0.1.0",
    why: "Set it when the server is reached through a proxy that the environment does not name",
  },
  toProxyPasswordFile: {
    kind: file,
    secret: "file",
    help: "A file with the password of the user name in the URL of --to-proxy",
    reloads: true,
    since: "0.1.0",
    why: "Set it when the proxy asks for a user name and a password: --to-proxy https://USER@HOST:PORT",
  },
  interval: {
    kind: lasting,
    default: "4m30s",
    help: "How long to wait after a push; no retry waits longer",
    reloads: true,
    since: "0.1.0",
    why: "Lower it for fresher series, if the server's --ratelimit allows that; raise it to save traffic",
  },
  timeout: {
    kind: lasting,
    default: "1m",
    help: "How long one request may take in all",
    reloads: true,
    since: "0.1.0",
    why: "Raise it on slow links; a request that takes longer counts as failed and is retried",
  },
  match: {
    // Checked by the settings, which load the grammar only if they must.
    kind: list({ ...text, placeholder: "SELECTOR" }),
    default: '{__name__="up"}',
    help: "A selector of series to read; repeatable; --match= clears the default",
    reloads: true,
    since: "0.1.0",
    why: "Names what leaves the cluster: everything else stays",
  },
  matchFile: {
    kind: file,
    secret: "none",
    help: "A file with further selectors, one a line; lines that start with # do not count",
    reloads: true,
    since: "0.1.0",
    why: "The same, for a list that is too long for a command line",
  },
  label: {
    kind: pairs("NAME=VALUE"),
    help: "A label to set on every sample; repeatable",
    reloads: true,
    since: "0.1.0",
    why: "Set it to name what the source does not, such as the region",
  },
  rename: {
    kind: pairs("OLD=NEW"),
    default: "ALERTS=alerts",
    help: "A metric to send under another name; repeatable; --rename= clears the default",
    reloads: true,
    since: "0.1.0",
    why: "Change it when the server side knows a metric by another name",
  },
  anonymizeLabels: {
    kind: names,
    help: "Labels whose values are sent as a salted hash; repeatable",
    reloads: true,
    since: "0.1.0",
    why: "Set it for labels that name people, hosts or customers",
  },
  anonymizeSalt: {
    kind: text,
    secret: "value",
    help: "The salt of those hashes, to be kept secret; better in --anonymize-salt-file",
    reloads: true,
    since: "0.1.0",
    why: "For a trial only: other users of the machine see it in the list of processes",
  },
  anonymizeSaltFile: {
    kind: file,
    secret: "file",
    help: "A file with the salt, read again when it changes",
    reloads: true,
    since: "0.1.0",
    why: "Required with --anonymize-labels, in place of --anonymize-salt; a new salt makes new series",
  },
  limitBytes: {
    kind: mostBytes,
    default: "204800",
    help: "The longest page taken from --from, uncompressed",
    reloads: true,
    since: "0.1.0",
    why:
      "Raise it when the log says that the page is too long, and the server's --limit-bytes and --limit-decompressed-bytes with it",
  },
  tlsCertFile: {
    kind: file,
    secret: "key file",
    help: "The client certificate to show to --from and the server if they ask for one, PEM",
    reloads: true,
    since: "0.1.0",
    why: "Set it when a proxy on the way asks for a client certificate",
  },
  tlsPrivateKeyFile: {
    kind: file,
    secret: "file",
    help: "The private key of --tls-cert-file, PEM",
    reloads: true,
    since: "0.1.0",
    why: "Goes with --tls-cert-file",
  },
  requireTls: REQUIRE_TLS,
  dryRun: {
    kind: flag,
    help: "Print what would leave this machine and what each rule did, send nothing, and exit",
    since: "0.1.0",
    why: "Look at what a rule does before it is in force",
  },
  ...CONFIG_OPTIONS,
  ...LOG_OPTIONS,
} as const satisfies OptionTable;

/** The values of the client's options. */
export type ClientValues = OptionValues<typeof CLIENT_OPTIONS>;

/** The client, as its `--help` shows it. */
export const CLIENT_PROGRAM: Program<typeof CLIENT_OPTIONS> = {
  name: "telemeter-client",
  summary: "Reads series from a Prometheus, cleans them, and pushes them to a Telemeter server.",
  completes: true,
  options: CLIENT_OPTIONS,
};
