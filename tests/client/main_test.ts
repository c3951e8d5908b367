import assert from "node:assert/strict";
import type { MetricFamily } from "../../common/exposition/metric_family.ts";
import { taskCommand } from "../../scripts/process/tasks.ts";
import { Mailbox } from "../support/mailbox.ts";
import { series } from "../support/series.ts";
import { SourcePrometheus } from "../support/source_prometheus.ts";
import { TelemeterServer } from "../support/telemeter_server.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** Starts the client as `deno task client` does. */
function command(args: string[]): Deno.Command {
  const { path, ...options } = taskCommand("client", args);
  return new Deno.Command(path, {
    ...options,
    args: [...options.args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

async function outcome(args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await command(args).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A client that runs; its log lines are there to wait for. */
function start(args: string[]) {
  const child = command(["--listen", "127.0.0.1:0", "--log-format", "json", ...args]).spawn();
  const lines = new Mailbox<Record<string, unknown>>();
  const read = async () => {
    let rest = "";
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      // What is no JSON would be the platform's own complaint.
      for (const line of parts) lines.put(line.startsWith("{") ? JSON.parse(line) : { message: line });
    }
  };
  const reading = read();
  return {
    kill: (signal: Deno.Signal) => child.kill(signal),
    status: child.status,
    /** The next line that has this sentence. */
    async line(message: string): Promise<Record<string, unknown>> {
      for (;;) {
        const line = await lines.take();
        if (line.message === message) return line;
      }
    },
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended already.
      }
      await child.status;
      await child.stdout.cancel();
      await reading;
    },
  };
}

const up = (value: number): MetricFamily => ({
  name: "up",
  type: "untyped",
  metrics: [{ labels: [], value, timestampMs: Date.now() }],
});

/** A Prometheus, a server, a folder for files, and the options that join them. */
async function network() {
  const prometheus = new SourcePrometheus().up(up(1));
  const server = new TelemeterServer();
  const directory = await Deno.makeTempDir();
  await Deno.writeTextFile(`${directory}/token`, "initial\n", { mode: 0o600 });
  await Deno.writeTextFile(`${directory}/match`, "extra\n");
  return {
    prometheus,
    server,
    directory,
    args: [
      ...["--from", prometheus.url, "--to", server.url, "--id", "me"],
      ...["--to-token-file", `${directory}/token`, "--match-file", `${directory}/match`],
    ],
    async [Symbol.asyncDispose]() {
      await prometheus[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

const bad: [args: string[], sentence: string][] = [
  [[], "telemeter-client: Cannot start without --from; telemeter-client --help lists the options\n"],
  [
    ["--form", "http://h"],
    "telemeter-client: Unknown option '--form' (Did you mean --from?); telemeter-client --help lists the options\n",
  ],
  [
    ["--to-tokn=s3cret"],
    "telemeter-client: Unknown option '--to-tokn'; telemeter-client --help lists the options\n",
  ],
  [
    ["s3cret"],
    "telemeter-client: There are more arguments than it takes: put a value that has spaces in quotes, " +
    "and give a switch its value by =, as in --verbose=true; telemeter-client --help lists the options\n",
  ],
  [
    ["--from", "h"],
    "telemeter-client: Bad --from: Cannot read 'h' as a URL: write http://HOST:PORT or https://HOST:PORT\n",
  ],
  [
    ["--from", "http://h"],
    "telemeter-client: Cannot start without a place to push to: give --to, or --to-upload and --to-auth\n",
  ],
  [
    ["--from", "http://h", "--to", "http://h", "--id", "me", "--to-token-file", "/none/token"],
    "telemeter-client: Bad --to-token-file: Cannot read '/none/token': there is no such file: make it, or name another\n",
  ],
];

for (const [args, sentence] of bad) {
  Deno.test(`client ${args.join(" ")} ends with one sentence and exit code 2`, async () => {
    assert.deepEqual(await outcome(args), { code: 2, stdout: "", stderr: sentence });
  });
}

Deno.test("client --help lists every option and its default", async () => {
  const { code, stdout, stderr } = await outcome(["--help"]);
  assert.equal(code, 0);
  assert.equal(stderr, "");
  for (const flag of ["--from <URL>", "--anonymize-salt-file <FILE>", "--dry-run", "-v, --verbose"]) {
    assert.ok(stdout.includes(flag), flag);
  }
  assert.match(stdout.replace(/\s+/g, " "), /--interval <DURATION> .{0,80}\(default: 4m30s\)/);
});

Deno.test("client --dry-run prints what would leave and sends nothing", async () => {
  await using n = await network();
  const { code, stdout, stderr } = await outcome([...n.args, "--dry-run"]);
  assert.equal(stderr, "");
  assert.equal(code, 0);
  assert.match(stdout, /^# TYPE up untyped\nup 1 \d+\n# dry run: nothing was sent; of 1 sample .*\n/);
  assert.deepEqual(n.server.asked, []);
});

Deno.test("client --dry-run ends with one sentence when there is nothing to read", async () => {
  await using n = await network();
  n.prometheus.fault = () => new Response("out of order", { status: 500 });
  assert.deepEqual(await outcome([...n.args, "--dry-run"]), {
    code: 1,
    stdout: "",
    stderr: `telemeter-client: Cannot scrape ${n.prometheus.url}/federate: it answered 500; it says: out of order\n`,
  });
});

Deno.test("client pushes, shows what it pushed, and stops in order at SIGTERM", async () => {
  await using n = await network();
  await using client = start(n.args);
  const { url } = await client.line("Listening");
  assert.deepEqual(series((await n.server.pushes.take()).families), ['up{_id="me"} 1']);
  await client.line("Pushed");
  assert.match(await (await fetch(`${url}federate`)).text(), /^# TYPE up untyped\nup\{_id="me"\} 1 \d+\n$/);
  assert.match(await (await fetch(`${url}metrics`)).text(), /^federate_requests_total 1$/m);
  const ready = await fetch(`${url}healthz/ready`);
  assert.equal(ready.status, 200);
  assert.equal((await ready.json()).failures, 0);
  client.kill("SIGTERM");
  assert.equal((await client.status).code, 0);
});

Deno.test("client reloads at SIGHUP, and keeps the running configuration if a file is bad", async () => {
  await using n = await network();
  n.server.tokens.clear();
  await using client = start(n.args);
  await client.line("Cannot forward: will try again");
  await Deno.writeTextFile(`${n.directory}/match`, "extra{");
  client.kill("SIGHUP");
  const { error } = await client.line("Cannot reload: the running configuration stays in use");
  assert.match(String(error), /^Bad --match-file '\S+': Line 1: /);
  await Deno.writeTextFile(`${n.directory}/match`, "other\n");
  n.prometheus.series.set("other", [{ ...up(2), name: "other" }]);
  n.server.tokens.add("initial");
  client.kill("SIGHUP");
  await client.line("Reloaded the configuration");
  assert.deepEqual(series((await n.server.pushes.take()).families), ['up{_id="me"} 1', 'other{_id="me"} 2']);
});

Deno.test("client reloads at POST /-/reload, and answers with the sentence if a file is bad", async () => {
  await using n = await network();
  await using client = start(n.args);
  const { url } = await client.line("Listening");
  await client.line("Pushed");
  const reload = async () => {
    const response = await fetch(`${url}-/reload`, { method: "POST" });
    return [response.status, await response.text()] as const;
  };
  await Deno.writeTextFile(`${n.directory}/match`, "extra{");
  const [status, sentence] = await reload();
  assert.equal(status, 500);
  assert.match(sentence, /^Cannot reload; the running configuration stays: Bad --match-file '\S+': Line 1: .*\n$/);
  await Deno.writeTextFile(`${n.directory}/match`, "other\n");
  assert.deepEqual(await reload(), [200, "Reloaded\n"]);
});

Deno.test("client takes up a token file that changed without a reload", async () => {
  await using n = await network();
  n.server.tokens.clear();
  n.server.tokens.add("rotated");
  await using client = start(n.args);
  await client.line("Cannot forward: will try again");
  await Deno.writeTextFile(`${n.directory}/new`, "rotated", { mode: 0o600 });
  await Deno.rename(`${n.directory}/new`, `${n.directory}/token`);
  assert.equal((await n.server.pushes.take()).cluster, "me");
});

Deno.test("client ends with one sentence and exit code 2 when its address is taken", async () => {
  await using n = await network();
  const { code, stderr } = await outcome([...n.args, "--listen", new URL(n.server.url).host]);
  assert.equal(code, 2);
  assert.match(stderr, /^telemeter-client: .*127\.0\.0\.1:\d+.*\n$/);
});
