/**
 * The real server as a child, which asks no authorizer: whoever comes gets a token for any id.
 *
 * @module
 */

import type { MetricFamily } from "../../common/exposition/metric_family.ts";
import { encodeFamilies, PROTOBUF_CONTENT_TYPE } from "../../common/exposition/protobuf.ts";
import { Child } from "../../scripts/process/child.ts";
import { taskCommand } from "../../scripts/process/tasks.ts";
import type { MemoryGroup } from "./memory_group.ts";

/** How the server answered. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

/** A server on free ports, with a store of its own that lasts for as long as this does. */
export class OpenServer implements AsyncDisposable {
  readonly #flags: readonly string[];
  readonly #group: Pick<MemoryGroup, "command"> | undefined;
  readonly #dir: string;
  readonly #tokens = new Map<string, string>();
  #child!: Child;
  #external = "";
  #internal = "";

  private constructor(flags: readonly string[], { dir, group }: { dir: string; group?: Pick<MemoryGroup, "command"> }) {
    this.#flags = flags;
    this.#dir = dir;
    this.#group = group;
  }

  /** Starts it with further flags. */
  static async start(...flags: string[]): Promise<OpenServer> {
    return await OpenServer.#open(new OpenServer(flags, { dir: await Deno.makeTempDir() }));
  }

  /** The same as a member of a group that has so much memory, or by whatever else makes another command of a command. */
  static async startIn(group: Pick<MemoryGroup, "command">, ...flags: string[]): Promise<OpenServer> {
    return await OpenServer.#open(new OpenServer(flags, { dir: await Deno.makeTempDir(), group }));
  }

  static async #open(server: OpenServer): Promise<OpenServer> {
    try {
      await server.#start();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  async #start(...more: string[]) {
    const command = taskCommand("server", [
      ...["--listen", "127.0.0.1:0", "--listen-internal", "127.0.0.1:0", "--storage-dir", `${this.#dir}/data`],
      // Whoever wants them on the page says so, further on.
      "--source-metrics=false",
      ...this.#flags,
      ...more,
    ]);
    this.#child = new Child(this.#group?.command(command) ?? command);
    [, this.#external, this.#internal] = await this.#child.line(/external=(\S+) internal=(\S+)/);
    this.#tokens.clear();
  }

  /** Ends the server as a crash does, and starts it again, with further flags behind those that it had. */
  async crash(...more: string[]) {
    await this.#child.kill();
    await this.#start(...more);
  }

  /** Stops the server and removes its store. */
  async [Symbol.asyncDispose]() {
    await this.#child?.stop();
    await Deno.remove(this.#dir, { recursive: true });
  }

  /** Where the operator's network reaches it. */
  get internal(): string {
    return this.#internal;
  }

  /** How the server ended, once it has. */
  get exited(): Promise<Deno.CommandStatus> {
    return this.#child.exited;
  }

  /** All that the server has logged. */
  get log(): readonly string[] {
    return this.#child.lines;
  }

  /** The port where clients come. */
  get port(): number {
    return Number(new URL(this.#external).port);
  }

  /** Pushes families, or bytes with their headers, for a cluster, which gets a token first if it has none. */
  async push(id: string, body: readonly MetricFamily[] | Uint8Array, headers: HeadersInit = {}): Promise<Answer> {
    const bytes = body instanceof Uint8Array ? body : encodeFamilies(body);
    const response = await fetch(`${this.#external}upload`, {
      method: "POST",
      headers: {
        "authorization": `Bearer ${await this.token(id)}`,
        "content-type": PROTOBUF_CONTENT_TYPE,
        ...Object.fromEntries(new Headers(headers)),
      },
      body: bytes as Uint8Array<ArrayBuffer>,
    });
    return { status: response.status, text: await response.text(), headers: response.headers };
  }

  /** Sends a request of remote write for a cluster, which gets a token first if it has none. */
  async write(
    id: string,
    { headers, body }: { headers: HeadersInit; body: Uint8Array<ArrayBuffer> },
    path = "api/v1/write",
  ): Promise<Answer> {
    const authorization = `Bearer ${await this.token(id)}`;
    const sent = { ...Object.fromEntries(new Headers(headers)), authorization };
    const response = await fetch(this.#external + path, { method: "POST", headers: sent, body });
    return { status: response.status, text: await response.text(), headers: response.headers };
  }

  /** The token that a cluster pushes with. */
  async token(id: string): Promise<string> {
    let token = this.#tokens.get(id);
    if (token === undefined) {
      const url = `${this.#external}authorize?id=${encodeURIComponent(id)}`;
      const response = await fetch(url, { method: "POST", headers: { authorization: "Bearer anything" } });
      token = (await response.json()).token as string;
      this.#tokens.set(id, token);
    }
    return token;
  }

  /** Whether the external listener says that the server lives. */
  async healthy(): Promise<boolean> {
    const response = await fetch(`${this.#external}healthz`);
    await response.body?.cancel();
    return response.ok;
  }

  /** Where it shows what clusters have sent. */
  get federateUrl(): string {
    return `${this.#internal}federate`;
  }

  /** What `/federate` shows. */
  async page(headers: HeadersInit = {}): Promise<string> {
    return new TextDecoder().decode(await this.pageBytes(headers));
  }

  /** The same as it comes. */
  async pageBytes(headers: HeadersInit = {}): Promise<Uint8Array> {
    return await (await fetch(this.federateUrl, { headers })).bytes();
  }

  /** The lines of the page, sorted, without comments. */
  async lines(): Promise<string[]> {
    return (await this.page()).split("\n").filter((line) => line !== "" && !line.startsWith("#")).sort();
  }

  /** The value of a series on `/metrics`, written as there; undefined if it is not there. */
  async metric(series: string): Promise<number | undefined> {
    const text = await (await fetch(`${this.#internal}metrics`)).text();
    const line = text.split("\n").find((line) => line.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  }

  /** The process that it is. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Lets {@linkcode OpenServer.peakBytes} start again from what the server has now (Linux, man 5 proc_pid_clear_refs). */
  async forgetPeak(): Promise<void> {
    await Deno.writeTextFile(`/proc/${this.#child.pid}/clear_refs`, "5");
  }

  /** The most memory that the server has had so far, or since its peak was forgotten, in bytes (Linux). */
  async peakBytes(): Promise<number> {
    const status = await Deno.readTextFile(`/proc/${this.#child.pid}/status`);
    return 1_024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]);
  }
}
