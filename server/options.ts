/**
 * The server's command line.
 *
 * @module
 */

import {
  address,
  count,
  directory,
  duration,
  file,
  flag,
  lastingFrom,
  list,
  most,
  mostBytes,
  names,
  pairs,
  text,
  url,
  wholeNumber,
} from "../common/option_kinds.ts";
import { CONFIG_OPTIONS, LOG_OPTIONS, type OptionTable, type OptionValues, type Program } from "../common/options.ts";
import { REQUIRE_TLS } from "../common/plain_transport.ts";
import { certificateRule } from "./authorization/certificate_rule.ts";
import { networks } from "../common/http/networks.ts";
import { tenantPattern } from "./sinks/tenants.ts";
import { selector } from "../common/exposition/selector.ts";

/** Clients of openshift/telemeter take a token that is good for less to be good for ever. */
const LEAST_TOKEN_SECONDS = 60;

/** A push that is shorter holds nothing. */
const LEAST_PUSH_BYTES = 1_024;

/** A server that has taken nothing in yet has some 100 MB. */
const LEAST_MEMORY_BYTES = 128 * 1_048_576;

/** The option table; defaults are those of openshift/telemeter where it has the option. */
export const SERVER_OPTIONS = {
  listen: {
    kind: address,
    default: "0.0.0.0:9003",
    help: "Address where clients authorize and push",
    since: "0.1.0",
    why: "Bind one address of a host that has several, or another port",
  },
  listenInternal: {
    kind: address,
    default: "localhost:9004",
    help: "Address of /federate, /metrics and the status pages",
    since: "0.1.0",
    why: "Set it when the central Prometheus is on another host; bind an address that only your network reaches",
  },
  tlsCrt: {
    kind: file,
    secret: "key file",
    help: "Certificate chain (PEM) of the external listener; read again when it changes",
    since: "0.1.0",
    why: "Set it wherever clients come over a network that you do not trust and no proxy ends TLS before the server",
  },
  tlsKey: {
    kind: file,
    secret: "file",
    help: "Private key (PEM) of the external listener",
    since: "0.1.0",
    why: "Goes with --tls-crt",
  },
  clientCa: {
    kind: file,
    secret: "key file",
    help: "Authorities (PEM) whose certificates let clients push without a token; read again when it changes",
    since: "0.1.0",
    why:
      "Set it where your clusters have certificates already; needs --tls-crt, and --client-certificate-id if not cn:{id}",
  },
  clientCertificateId: {
    kind: certificateRule,
    default: "cn:{id}",
    help: "Where such a certificate names the cluster: cn:, dns: or uri:, and the name with {id} in it",
    since: "0.1.0",
    why: "Set it to the names that your authority writes, such as uri:spiffe://example/cluster/{id}",
  },
  internalTlsCrt: {
    kind: file,
    secret: "key file",
    help: "Certificate chain (PEM) of the internal listener; read again when it changes",
    since: "0.1.0",
    why: "Set it where the way from the central Prometheus crosses a network that others can read",
  },
  internalTlsKey: {
    kind: file,
    secret: "file",
    help: "Private key (PEM) of the internal listener",
    since: "0.1.0",
    why: "Goes with --internal-tls-crt",
  },
  requireTls: REQUIRE_TLS,

  trustedProxy: {
    kind: networks,
    help: "Balancers that are believed who their clients are: by the PROXY protocol, Forwarded or X-Forwarded-For",
    since: "0.1.0",
    why: "Set it behind a balancer, so that limits per address hold for its clients and not for all of them together",
  },

  listenCluster: {
    kind: address,
    help: "Address where other servers of the ring connect; without it, the server stands alone",
    since: "0.1.0",
    why: "Set it to run several servers: to survive the loss of one, or to use more than one core",
  },
  advertiseCluster: {
    kind: address,
    help: "Address where they reach this server; by default --listen-cluster, unless that is a wildcard",
    since: "0.1.0",
    why: "Set it when --listen-cluster is a wildcard, or when others reach this server under another address",
  },
  join: {
    kind: list(address),
    help: "Address of a server of the ring, tried until it is reached; repeatable",
    since: "0.1.0",
    why:
      "Set it to the other servers; the list may be the same on all of them. New servers form a ring once most of those " +
      "listed are there; where a ring runs, one that answers is enough",
  },
  bootstrap: {
    kind: flag,
    help:
      "Start a ring of one, though --join lists others of whom too few are there, if this server was never in a ring",
    since: "0.1.0",
    why: "Set it once, on the first server of a new ring that is to serve before the others are there",
  },
  witness: {
    kind: flag,
    help: "Only vote in the ring, and forward pushes: own no cluster, keep no copy, and show an empty page",
    since: "0.1.0",
    why: "Set it on a small third machine, so that of two servers one goes on when the other is lost, and never both",
  },
  copies: {
    kind: wholeNumber({ least: 1 }),
    default: "2",
    help: "Servers of the ring that must have a push on disk before its client is answered, if there are so many",
    since: "0.1.0",
    why: "Set it to 1 where pushes may get lost with the disk of one server; each further one costs a write and a way",
  },
  name: {
    kind: text,
    help: "Name of this server in the ring, which its certificate must have; by default the first one there",
    since: "0.1.0",
    why: "Set it when the certificate has several names and the first one is not this server's",
  },
  clusterName: {
    kind: text,
    default: "telemeter",
    help: "Name of the ring; servers of another ring are refused",
    since: "0.1.0",
    why: "Change it to keep two rings apart whose certificates one authority signs",
  },
  clusterCa: {
    kind: file,
    secret: "key file",
    help: "Authorities (PEM) that sign the servers' certificates; read again when it changes",
    since: "0.1.0",
    why: "Required with --listen-cluster; name two authorities in it while you move from one to the other",
  },
  clusterCrt: {
    kind: file,
    secret: "key file",
    help: "Certificate chain (PEM) that other servers are shown; read again when it changes",
    since: "0.1.0",
    why: "Required with --listen-cluster",
  },
  clusterKey: {
    kind: file,
    secret: "file",
    help: "Private key (PEM) of that certificate",
    since: "0.1.0",
    why: "Required with --listen-cluster",
  },
  peerAllow: {
    kind: names,
    emptyWould: "let in every server whose certificate the authority signs",
    help: "Name of a server that may join the ring; repeatable; without one, all may",
    since: "0.1.0",
    why: "Set it when the authority also signs certificates of machines that are no servers of this ring",
  },

  sharedKey: {
    kind: file,
    secret: "file",
    help: "Private key (PEM) that signs tokens; without one, tokens are valid until the process ends",
    since: "0.1.0",
    why: "Set it always, except in a trial: tokens then outlive a restart, and a ring needs it",
  },
  verifyKey: {
    kind: list(file),
    secret: "key file",
    help: "Another key (PEM) whose tokens are accepted, for rotation; repeatable",
    since: "0.1.0",
    why: "Set it while you rotate --shared-key, to the key that is not the signing one",
  },
  tokenExpireSeconds: {
    kind: wholeNumber({ least: LEAST_TOKEN_SECONDS }),
    secret: "none",
    default: "86400",
    help: "How long a token is valid, in seconds",
    since: "0.1.0",
    why: "Lower it to make a stolen token worthless sooner; clients exchange theirs more often then",
  },
  revokedFile: {
    kind: file,
    secret: "none",
    emptyWould: "let in every cluster that is revoked",
    help: "File of cluster ids that are refused, one a line; read again when it changes",
    since: "0.1.0",
    why: "Set it to be able to shut out a cluster at once, without a restart",
  },
  "web.enableAdminApi": {
    kind: flag,
    help: "Let whoever reaches --listen-internal revoke sources, by a line in --revoked-file, and forget silent ones",
    since: "0.1.0",
    why: "Set it where that listener is reached by operators only; it keeps the permission to write files",
  },
  revokedShown: {
    kind: flag,
    help: "Go on showing what revoked clusters pushed before, until it is --ttl old",
    since: "0.1.0",
    why: "Set it where a revoked cluster is not suspected of anything, such as one that has been shut down",
  },
  authorize: {
    kind: url,
    secretFile: "authorizePasswordFile",
    emptyWould: "let anybody push as any cluster",
    emptyBeside: "tokensFile",
    help: "Upstream that authorizes clusters; without it and --tokens-file, any token is accepted",
    since: "0.1.0",
    why: "Set it, or --tokens-file, where strangers reach --listen: else anybody may push as any cluster",
  },
  tokensFile: {
    kind: file,
    secret: "none",
    emptyWould: "let anybody push as any cluster",
    emptyBeside: "authorize",
    help: "File of clusters and hashes of their initial tokens, in place of --authorize; read again when it changes",
    since: "0.1.0",
    why: "Set it where you have no authorizer: `deno task token ID` makes a token and its line",
  },
  authorizeIssuerUrl: {
    kind: url,
    secretFile: "authorizePasswordFile",
    help: "OIDC issuer of the server's own access to the upstream (password grant)",
    since: "0.1.0",
    why: "Set it when the upstream asks the server itself to log in",
  },
  authorizeUsername: {
    kind: text,
    help: "OIDC user name",
    since: "0.1.0",
    why: "Goes with --authorize-issuer-url",
  },
  authorizePassword: {
    kind: text,
    secret: "value",
    help: "OIDC password; prefer --authorize-password-file",
    since: "0.1.0",
    why: "For a trial only: other users of the machine see it in the list of processes",
  },
  authorizePasswordFile: {
    kind: file,
    secret: "file",
    help: "File of the OIDC password, or of the password of a user name in the URL of --authorize",
    since: "0.1.0",
    why: "Goes with --authorize-issuer-url, or with --authorize https://USER@HOST",
  },
  authorizeClientId: {
    kind: text,
    help: "OIDC client id",
    since: "0.1.0",
    why: "Goes with --authorize-issuer-url",
  },

  partitionLabel: {
    kind: text,
    default: "_id",
    help: "Label that holds the id of the source cluster",
    since: "0.1.0",
    why: "Change it when series of your clusters already use that label for something else",
  },
  requiredLabel: {
    kind: pairs("NAME=VALUE"),
    help: "Label that every token carries and every series must have; repeatable",
    since: "0.1.0",
    why:
      "Set it to mark everything that comes through this server; clients get it with their token and send it by themselves",
  },
  label: {
    kind: pairs("NAME=VALUE"),
    help: "Label to set on every series, whatever value it has; repeatable",
    since: "0.1.0",
    why: "Set it to mark everything that is shown, whatever clients say",
  },
  whitelist: {
    kind: list(selector),
    emptyWould: "keep every series",
    help: "Selector of series to keep; repeatable; without one, all are kept",
    reloads: true,
    since: "0.1.0",
    why: "Set it to keep only what you have agreed to take; what does not match is dropped, not refused",
  },
  whitelistFile: {
    kind: file,
    secret: "none",
    emptyWould: "keep every series",
    help: "File of selectors to keep, one a line",
    reloads: true,
    since: "0.1.0",
    why: "The same, for a list that is too long for a command line",
  },
  elideLabel: {
    kind: names,
    help: "Label to remove from every series; repeatable",
    reloads: true,
    since: "0.1.0",
    why: "Set it to drop labels that nobody asks for, or that must not be kept",
  },

  ratelimit: {
    kind: duration,
    default: "4m30s",
    help: "Shortest time between two accepted pushes of a cluster; 0 for no limit",
    reloads: true,
    since: "0.1.0",
    why: "Lower it when clients push more often than every 4m30s; no client gets through faster than this",
  },
  ttl: {
    kind: lastingFrom("1s"),
    default: "10m",
    help: "How long a sample is shown",
    since: "0.1.0",
    why: "Raise it when clients push less often: it should outlast two of their intervals, or series come and go",
  },
  directoryRetention: {
    kind: lastingFrom("1m"),
    default: "168h",
    help: "How long a source that is silent stays in the directory",
    since: "0.1.0",
    why: "Lower it where clusters are made and thrown away by the day; raise it where they are away for longer",
  },
  sourceMetrics: {
    kind: flag,
    default: "true",
    help: "Show on /federate how each source fares, as telemeter_source_up and others",
    since: "0.1.0",
    why: "Set it to false where the central Prometheus has no room for ten series a cluster",
  },
  limitBytes: {
    kind: mostBytes({ least: LEAST_PUSH_BYTES }),
    default: "512000",
    help: "Largest body of a push, as sent",
    since: "0.1.0",
    why: "Raise it for clusters whose pushes get 413; memory for bodies under way is this times --limit-in-flight",
  },
  limitDecompressedBytes: {
    kind: mostBytes({ least: LEAST_PUSH_BYTES }),
    default: "8388608",
    help: "Largest body of a push, uncompressed",
    reloads: true,
    since: "0.1.0",
    why: "Raise it with --limit-bytes, for clusters whose pushes get 413 once they are unpacked",
  },
  limitTextBytes: {
    kind: mostBytes({ least: LEAST_PUSH_BYTES }),
    default: "2097152",
    help: "Largest body of a push in the text format, uncompressed: it takes ten times as long to read",
    reloads: true,
    since: "0.1.0",
    why: "Raise it for clients that push large pages of text; better let them push protobuf",
  },
  limitFamilies: {
    kind: most,
    default: "5000",
    help: "Most families in a push",
    reloads: true,
    since: "0.1.0",
    why: "Raise it for a client that sends more kinds of metrics",
  },
  limitSeries: {
    kind: most,
    default: "50000",
    help: "Most series in a push, and of a cluster that sends by remote write",
    reloads: true,
    since: "0.1.0",
    why: "Raise it for a client that sends more series; lower it to protect the server from one that grows",
  },
  limitSamplesPerSecond: {
    kind: count,
    default: "0",
    help: "Most samples a second that a cluster may send by remote write, and a minute's worth at once; 0 for no limit",
    reloads: true,
    since: "0.1.0",
    why: "Set it where some clusters send more than their share: they get 503 and send later what they could not",
  },
  limitTotalSeries: {
    kind: count,
    default: "5000000",
    help: "Most series of all clusters, at 1 KiB each (usual ones take a third of it); 0 for no limit",
    reloads: true,
    since: "0.1.0",
    why: "Fit it to the memory of the machine",
  },
  limitClusters: {
    kind: count,
    default: "50000",
    help: "Most clusters, at 3 KiB each besides their series; 0 for no limit",
    reloads: true,
    since: "0.1.0",
    why: "Fit it to the memory of the machine, and to the clusters that you expect",
  },
  limitMemory: {
    kind: mostBytes({ least: LEAST_MEMORY_BYTES, or: 0 }),
    help:
      "Memory of the process from which on new clusters are refused, by default 75 % of what its control group or the " +
      "machine has; 0 for no limit",
    since: "0.1.0",
    why:
      "Set it where others need the memory too, or where a limit stands that the process cannot see, such as that of a " +
      "group of services",
  },
  limitLabels: {
    kind: most,
    default: "64",
    help: "Most labels on a series",
    since: "0.1.0",
    why: "Raise it for series with more labels",
  },
  honorTimestamps: {
    kind: flag,
    default: "true",
    help: "Count a sample's age from its timestamp; =false counts it from its arrival, as openshift/telemeter does",
    since: "0.1.0",
    why:
      "Set it to false for fleets whose clocks are wrong: what they push is then shown for --ttl, however old it says it is",
  },
  limitFuture: {
    kind: duration,
    default: "10m",
    help: "How far a timestamp may be ahead of the server's clock; 0 for not at all",
    since: "0.1.0",
    why: "Raise it when clocks of clusters run ahead and cannot be mended",
  },
  limitInFlight: {
    kind: most,
    default: "256",
    help: "Most pushes in progress at a time; clients of further ones are told to try again",
    since: "0.1.0",
    why: "Lower it on a machine with little memory; raise it when good clients get 503 while the CPU idles",
  },
  limitConnections: {
    kind: most,
    default: "10000",
    help: "Most connections to the external listener; beyond it, who idles the longest gives way",
    since: "0.1.0",
    why: "Raise it, and the limit of open files, for more clients that keep connections open",
  },
  limitConnectionsPerAddress: {
    kind: most,
    help: "Most connections from one address (IPv6: one /64); by default a tenth of --limit-connections, 16 at least",
    since: "0.1.0",
    why: "Raise it to --limit-connections behind NAT, or a balancer that --trusted-proxy does not name",
  },
  limitConnectionsPerNetwork: {
    kind: most,
    help:
      "Most connections from one network (IPv4: one /24, IPv6: one /48); by default a quarter of --limit-connections, " +
      "--limit-connections-per-address at least",
    since: "0.1.0",
    why: "Raise it where most clients are in one network, such as your own",
  },

  forwardUrl: {
    kind: list(url),
    secretFile: "forwardPasswordFile",
    help: "Where to forward what is shown, by remote write; repeatable",
    since: "0.1.0",
    why:
      "Set it where history is kept by Thanos Receive, Mimir, VictoriaMetrics or a Prometheus that takes remote write; set " +
      "the same on all servers of a ring",
  },
  forwardTenantHeader: {
    kind: text,
    secret: "none",
    default: "X-Scope-OrgID",
    help: "Header that tells sinks the tenant",
    since: "0.1.0",
    why: "Set it to THANOS-TENANT for Thanos Receive",
  },
  forwardTenant: {
    kind: tenantPattern,
    help: "Tenant of what is forwarded; {id} in it stands for the cluster's id. Without it, the header is not sent",
    since: "0.1.0",
    why: "Set it where the sink has tenants; with {id} each cluster goes in requests of its own",
  },
  forwardCaFile: {
    kind: file,
    secret: "key file",
    help: "Authorities (PEM) to trust with sinks beside the system's; read again when it changes",
    since: "0.1.0",
    why: "Set it where an authority of your own signs the certificates of sinks",
  },
  forwardCertFile: {
    kind: file,
    secret: "key file",
    help: "Certificate chain (PEM) to show to sinks; read again when it changes",
    since: "0.1.0",
    why: "Set it where sinks tell by certificates who may write",
  },
  forwardKeyFile: {
    kind: file,
    secret: "file",
    help: "Private key (PEM) of that certificate",
    since: "0.1.0",
    why: "Goes with --forward-cert-file",
  },
  forwardTokenFile: {
    kind: file,
    secret: "file",
    help: "File of a bearer token for sinks; read again when it changes",
    since: "0.1.0",
    why: "Set it where sinks tell by a token who may write",
  },
  forwardPasswordFile: {
    kind: file,
    secret: "file",
    help: "File of the password of a user name in the URL of --forward-url; read again when it changes",
    since: "0.1.0",
    why: "Goes with --forward-url https://USER@HOST",
  },
  forwardOauthUrl: {
    kind: url,
    secretFile: "forwardOauthSecretFile",
    help: "Where to get OAuth tokens for sinks, by client credentials",
    since: "0.1.0",
    why: "Set it where sinks take tokens of an OAuth issuer",
  },
  forwardOauthClientId: {
    kind: text,
    secret: "none",
    help: "OAuth client id for sinks",
    since: "0.1.0",
    why: "Goes with --forward-oauth-url",
  },
  forwardOauthSecretFile: {
    kind: file,
    secret: "file",
    help: "File of the secret of that client; read again when it changes",
    since: "0.1.0",
    why: "Goes with --forward-oauth-url",
  },
  forwardOauthScope: {
    kind: text,
    secret: "none",
    help: "Scopes to ask OAuth tokens for, with blanks between",
    since: "0.1.0",
    why: "Set it where the issuer asks for it",
  },

  storageDir: {
    kind: directory,
    default: "data/",
    help: "Directory where pushes are stored",
    since: "0.1.0",
    why: "Set it to a folder that outlives the process and is on a local disk",
  },
  storageUrl: {
    kind: url,
    secret: "none",
    help: "KV Connect URL of a remote store, in place of --storage-dir",
    since: "0.1.0",
    why: "Set it where the machine has no disk that stays",
  },
  ...CONFIG_OPTIONS,
  ...LOG_OPTIONS,
} as const satisfies OptionTable;

/** What the command line says. */
export type ServerOptions = OptionValues<typeof SERVER_OPTIONS>;

/** The program as `--help` and `docs/configuration.md` show it. */
export const SERVER_PROGRAM: Program<typeof SERVER_OPTIONS> = {
  name: "telemeter-server",
  summary: "Receives the series that clients push, keeps them by cluster, and shows them on /federate.",
  completes: true,
  lastStands: true,
  options: SERVER_OPTIONS,
};
