/**
 * Kinds of options: how the text of each is read, and what stands for its value in `--help`.
 *
 * @module
 */

import { parseDuration } from "./duration.ts";

/** How the text of one option is read; `placeholder` is what `--help` shows for its value, empty for a switch. */
export interface Kind<T> {
  /** What stands for the value in `--help`, without the brackets. */
  readonly placeholder: string;
  /** Turns everything given for the option, in order, into its value; throws `SyntaxError` on text it cannot read. */
  readonly read: (texts: readonly string[]) => T;
  /** What stands without a default when the option is absent: an empty list, a switch that is off. */
  readonly absent?: T;
  /** Whether all that is given for the option counts, and not one value alone. */
  readonly repeats?: true;
  /** Turns the map that a configuration file has for the option into its value, where a map is a natural way to write it. */
  readonly readMap?: (map: ReadonlyMap<string, string>) => T;
  /** Whether a value has a secret in it, such as a URL with a password; `hasFile` says that a file is given for that. */
  hasSecret?(value: T, given: { readonly hasFile: boolean }): boolean;
}

const last = <T>(placeholder: string, read: (text: string) => T): Kind<T> => ({
  placeholder,
  read: (texts) => read(texts[texts.length - 1]),
});

/** Any text; the last one given stands. */
export const text: Kind<string> = last("TEXT", (value) => value);

/** The path of a file. */
export const file: Kind<string> = last("FILE", (value) => {
  if (value === "") throw new SyntaxError("Cannot use an empty path: name a file");
  return value;
});

/** The path of a directory. */
export const directory: Kind<string> = { ...file, placeholder: "DIR" };

/** A duration in Go's notation; the value is in milliseconds. */
export const duration: Kind<number> = last("DURATION", parseDuration);

/** The same, of what would never happen, or hold for nothing, if it were 0. */
export const lasting: Kind<number> = last("DURATION", (value) => {
  const ms = parseDuration(value);
  if (ms === 0) throw new SyntaxError(`Cannot use '${value}': write a duration longer than 0, as in 10m`);
  return ms;
});

/** The same, of what comes to nothing, or ends before it begins, below some duration. */
export function lastingFrom(least: string): Kind<number> {
  return last("DURATION", (value) => {
    const ms = parseDuration(value);
    if (ms < parseDuration(least)) throw new SyntaxError(`Cannot use '${value}': write a duration of ${least} or more`);
    return ms;
  });
}

/** The whole numbers that an option takes. */
export interface NumberRange {
  /** The smallest. */
  readonly least: number;
  /** The largest. @default {Infinity} */
  readonly most?: number;
  /** A smaller one that is taken too, as it stands for something else. */
  readonly or?: 0;
}

/** A whole number from `least` to `most`. */
export function wholeNumber({ least, most = Infinity, or }: NumberRange): Kind<number> {
  const range = `${or === undefined ? "" : `${or} or `}a whole number from ${least} ${
    most === Infinity ? "up" : `to ${most}`
  }`;
  return last("N", (value) => {
    if (!/^\d{1,15}$/.test(value)) throw new SyntaxError(`Cannot read '${value}' as a count: write ${range}`);
    const number = Number(value);
    if (number !== or && (number < least || number > most)) {
      throw new SyntaxError(`Cannot use '${value}': write ${range}`);
    }
    return number;
  });
}

/** A whole number from 0 up. */
export const count: Kind<number> = wholeNumber({ least: 0 });

/** The most that is taken of something: nothing would be with 0, so that it is none of its values. */
export const most: Kind<number> = wholeNumber({ least: 1 });

/** The same in bytes: what is shorter than the least holds nothing. */
export function mostBytes(range: NumberRange): Kind<number> {
  return { ...wholeNumber(range), placeholder: "BYTES" };
}

/** The names of parameters that hold a secret. */
const SECRET_PARAMETER =
  /(?:^|[-_.]|api|access)(?:token|key|secret|password|passwd|pwd|passphrase|auth|sig|signature)$/i;

