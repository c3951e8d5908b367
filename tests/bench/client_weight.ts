/**
 * What a client weighs that forwards 521 series, as most clusters do: `deno task client-weight`. Linux only.
 *
 * The source is this program, which answers over HTTP with a page of now, compressed for who takes that; the server is the
 * real one, in a process of its own. CPU time is that of all threads of the client, the compiler's and the collector's too,
 * over all cycles of the measurement. Memory is looked at after each of them, and the most counts.
 *
 * @module
 */

import { FailedError, run } from "../../common/lifecycle.ts";
import { duration, flag, wholeNumber } from "../../common/option_kinds.ts";
import type { OptionTable, OptionValues, Program } from "../../common/options.ts";
import { encodeFamilies, PROTOBUF_CONTENT_TYPE } from "../../common/exposition/protobuf.ts";
import { fillCache, install } from "../../scripts/bundle.ts";
import { Child, type ChildCommand } from "../../scripts/process/child.ts";
import { taskCommand } from "../../scripts/process/tasks.ts";
import { CertificateAuthority } from "../support/certificate_authority.ts";
import { Mailbox } from "../support/mailbox.ts";
import { type Folder, startServer, tempFolder } from "../support/programs.ts";
import { realisticFamilies } from "../support/realistic_push.ts";
import { SourcePrometheus } from "../support/source_prometheus.ts";

/** The option table. */
export const CLIENT_WEIGHT_OPTIONS = {
  cycles: { kind: wholeNumber({ least: 1 }), default: "60", help: "Forwards that are measured" },
  warmUp: {
    kind: wholeNumber({ least: 1 }),
    default: "60",
    help: "Forwards before those, in which V8 compiles: a client makes 320 a day",
  },
  interval: { kind: duration, default: "1s", help: "From one forward to the next; in the field it is 4m30s" },
  tls: { kind: flag, help: "Read and push over https" },
  remoteWrite: { kind: flag, help: "Send by remote write" },
  bundle: { kind: flag, help: "Run the bundle with a filled cache, as images do, and not the sources" },
} as const satisfies OptionTable;

/** The program as `--help` shows it. */
export const CLIENT_WEIGHT: Program<typeof CLIENT_WEIGHT_OPTIONS> = {
  name: "client-weight",
  summary: "Measures the CPU time and the memory of a client that forwards 521 series, beside those of a bare program.",
  options: CLIENT_WEIGHT_OPTIONS,
};

/** What a client may take: a cycle this much CPU time, in milliseconds, and this much resident memory, in MB. */
const MOST = { cpuMs: 8, residentMb: 65 };

/** A program that serves and does nothing else: what Deno itself weighs. */
const BARE = 'Deno.serve({ hostname: "127.0.0.1", port: 0 }, () => new Response("ok"))';

/** Ticks a second in `/proc`, whatever the kernel's own. */
const TICKS = 100;

interface Usage {
  readonly cpuMs: number;
  readonly residentMb: number;
  readonly anonymousMb: number;
  /** Pages of files, nearly all of Deno's executable: the kernel takes them back when memory is short. */
  readonly fileMb: number;
}

