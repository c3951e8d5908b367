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

/** The option table; defaults are those of the programs in the field where they have the option. */
export const SERVER_OPTIONS = {
  listen: { kind: address, default: "0.0.0.0:9003", help: "Where clients authorize and push" },
  listenInternal: {
    kind: address,
    default: "localhost:9004",
    help: "Where /federate, /metrics and the status pages are",
  },
  tlsCrt: { kind: file, help: "Certificate chain (PEM) of the external listener; read again when it changes" },
  tlsKey: { kind: file, help: "Private key (PEM) of the external listener" },
  internalTlsCrt: { kind: file, help: "Certificate chain (PEM) of the internal listener; read again when it changes" },
  internalTlsKey: { kind: file, help: "Private key (PEM) of the internal listener" },

  listenCluster: {
    kind: address,
    help: "Where other servers of the ring connect; without it the server is a ring of one",
  },
  advertiseCluster: {
    kind: address,
    help: "Where they reach this one; by default --listen-cluster, if that is no wildcard",
  },
  join: { kind: list(address), help: "A server of the ring, tried for ever until it is reached; repeatable" },
  name: { kind: text, help: "The name in the ring, which the certificate must have; by default its first one" },
  clusterName: { kind: text, default: "telemeter", help: "The name of the ring: servers of another one are refused" },
  clusterCa: { kind: file, help: "Authorities (PEM) that sign the servers' certificates; read again when it changes" },
  clusterCrt: { kind: file, help: "Certificate chain (PEM) towards other servers; read again when it changes" },
  clusterKey: { kind: file, help: "Private key (PEM) of that certificate" },
  peerAllow: { kind: names, help: "Name of a server that is let into the ring; repeatable; without one, all are" },

  sharedKey: { kind: file, help: "Private key (PEM) that signs tokens; without one, tokens end with the process" },
  verifyKey: { kind: list(file), help: "Key (PEM) whose tokens are accepted too, for rotation; repeatable" },
  tokenExpireSeconds: { kind: count, default: "86400", help: "How long a token is good for, in seconds" },
  revokedFile: { kind: file, help: "Cluster ids that are refused, one a line; read again when it changes" },
  authorize: { kind: url, help: "Upstream that authorizes clusters; without one, any token will do" },
  authorizeIssuerUrl: { kind: url, help: "OIDC issuer for the server's own login at the upstream (password grant)" },
  authorizeUsername: { kind: text, help: "OIDC user name" },
  authorizePassword: { kind: text, help: "OIDC password; prefer --authorize-password-file" },
  authorizePasswordFile: { kind: file, help: "File that holds the OIDC password" },
  authorizeClientId: { kind: text, help: "OIDC client id" },

  partitionLabel: { kind: text, default: "_id", help: "Label that names the source cluster" },
  requiredLabel: { kind: pairs("NAME=VALUE"), help: "Label that tokens demand of every series; repeatable" },
  label: { kind: pairs("NAME=VALUE"), help: "Label to set on every series, over what it has; repeatable" },
  whitelist: { kind: list(selector), help: "Selector of series to keep; repeatable; without one, all are kept" },
  whitelistFile: { kind: file, help: "File of selectors to keep, one a line" },
  elideLabel: { kind: names, help: "Label to remove from every series; repeatable" },

  ratelimit: {
    kind: duration,
    default: "4m30s",
    help: "Least time between two accepted pushes of a cluster; 0 for none",
  },
  ttl: { kind: duration, default: "10m", help: "How long a sample is shown" },
  limitBytes: { kind: bytes, default: "512000", help: "Largest body of a push, as sent" },
  limitDecompressedBytes: { kind: bytes, default: "8388608", help: "Largest body of a push, uncompressed" },
  limitTextBytes: {
    kind: bytes,
    default: "2097152",
    help: "The same of one in the text format, which takes ten times as long to read",
  },
  limitFamilies: { kind: count, default: "5000", help: "Most families in a push" },
  limitSeries: { kind: count, default: "50000", help: "Most series in a push" },
  limitTotalSeries: {
    kind: count,
    default: "5000000",
    help: "Most series of all clusters, 1 KiB each (usual ones take a third of it); 0 for none",
  },
  limitClusters: {
    kind: count,
    default: "50000",
    help: "Most clusters, 3 KiB each beside their series; 0 for none",
  },
  limitLabels: { kind: count, default: "64", help: "Most labels on a series" },
  limitFuture: { kind: duration, default: "10m", help: "How far a timestamp may be ahead of the server's clock" },
  limitInFlight: {
    kind: count,
    default: "256",
    help: "Most pushes at work at a time; above, clients are asked to wait",
  },
  limitConnections: { kind: count, default: "10000", help: "Most connections to the external listener" },
  limitConnectionsPerAddress: { kind: count, default: "1000", help: "Most connections from one address" },

  storageDir: { kind: directory, default: "data/", help: "Where pushes are kept on disk" },
  storageUrl: { kind: url, help: "KV Connect URL to keep pushes in, in place of --storage-dir" },
  ...LOG_OPTIONS,
} as const satisfies OptionTable;

/** What the command line says. */
export type ServerOptions = OptionValues<typeof SERVER_OPTIONS>;

/** The program as `--help` and the README show it. */
export const SERVER_PROGRAM: Program<typeof SERVER_OPTIONS> = {
  name: "telemeter-server",
  summary: "Receives the series that clients push, keeps them by cluster, and shows them on /federate.",
  options: SERVER_OPTIONS,
};
