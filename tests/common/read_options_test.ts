import assert from "node:assert/strict";
import fc from "fast-check";
import {
  address,
  choice,
  count,
  duration,
  file,
  flag,
  list,
  names,
  pairs,
  text,
  url,
} from "../../common/option_kinds.ts";
import { type OptionTable, UsageError } from "../../common/options.ts";
import { readArguments } from "../../common/read_options.ts";
import { parseOptions } from "../support/parse_options.ts";

const OPTIONS = {
  listen: { kind: address, default: "localhost:9002", empty: "none", help: "Where to listen" },
  from: { kind: url, required: true, help: "What to read" },
  to: { kind: url, help: "Where to push" },
  token: { kind: text, help: "A token" },
  tokenFile: { kind: file, help: "Its file" },
  interval: { kind: duration, default: "4m30s", help: "How often" },
  level: { kind: choice(["info", "debug"]), default: "info", help: "What to log" },
  limit: { kind: count, help: "How many" },
  match: { kind: list(text), default: "up", help: "What to read" },
  rename: { kind: pairs("OLD=NEW"), default: "ALERTS=alerts", help: "What to rename" },
  hide: { kind: names, help: "What to hide" },
  allow: { kind: names, help: "Whom to let in", emptyWould: "let in everybody" },
  authorize: { kind: url, help: "Whom to ask", emptyWould: "let in everybody", emptyBeside: "tokenFile" },
  verbose: { kind: flag, short: "-v", help: "Say more" },
  honor: { kind: flag, default: "true", help: "Honor it" },
} as const satisfies OptionTable;

const PROGRAM = {
  name: "program",
  summary: "Does it.",
  options: OPTIONS,
  arguments: { "PLACE?": "Where" },
  lastStands: true,
} as const;

/** What a command line yields, behind `--from http://a`. */
async function parse(...args: string[]) {
  const parsed = await parseOptions(PROGRAM, ["--from", "http://a", ...args]);
  assert.ok("values" in parsed);
  return { ...parsed.values, arguments: parsed.arguments };
}

const rows: [args: string[], name: keyof Awaited<ReturnType<typeof parse>>, value: unknown][] = [
  [[], "to", undefined],
  [["--to="], "to", undefined],
  [["--to", ""], "to", undefined],
  [["--to=http://b", "--to="], "to", undefined],
  [["--token="], "token", undefined],
  [["--token= "], "token", " "],
  [["--token-file="], "tokenFile", undefined],
  [["--authorize=", "--token-file=a"], "authorize", undefined],
  [["--limit="], "limit", undefined],
  [["--listen="], "listen", undefined],
  [[], "listen", { hostname: "localhost", port: 9002 }],
  [[], "match", ["up"]],
  [["--match="], "match", []],
  [["--match=", "--match=a"], "match", ["a"]],
  [["--rename="], "rename", new Map()],
  [["--rename=,"], "rename", new Map()],
  [["--rename=a=b,"], "rename", new Map([["a", "b"]])],
  [["--rename=a=b,,c=d, "], "rename", new Map([["a", "b"], ["c", "d"]])],
  [["--hide="], "hide", []],
  [["--hide=,a,,b,"], "hide", ["a", "b"]],
  [[], "verbose", false],
  [["-v"], "verbose", true],
  [["--verbose"], "verbose", true],
  [["--verbose=true"], "verbose", true],
  [["--verbose=false"], "verbose", false],
  [["--verbose=F"], "verbose", false],
  [["-v=0"], "verbose", false],
  [["--verbose", "--verbose=false"], "verbose", false],
  [["--verbose=false", "-v"], "verbose", true],
  [["--verbose", "false"], "arguments", ["false"]],
  [["--", "--verbose=false"], "arguments", ["--verbose=false"]],
  [[], "honor", true],
  [["--honor"], "honor", true],
  [["--honor=false"], "honor", false],
  [["--token", "verbose=false"], "token", "verbose=false"],
];

for (const [args, name, value] of rows) {
  Deno.test(`parseOptions() reads ${name} from ${JSON.stringify(args)}`, async () => {
    assert.deepEqual((await parse(...args))[name], value);
  });
}

const bad: [args: string[], message: string][] = [
  [["--from="], "Cannot start without --from; program --help lists the options"],
  [["--interval="], "Bad --interval: Cannot use an empty value: leave the flag out for 4m30s"],
  [["--level="], "Bad --level: Cannot use an empty value: leave the flag out for info"],
  [
    ["--authorize="],
    "Bad --authorize: Cannot use an empty value, which would let in everybody: leave the flag out if that is meant",
  ],
  [
    ["--authorize=", "--token-file="],
    "Bad --authorize: Cannot use an empty value, which would let in everybody: leave the flag out if that is meant",
  ],
  [
    ["--allow=,"],
    "Bad --allow: Cannot use an empty value, which would let in everybody: leave the flag out if that is meant",
  ],
  [["--verbose="], "Bad --verbose: Cannot read '' as a switch: write true or false"],
  [["--verbose=yes"], "Bad --verbose: Cannot read 'yes' as a switch: write true or false"],
  [["--rename=a"], "Bad --rename: Cannot read 'a' as a pair: write OLD=NEW"],
];

