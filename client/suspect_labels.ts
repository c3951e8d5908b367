/**
 * Labels that look as if they held what should not leave a site: names of people and hosts, addresses, keys. These are
 * guesses, from names and values; no value is ever told.
 *
 * @module
 */

import { isIPv4, isIPv6 } from "node:net";
import type { MetricFamily } from "../common/exposition/metric_family.ts";

/** A label that someone should look at. */
export interface SuspectLabel {
  /** Its name. */
  readonly label: string;
  /** What it seems to hold, and what says so. */
  readonly why: string;
  /** The metrics that have it. */
  readonly metrics: ReadonlySet<string>;
  /** How many samples have it. */
  readonly samples: number;
}

/** What a word in the name of a label stands for. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  "a person": [
    ...["user", "username", "usr", "login", "owner", "customer", "person", "employee", "contact", "author"],
    ...["firstname", "lastname", "fullname", "surname"],
  ],
  "an e-mail address": ["email", "mail"],
  "an address": ["ip", "ips", "ipaddr", "ipaddress", "addr", "address", "mac", "phone"],
  "a host": ["host", "hostname", "fqdn", "nodename"],
  "a secret": [
    ...["token", "password", "passwd", "passphrase", "pwd", "secret", "credential", "credentials", "apikey"],
    ...["privatekey", "accesskey", "secretkey", "cookie", "session", "sessionid", "jwt", "bearer", "salt"],
  ],
};
const BY_WORD: ReadonlyMap<string, string> = new Map(
  Object.entries(WORDS).flatMap(([what, words]) => words.map((word) => [word, what] as const)),
);

/** What values look like, by what they seem to be. */
const LOOKS: readonly (readonly [what: string, looks: (value: string) => boolean])[] = [
  ["e-mail addresses", matches(/^[^\s@]+@[^\s@]+\.[^\s@.]+$/)],
  ["IPv4 addresses", (value) => isIPv4(/^(?:\w+:\/\/)?([\d.]+)(?::\d{1,5})?(?:\/\S*)?$/.exec(value)?.[1] ?? "")],
  // As clouds name their machines.
  ["IPv4 addresses", (value) => isIPv4(/^ip-(\d+(?:-\d+){3})(?:\.|$)/.exec(value)?.[1].replaceAll("-", ".") ?? "")],
  ["MAC addresses", matches(/^[\da-f]{2}([:-])(?:[\da-f]{2}\1){4}[\da-f]{2}$/i)],
  [
    "IPv6 addresses",
    (value) => isIPv6(/^(?:\w+:\/\/)?\[?([^\s/\]]+)\]?(?::\d{1,5})?(?:\/\S*)?$/.exec(value)?.[1] ?? ""),
  ],
  ["URLs with a password", matches(/^\w+:\/\/[^\s/@:]*:[^\s/@]+@/)],
  ["JSON web tokens", matches(/^eyJ[\w-]+\.[\w-]+\.[\w-]*$/)],
  // Those that begin with what they are: of AWS, GitLab, GitHub and Slack, and public keys of SSH.
  [
    "access keys",
    matches(/^(?:A[KS]IA[A-Z\d]{16}$|glpat-|github_pat_|gh[opsu]_[A-Za-z\d]|xox[a-z]-|ssh-(?:rsa|ed25519) )/),
  ],
  ["private keys", (value) => value.includes("-----BEGIN ")],
  ["keys or digests", isLongHex],
  ["keys or digests", isLongBase64],
];

function matches(pattern: RegExp): (value: string) => boolean {
  return (value) => pattern.test(value);
}

/** At least 128 bits, and not just a long number. */
function isLongHex(value: string): boolean {
  return /^(?:0x|sha\d+:)?[\da-f]{32,}$/i.test(value) && /[a-f]/i.test(value) && /\d/.test(value);
}

/** At least 240 bits in letters of both cases and digits, as random ones nearly always have them. */
function isLongBase64(value: string): boolean {
  return /^[A-Za-z\d+/_-]{40,}={0,2}$/.test(value) && /[a-z]/.test(value) && /[A-Z]/.test(value) && /\d/.test(value);
}

/** Finds labels to look at, but for those whose values are hashed. Sorted by name. */
export function suspectLabels(
  families: readonly MetricFamily[],
  { hashed }: { readonly hashed: Iterable<string> },
): SuspectLabel[] {
  const known = new Set(hashed);
  const found = new Map<string, { metrics: Set<string>; samples: number; reasons: Set<string> }>();
  for (const { name: metric, metrics } of families) {
    for (const { labels } of metrics) {
      for (const { name, value } of labels) {
        if (value === "" || known.has(name)) continue;
        const label = found.get(name) ?? { metrics: new Set(), samples: 0, reasons: new Set(reasonsOfName(name)) };
        found.set(name, label);
        label.metrics.add(metric);
        label.samples++;
        for (const [what, looks] of LOOKS) {
          const reason = `values look like ${what}`;
          if (!label.reasons.has(reason) && looks(value)) label.reasons.add(reason);
        }
      }
    }
  }
  return Array.from(found, ([label, { metrics, samples, reasons }]) => ({
    label,
    why: [...reasons].join(", "),
    metrics,
    samples,
  })).filter(({ why }) => why !== "").sort((a, b) => a.label < b.label ? -1 : 1);
}

/** What the words of a name say: `userName`, `client_ip` and `k8s.pod.ip` have two or three. */
function reasonsOfName(name: string): string[] {
  const words = name.replace(/(?<=[a-z\d])(?=[A-Z])/g, " ").toLowerCase().split(/[^a-z\d]+/);
  // Two words may be one: `api_key`, `first_name`.
  const joined = words.map((word, i) => word + (words[i + 1] ?? ""));
  const meanings = [...words, ...joined].flatMap((word) => BY_WORD.get(word) ?? []);
  return [...new Set(meanings)].map((what) => `its name is that of ${what}`);
}
