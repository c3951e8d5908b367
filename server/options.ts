/**
 * The server's command line.
 *
 * @module
 */

import {
  address,
  bytes,
  count,
  directory,
  duration,
  file,
  list,
  LOG_OPTIONS,
  names,
  type OptionTable,
  type OptionValues,
  pairs,
  type Program,
  text,
  url,
} from "../common/options.ts";
import { selector } from "../common/exposition/selector.ts";

/** The option table; defaults are those of openshift/telemeter where it has the option. */
export const SERVER_OPTIONS = {
  listen: { kind: address, default: "0.0.0.0:9003", help: "Address where clients authorize and push" },
  listenInternal: {
    kind: address,
    default: "localhost:9004",
    help: "Address of /federate, /metrics and the status pages",
  },
  tlsCrt: { kind: file, help: "Certificate chain (PEM) of the external listener; read again when it changes" },
  tlsKey: { kind: file, help: "Private key (PEM) of the external listener" },
  internalTlsCrt: { kind: file, help: "Certificate chain (PEM) of the internal listener; read again when it changes" },
  internalTlsKey: { kind: file, help: "Private key (PEM) of the internal listener" },

  listenCluster: {
    kind: address,
    help: "Address where other servers of the ring connect; without it, the server stands alone",
  },
  advertiseCluster: {
    kind: address,
    help: "Address where they reach this server; by default --listen-cluster, unless that is a wildcard",
  },
  join: { kind: list(address), help: "Address of a server of the ring, tried until it is reached; repeatable" },
  name: {
    kind: text,
    help: "Name of this server in the ring, which its certificate must have; by default the first one there",
  },
  clusterName: { kind: text, default: "telemeter", help: "Name of the ring; servers of another ring are refused" },
  clusterCa: { kind: file, help: "Authorities (PEM) that sign the servers' certificates; read again when it changes" },
  clusterCrt: { kind: file, help: "Certificate chain (PEM) that other servers are shown; read again when it changes" },
  clusterKey: { kind: file, help: "Private key (PEM) of that certificate" },
  peerAllow: { kind: names, help: "Name of a server that may join the ring; repeatable; without one, all may" },

  sharedKey: {
    kind: file,
    help: "Private key (PEM) that signs tokens; without one, tokens are valid until the process ends",
  },
  verifyKey: { kind: list(file), help: "Another key (PEM) whose tokens are accepted, for rotation; repeatable" },
  tokenExpireSeconds: { kind: count, default: "86400", help: "How long a token is valid, in seconds" },
  revokedFile: { kind: file, help: "File of cluster ids that are refused, one a line; read again when it changes" },
  authorize: { kind: url, help: "Upstream that authorizes clusters; without one, any token is accepted" },
  authorizeIssuerUrl: { kind: url, help: "OIDC issuer of the server's own access to the upstream (password grant)" },
  authorizeUsername: { kind: text, help: "OIDC user name" },
  authorizePassword: { kind: text, help: "OIDC password; prefer --authorize-password-file" },
  authorizePasswordFile: { kind: file, help: "File of the OIDC password" },
  authorizeClientId: { kind: text, help: "OIDC client id" },

  partitionLabel: { kind: text, default: "_id", help: "Label that holds the id of the source cluster" },
  requiredLabel: {
    kind: pairs("NAME=VALUE"),
    help: "Label that every token carries and every series must have; repeatable",
  },
  label: { kind: pairs("NAME=VALUE"), help: "Label to set on every series, whatever value it has; repeatable" },
  whitelist: { kind: list(selector), help: "Selector of series to keep; repeatable; without one, all are kept" },
  whitelistFile: { kind: file, help: "File of selectors to keep, one a line" },
  elideLabel: { kind: names, help: "Label to remove from every series; repeatable" },

  ratelimit: {
    kind: duration,
    default: "4m30s",
    help: "Shortest time between two accepted pushes of a cluster; 0 for no limit",
  },
  ttl: { kind: duration, default: "10m", help: "How long a sample is shown" },
  limitBytes: { kind: bytes, default: "512000", help: "Largest body of a push, as sent" },
  limitDecompressedBytes: { kind: bytes, default: "8388608", help: "Largest body of a push, uncompressed" },
  limitTextBytes: {
    kind: bytes,
    default: "2097152",
    help: "Largest body of a push in the text format, uncompressed: it takes ten times as long to read",
  },
  limitFamilies: { kind: count, default: "5000", help: "Most families in a push" },
  limitSeries: { kind: count, default: "50000", help: "Most series in a push" },
  limitTotalSeries: {
    kind: count,
    default: "5000000",
    help: "Most series of all clusters, at 1 KiB each (usual ones take a third of it); 0 for no limit",
  },
  limitClusters: {
    kind: count,
    default: "50000",
    help: "Most clusters, at 3 KiB each besides their series; 0 for no limit",
  },
  limitLabels: { kind: count, default: "64", help: "Most labels on a series" },
  limitFuture: { kind: duration, default: "10m", help: "How far a timestamp may be ahead of the server's clock" },
  limitInFlight: {
    kind: count,
    default: "256",
    help: "Most pushes in progress at a time; clients of further ones are told to try again",
  },
  limitConnections: { kind: count, default: "10000", help: "Most connections to the external listener" },
  limitConnectionsPerAddress: {
    kind: count,
    default: "1000",
    help: "Most connections from one address (IPv6: one /64)",
  },

  storageDir: { kind: directory, default: "data/", help: "Directory where pushes are stored" },
  storageUrl: { kind: url, help: "KV Connect URL of a remote store, in place of --storage-dir" },
  ...LOG_OPTIONS,
} as const satisfies OptionTable;

/** What the command line says. */
export type ServerOptions = OptionValues<typeof SERVER_OPTIONS>;

/** The program as `--help` and the README show it. */
export const SERVER_PROGRAM: Program<typeof SERVER_OPTIONS> = {
  name: "telemeter-server",
  summary: "Receives the series that clients push, stores them by cluster, and shows them on /federate.",
  options: SERVER_OPTIONS,
};