for (const [args, message] of bad) {
  Deno.test(`parseOptions() refuses ${JSON.stringify(args)}`, async () => {
    await assert.rejects(parse(...args), (error) => error instanceof UsageError && error.message === message);
  });
}

Deno.test("parseOptions() refuses a flag that is given twice unless it is repeatable or the last one stands", async () => {
  const { lastStands: _, ...program } = PROGRAM;
  const once = (...args: string[]) => parseOptions(program, ["--from", "http://a", ...args]);
  await once("--match=a", "--match=b", "--hide=a", "--hide=b", "--rename=a=b", "--rename=b=c");
  for (const args of [["--limit=1", "--limit=1"], ["--limit", "1", "here", "--limit=2"], ["-v", "--verbose"]]) {
    const flag = args[0] === "-v" ? "--verbose" : "--limit";
    await assert.rejects(once(...args), {
      name: "UsageError",
      message: `Cannot take ${flag} more than once: leave all but one of them out`,
    });
  }
});

Deno.test("readArguments() tells which flags are given twice of which the last one stands", async () => {
  const args = [
    "--from=http://a",
    "--limit=1",
    "--match=a",
    "--verbose",
    "--match=b",
    "--limit=2",
    "-v",
    "--from=http://b",
  ];
  const read = await readArguments(PROGRAM, args);
  assert.ok("repeated" in read);
  assert.deepEqual(read.repeated, ["--from", "--limit", "--verbose"]);
  assert.equal((await parse("--limit=1", "--limit=2")).limit, 2);
});

Deno.test("parseOptions() does not start without the names of a required list", async () => {
  const program = { name: "p", summary: "", options: { name: { kind: names, required: true, help: "" } } } as const;
  for (const args of [[], ["--name="], ["--name", ","]]) {
    await assert.rejects(parseOptions(program, args), {
      message: "Cannot start without --name; p --help lists the options",
    });
  }
});

Deno.test("UsageError tells in one line what hides in what was given", () => {
  assert.equal(new UsageError("Bad 'a\x1b[2J\nb'").message, "Bad 'a\\u{1b}[2J\\u{a}b'");
});

for (
  const [value, shown] of [
    ["server:9003/x?key=s3cret", "server:9003/x?…"],
    ["user:s3cret@server", "…@server"],
    ["ftp://user:s3cret@server/x?s3cret#s3cret", "ftp://…@server/x?…"],
    ["http://user:s3@cret@se rver", "http://…@se rver"],
    ["server#s3cret", "server?…"],
  ]
) {
  Deno.test(`parseOptions() quotes of the bad URL ${value} only ${shown}`, async () => {
    await assert.rejects(parse(`--to=${value}`), {
      message: `Bad --to: Cannot read '${shown}' as a URL: write http://HOST:PORT or https://HOST:PORT`,
    });
  });
}

Deno.test("parseOptions() reads a command line of flags alone as it reads the same with arguments", async () => {
  const outcome = async (program: Parameters<typeof parseOptions>[0], args: readonly string[]) => {
    try {
      const parsed = await parseOptions(program, args);
      return "help" in parsed ? "help" : parsed.values;
    } catch (error) {
      assert.ok(error instanceof UsageError, String(error));
      return error.message;
    }
  };
  const { arguments: _, ...alone } = PROGRAM;
  const behind = { ...PROGRAM, arguments: { PLACE: "Where" } };
  const names = [
    "from",
    "to",
    "token",
    "token-file",
    "interval",
    "limit",
    "match",
    "rename",
    "hide",
    "listen",
    "level",
  ];
  const value = fc.constantFrom("http://a", "", "a", "a=b", "a=b,c=d", "5m", "-1", "-v", "--", "--token", "x y", ":1");
  const valued = fc.tuple(fc.constantFrom(...names), value, fc.boolean()).map(([name, value, joined]) =>
    joined ? [`--${name}=${value}`] : [`--${name}`, value]
  );
  const switched = fc.tuple(fc.constantFrom("verbose", "honor"), fc.constantFrom("", "=", "=true", "=f", "=x")).map((
    [name, value],
  ) => [`--${name}${value}`]);
  const piece = fc.oneof(
    { weight: 5, arbitrary: valued },
    switched,
    fc.constantFrom(["-v"], ["--unknown"], ["--help"]),
  );
  // The value of one looks like another, which is given a value of its own.
  const options = { numRuns: 500, examples: [[[["--token-file", "-v"], ["--verbose="]]]] as [string[][]][] };
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 5 }), async (pieces) => {
      const args = ["--from=http://a", ...pieces.flat()];
      assert.deepEqual(await outcome(alone, args), await outcome(behind, ["here", ...args]));
    }),
    options,
  );
});