/** An `http:` or `https:` URL. */
export const url: Kind<URL> = {
  ...last("URL", (value) => {
    const parsed = URL.parse(value);
    if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
      // What stands before the last @ may be a password, and a query may hold a key.
      const plain = value.replace(/[?#].*$/s, "?…").replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, "$1…@");
      throw new SyntaxError(`Cannot read '${plain}' as a URL: write http://HOST:PORT or https://HOST:PORT`);
    }
    const { protocol, host, username, password } = parsed;
    if (!isEncoded(username) || !isEncoded(password)) {
      throw new SyntaxError(
        `Cannot read the user name or the password for ${protocol}//${host}: write each % of them as %25`,
      );
    }
    return parsed;
  }),
  // Who logs in by a name alone has no other secret.
  hasSecret: ({ username, password, searchParams }, { hasFile }) =>
    password !== "" || (username !== "" && !hasFile) ||
    searchParams.keys().some((name) => SECRET_PARAMETER.test(name)),
};

/** Whether a part of a URL is percent-encoded UTF-8, as requests need it. */
function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** Where to listen. An empty hostname stands for every address, port 0 for a free one. */
export interface Address {
  /** A name or an address, without brackets. */
  readonly hostname: string;
  /** From 0 to 65535. */
  readonly port: number;
}

/** `HOST:PORT`, `:PORT` (every address) or `[IPV6]:PORT`. */
export const address: Kind<Address> = last("HOST:PORT", (value) => {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(value);
  if (match === null || Number(match[3]) > 65_535) {
    throw new SyntaxError(`Cannot read '${value}' as an address: write HOST:PORT, as in localhost:9003`);
  }
  return { hostname: match[1] ?? match[2], port: Number(match[3]) };
});

/** A switch: `--flag`, or `--flag=true` and `--flag=false` in any form that Go knows. It is off unless given. */
export const flag: Kind<boolean> = {
  placeholder: "",
  absent: false,
  read: (texts) => {
    const value = texts[texts.length - 1];
    if (/^(?:1|t|T|true|True|TRUE)$/.test(value)) return true;
    if (/^(?:0|f|F|false|False|FALSE)$/.test(value)) return false;
    throw new SyntaxError(`Cannot read '${value}' as a switch: write true or false`);
  },
};

/** The longest list of words that stands for a value in `--help`, whose other column has to stay readable. */
const MAX_PLACEHOLDER = 40;

/** One of several words. If they are too many to stand for the value in `--help`, the row's sentence lists them. */
export function choice<const T extends string>(words: readonly T[]): Kind<T> {
  const joined = words.join("|");
  return last(joined.length > MAX_PLACEHOLDER ? "NAME" : joined, (value) => {
    const word = words.find((candidate) => candidate === value);
    if (word === undefined) throw new SyntaxError(`Cannot use '${value}': choose one of ${words.join(", ")}`);
    return word;
  });
}

/** A repeatable option: the values in the order given; an empty text adds none. */
export function list<T>(kind: Kind<T>): Kind<readonly T[]> {
  const { hasSecret } = kind;
  return {
    placeholder: kind.placeholder,
    repeats: true,
    read: (texts) => texts.filter((value) => value.trim() !== "").map((value) => kind.read([value])),
    absent: [],
    ...hasSecret && { hasSecret: (values, given) => values.some((value) => hasSecret(value, given)) },
  };
}

/** Names, repeatable and comma-separated; an empty text adds none. */
export const names: Kind<readonly string[]> = {
  placeholder: "NAME[,NAME]",
  repeats: true,
  read: (texts) => texts.flatMap((value) => value.split(",")).map((name) => name.trim()).filter((name) => name !== ""),
  absent: [],
};

/** `K=V` pairs, repeatable and comma-separated, the last of one key standing; an empty text between commas adds none. */
export function pairs(placeholder: string): Kind<ReadonlyMap<string, string>> {
  return {
    placeholder,
    absent: new Map(),
    repeats: true,
    readMap: (map) => map,
    read: (texts) => {
      const map = new Map<string, string>();
      for (const pair of texts.flatMap((value) => value.split(",")).filter((value) => value.trim() !== "")) {
        const at = pair.indexOf("=");
        if (at <= 0) throw new SyntaxError(`Cannot read '${pair}' as a pair: write ${placeholder}`);
        map.set(pair.slice(0, at).trim(), pair.slice(at + 1));
      }
      return map;
    },
  };
}
