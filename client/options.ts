/**
 * The client's command line.
 *
 * @module
 */

import {
  address,
  bytes,
  duration,
  file,
  flag,
  type Kind,
  LOG_OPTIONS,
  names,
  type OptionTable,
  type OptionValues,
  pairs,
  type Program,
  text,
  url,
} from "../common/options.ts";
import { type Selector, selector } from "../common/exposition/selector.ts";

/** Selectors, repeatable; an empty text adds none, so that `--match=` clears the default. */
const selectors: Kind<readonly Selector[]> = {
  placeholder: selector.placeholder,
  read: (texts) => texts.filter((given) => given.trim() !== "").map((given) => selector.read([given])),
  absent: [],
};

/** The client's options. */
export const CLIENT_OPTIONS = {
  listen: {
    kind: address,
    default: "localhost:9002",
    help: "Where the client shows its metrics, health and last push",
  },
  from: { kind: url, required: true, help: "The Prometheus to read; an empty path stands for /federate" },
  fromToken: { kind: text, help: "The bearer token for --from; better in --from-token-file" },
  fromTokenFile: { kind: file, help: "A file with the bearer token for --from, read again when it changes" },
  fromCaFile: { kind: file, help: "Certificate authorities to trust for --from beside the built-in ones, PEM" },
  id: { kind: text, help: "The identifier under which the server files what this client sends" },
  to: {
    kind: url,
    help: "The server to push to; its path and query stay, authorize and upload are joined to the path",
  },
  toUpload: { kind: url, help: "Where to push to, in place of what --to implies" },
  toAuth: {
    kind: url,
    help: "Where to exchange the token, in place of what --to implies; taken as it is, without --id",
  },
  toToken: { kind: text, help: "The token to exchange at the server; better in --to-token-file" },
  toTokenFile: { kind: file, help: "A file with the token to exchange, read again when it changes" },
  toCaFile: { kind: file, help: "Certificate authorities to trust for the server beside the built-in ones, PEM" },
  interval: { kind: duration, default: "4m30s", help: "How long to wait after a push; no retry waits longer" },
  timeout: { kind: duration, default: "1m", help: "How long one request may take in all" },
  match: {
    kind: selectors,
    default: '{__name__="up"}',
    help: "A selector of series to read; repeatable; --match= clears the default",
  },
  matchFile: { kind: file, help: "A file with further selectors, one a line; lines that start with # do not count" },
  label: { kind: pairs("NAME=VALUE"), help: "A label to set on every sample; repeatable" },
  rename: {
    kind: pairs("OLD=NEW"),
    default: "ALERTS=alerts",
    help: "A metric to send under another name; repeatable; --rename= clears the default",
  },
  anonymizeLabels: { kind: names, help: "Labels whose values are sent as a salted hash; repeatable" },
  anonymizeSalt: { kind: text, help: "The salt of those hashes, to be kept secret; better in --anonymize-salt-file" },
  anonymizeSaltFile: { kind: file, help: "A file with the salt, read again when it changes" },
  limitBytes: { kind: bytes, default: "204800", help: "The longest page taken from --from, uncompressed" },
  tlsCertFile: { kind: file, help: "The client certificate to show to --from and the server if they ask for one, PEM" },
  tlsPrivateKeyFile: { kind: file, help: "The private key of --tls-cert-file, PEM" },
  dryRun: { kind: flag, help: "Print what would leave this machine and what each rule did, send nothing, and exit" },
  ...LOG_OPTIONS,
} as const satisfies OptionTable;

/** The values of the client's options. */
export type ClientValues = OptionValues<typeof CLIENT_OPTIONS>;

/** The client, as its `--help` shows it. */
export const CLIENT_PROGRAM: Program<typeof CLIENT_OPTIONS> = {
  name: "telemeter-client",
  summary: "Reads series from a Prometheus, cleans them, and pushes them to a Telemeter server.",
  options: CLIENT_OPTIONS,
};
