/**
 * What a trial of Telemeter consists of and what each of its programs is told.
 *
 * @module
 */

import { RECORDED_NAME } from "./prometheus_config.ts";
import type { Files } from "./trial_files.ts";

/** The id under which the client's series arrive. */
export const CLUSTER_ID = "test";
/** The id under which those arrive that the source sends by itself. */
export const WRITER_ID = "writer";
/** A label whose values leave the source only as a hash. */
export const ANONYMIZED_LABEL = "instance";
/** A series that the client sends and the server does not let in. */
export const UNLISTED_NAME = "go_goroutines";
/** The selectors of the series that arrive. */
export const LISTED: readonly string[] = ["up", RECORDED_NAME, "alerts"].map((name) => `{__name__="${name}"}`);

/** The pace of a trial, as flags say it. */
export interface Pace {
  /** How often the client pushes. */
  readonly interval: string;
  /** How long a server shows a sample. */
  readonly ttl: string;
}

/** The flags of a client. The rename of `ALERTS` is its default. */
export function clientFlags({ id, listen, from, fromToken, to, files, pace }: {
  readonly id: string;
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
    `--id=${id}`,
    ...["up", RECORDED_NAME, UNLISTED_NAME].map((name) => `--match={__name__="${name}"}`),
    '--match={__name__="ALERTS",alertstate="firing"}',
    `--anonymize-labels=${ANONYMIZED_LABEL}`,
    `--anonymize-salt-file=${files.salt}`,
    `--interval=${pace.interval}`,
  ];
}