/** Looks at a process, by way of a program: Deno lets itself see `/proc` only when it may do everything. */
async function usageOf(pid: number): Promise<Usage> {
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/stat`, `/proc/${pid}/status`] }).output();
  const text = new TextDecoder().decode(stdout);
  // The second field is the name, in brackets, which may hold spaces.
  const fields = text.slice(text.indexOf(") ") + 2).split(" ");
  const megabytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1]) / 1_000 * 1.024;
  return {
    cpuMs: (Number(fields[11]) + Number(fields[12])) * 1_000 / TICKS,
    residentMb: megabytes("VmRSS"),
    anonymousMb: megabytes("RssAnon"),
    fileMb: megabytes("RssFile"),
  };
}

async function measureBare(): Promise<Usage> {
  const args = ["run", "--allow-net=127.0.0.1", `data:text/javascript,${encodeURIComponent(BARE)}`];
  await using child = new Child({ name: "bare", path: Deno.execPath(), args });
  await child.line(/Listening/);
  return await usageOf(child.pid);
}

/** The page of the source: compressed for who takes gzip, as Prometheus does it. */
function page(request: Request): Response {
  const bytes = new Uint8Array(encodeFamilies(realisticFamilies({ id: "", nowMs: Date.now() })));
  const headers = new Headers({ "content-type": PROTOBUF_CONTENT_TYPE });
  if (!request.headers.get("accept-encoding")?.includes("gzip")) return new Response(bytes, { headers });
  headers.set("content-encoding", "gzip");
  return new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip")), { headers });
}

interface Ends extends AsyncDisposable {
  /** The scrapes: that of a cycle comes after the one before is done. */
  readonly scrapes: Mailbox<Request>;
  readonly flags: readonly string[];
}

async function openEnds({ tls, folder }: { tls: boolean; folder: Folder }): Promise<Ends> {
  const authority = tls ? await CertificateAuthority.create() : undefined;
  const identity = await authority?.issue("end");
  await using stack = new AsyncDisposableStack();
  const source = stack.use(new SourcePrometheus(identity));
  const scrapes = new Mailbox<Request>();
  source.fault = (request) => {
    scrapes.put(request);
    return page(request);
  };
  const certificate = identity === undefined ? [] : [
    `--tls-crt=${await folder.write("server.crt", identity.cert)}`,
    `--tls-key=${await folder.write("server.key", identity.key)}`,
  ];
  const server = stack.use(
    await startServer(["--ratelimit=0", ...certificate], { storageDir: `${folder.path}/store` }),
  );
  const flags = [`--from=${source.url}`, `--to=${server.external}`, "--id=cluster", '--match={__name__=~".+"}'];
  flags.push(`--to-token-file=${await folder.write("token", "initial")}`);
  if (authority !== undefined) {
    const path = await folder.write("ca.crt", authority.cert);
    flags.push(`--from-ca-file=${path}`, `--to-ca-file=${path}`);
  }
  const owned = stack.move();
  return { scrapes, flags, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** The client as the task runs it, or as a bundle, which is put into a folder, with a cache that is filled and one that is not. */
async function clientCommands(
  args: readonly string[],
  { bundle, folder, signal }: { bundle: boolean; folder: Folder; signal: AbortSignal },
): Promise<{ command: ChildCommand; cold?: ChildCommand }> {
  if (!bundle) return { command: taskCommand("client", args) };
  const path = `${folder.path}/client`, denoDir = `${folder.path}/cache`;
  await install("client", { path, signal });
  await fillCache("client", { path, denoDir, signal });
  const start = (denoDir: string): ChildCommand => ({ name: "client", path, args, env: { DENO_DIR: denoDir } });
  return { command: start(denoDir), cold: start(`${folder.path}/empty`) };
}

/** A client that runs, where it listens, and how long it took until it did. */
interface Started extends AsyncDisposable {
  readonly child: Child;
  readonly url: string;
  readonly startMs: number;
}

async function start(command: ChildCommand): Promise<Started> {
  const begun = performance.now();
  const child = new Child(command);
  const [, url] = await child.line(/msg=Listening .*\burl=(\S+)/);
  const startMs = performance.now() - begun;
  return { child, url, startMs, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

/** What a client has taken after so many cycles, and the most memory in them. */
async function usageAfter(count: number, { pid, scrapes }: { pid: number; scrapes: Ends["scrapes"] }): Promise<Usage> {
  let usage = await usageOf(pid);
  for (let i = 0; i < count; i++) {
    await scrapes.take();
    const now = await usageOf(pid);
    usage = now.residentMb > usage.residentMb ? now : { ...usage, cpuMs: now.cpuMs };
  }
  return usage;
}

/** Runs a client through its forwards and says what they took. */
async function weigh(
  { cycles, warmUp, interval, tls, remoteWrite, bundle }: OptionValues<typeof CLIENT_WEIGHT_OPTIONS>,
  { say, signal }: { say: (line: string) => void; signal: AbortSignal },
): Promise<void> {
  await using folder = await tempFolder();
  await using ends = await openEnds({ tls, folder });
  const { scrapes } = ends;
  const way = remoteWrite ? ["--remote-write"] : [];
  const args = [...ends.flags, ...way, "--listen=127.0.0.1:0", `--interval=${interval}ms`];
  const { command, cold } = await clientCommands(args, { bundle, folder, signal });
  const begin = async ({ child, startMs }: Started, name: string) => {
    const first = await usageAfter(2, { pid: child.pid, scrapes });
    say(`${name.padEnd(8)} ${startMs.toFixed(0)} ms until it listens; with the first forward ${describe(first)}`);
    return first;
  };
  if (cold !== undefined) {
    await using started = await start(cold);
    await begin(started, "cold");
    await started.child.stop();
    // One more may have come since.
    while (scrapes.size > 0) await scrapes.take();
  }
  await using started = await start(command);
  const { child, url } = started, { pid } = child;
  const first = await begin(started, "start");
  const before = await usageAfter(warmUp, { pid, scrapes });
  say(`warm-up  ${describe(before, { since: first, cycles: warmUp })}`);
  // As a Prometheus beside the client does.
  await (await fetch(new URL("/metrics", url))).bytes();
  const after = await usageAfter(cycles, { pid, scrapes });
  say(`cycles   ${describe(after, { since: before, cycles })}`);
  const failed = child.lines.find((line) => line.includes("Cannot forward"));
  if (failed !== undefined) throw new FailedError(`The client did not forward each time: ${failed}`);
}

function describe({ cpuMs, residentMb, anonymousMb, fileMb }: Usage, past?: { since: Usage; cycles: number }): string {
  const cpu = past === undefined
    ? `${cpuMs.toFixed(0)} ms of CPU`
    : `${((cpuMs - past.since.cpuMs) / past.cycles).toFixed(1)} ms of CPU each`;
  const memory = [residentMb, anonymousMb, fileMb].map((mb) => mb.toFixed(1));
  return `${cpu}, ${memory[0]} MB resident: ${memory[1]} its own and ${memory[2]} pages of files`;
}

if (import.meta.main) {
  await run(CLIENT_WEIGHT, async ({ values, print, signal }) => {
    const say = (line: string) => print(`${line}\n`);
    say(`bare     ${describe(await measureBare())}`);
    await weigh(values, { say, signal });
    say(`aim      ${MOST.cpuMs} ms of CPU each, ${MOST.residentMb} MB resident`);
  }, { startsPrograms: true });
}
