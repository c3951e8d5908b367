/**
 * What a trial of Telemeter consists of and what each of its programs is told.
 *
 * @module
 */

import { join } from "node:path";
import { RECORDED_NAME, REPLICA_LABEL } from "./prometheus_config.ts";

/** The id under which the client's series arrive. */
export const CLUSTER_ID = "test";
/** A label whose values leave the source only as a hash. */
export const ANONYMIZED_LABEL = "instance";
/** A series that the client sends and the server does not let in. */
export const UNLISTED_NAME = "go_goroutines";
/** The names under which series arrive. */
const LISTED_NAMES: readonly string[] = ["up", RECORDED_NAME, "alerts"];

/** The pace of a trial, as flags say it. */
export interface Pace {
  /** How often the client pushes. */
  readonly interval: string;
  /** How long a server shows a sample. */
  readonly ttl: string;
}

/** The files that programs are given, all in one folder. */
export interface Files {
  /** The folder, absolute. */
  readonly folder: string;
  /** The tokens that the authorizer knows. */
  readonly tokens: string;
  /** The one that the client shows. */
  readonly token: string;
  /** The bearer token for the source. */
  readonly sourceToken: string;
  /** The salt of anonymized labels. */
  readonly salt: string;
  /** The key that signs the servers' tokens. */
  readonly sharedKey: string;
  /** The servers' certificates: of each `NAME.crt` and `NAME.key`, and `ca.crt`. */
  readonly certificates: string;
}

/** Where the files lie in a folder. */
export function filesIn(folder: string): Files {
  const at = (name: string) => join(folder, name);
  return {
    folder,
    tokens: at("tokens.json"),
    token: at("token"),
    sourceToken: at("source-token"),
    salt: at("salt"),
    sharedKey: at("shared-key.pem"),
    certificates: at("certs"),
  };
}

/** Where one server listens. */
export interface ServerPlan {
  /** What people, and the others, call it. */
  readonly name: string;
  /** Where clients come. */
  readonly external: URL;
  /** Where `/federate` and the status pages are. */
  readonly internal: URL;
  /** Where the other servers connect, `HOST:PORT`. */
  readonly cluster: string;
}

/** The flags of one server. With others it is in a ring with them. */
export function serverFlags({ plan, others, authorizer, files, pace }: {
  readonly plan: ServerPlan;
  readonly others: readonly ServerPlan[];
  readonly authorizer: URL;
  readonly files: Files;
  readonly pace: Pace;
}): string[] {
  const { name, external, internal, cluster } = plan;
  const certificate = (file: string) => join(files.certificates, file);
  return [
    `--listen=${external.host}`,
    `--listen-internal=${internal.host}`,
    `--authorize=${authorizer}`,
    `--shared-key=${files.sharedKey}`,
    `--storage-dir=${join(files.folder, name)}`,
    ...LISTED_NAMES.map((name) => `--whitelist={__name__="${name}"}`),
    `--elide-label=${REPLICA_LABEL}`,
    `--ttl=${pace.ttl}`,
    // The limit stands against clients that push more often than agreed; this one agreed to push often.
    "--ratelimit=0",
    ...(others.length === 0 ? [] : [
      `--listen-cluster=${cluster}`,
      ...others.map(({ cluster }) => `--join=${cluster}`),
      `--name=${name}`,
      `--cluster-ca=${certificate("ca.crt")}`,
      `--cluster-crt=${certificate(`${name}.crt`)}`,
      `--cluster-key=${certificate(`${name}.key`)}`,
    ]),
  ];
}

/** The flags of the client. The rename of `ALERTS` is its default. */
export function clientFlags({ listen, from, fromToken, to, files, pace }: {
  readonly listen: URL;
  readonly from: URL;
  /** Whether the source asks for the token in its file. */
  readonly fromToken: boolean;
  readonly to: URL;
  readonly files: Files;
  readonly pace: Pace;
}): string[] {
  return [
    `--listen=${listen.host}`,
    `--from=${from}`,
    ...(fromToken ? [`--from-token-file=${files.sourceToken}`] : []),
    `--to=${to}`,
    `--to-token-file=${files.token}`,
    `--id=${CLUSTER_ID}`,
    ...["up", RECORDED_NAME, UNLISTED_NAME].map((name) => `--match={__name__="${name}"}`),
    '--match={__name__="ALERTS",alertstate="firing"}',
    `--anonymize-labels=${ANONYMIZED_LABEL}`,
    `--anonymize-salt-file=${files.salt}`,
    `--interval=${pace.interval}`,
  ];
}
