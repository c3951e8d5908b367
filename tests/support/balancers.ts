/**
 * HAProxy and nginx of this machine, in front of our programs, as processes of a test.
 *
 * @module
 */

import { Child } from "../../scripts/process/child.ts";
import { eventually } from "../../scripts/process/eventually.ts";
import { freePort } from "../../scripts/process/free_port.ts";
import type { Folder, RunningProgram } from "./programs.ts";

/** A program that balances. */
export type Balancer = "haproxy" | "nginx";

/** What a test of a balancer is called and whether it runs: where the program is not installed, its name says so. */
export function withBalancer(
  balancer: Balancer,
  sentence: string,
): { readonly name: string; readonly ignore: boolean } {
  const installed = pathOf(balancer) !== undefined;
  return { name: installed ? sentence : `${sentence} (skipped: ${balancer} is not installed)`, ignore: !installed };
}

/** A running balancer with as many ports as its configuration asked for. */
export interface RunningBalancer extends RunningProgram {
  /** Where it listens, in the order in which the ports were asked for. */
  readonly ports: readonly number[];
}

/** Starts HAProxy with the sections of a configuration behind `defaults`, which may bind so many ports. */
export async function startHaproxy(
  sections: (...ports: number[]) => string,
  { folder, ports: count = 1 }: { readonly folder: Folder; readonly ports?: number },
): Promise<RunningBalancer> {
  const ports = Array.from({ length: count }, () => freePort());
  const path = await folder.write(`haproxy-${ports[0]}.cfg`, `${HAPROXY_DEFAULTS}${sections(...ports)}\n`);
  return await running("haproxy", ["-db", "-f", path], ports);
}

/** Starts nginx with the content of an `http` block, which may listen on so many ports. */
export async function startNginx(
  http: (...ports: number[]) => string,
  { folder, ports: count = 1 }: { readonly folder: Folder; readonly ports?: number },
): Promise<RunningBalancer> {
  const ports = Array.from({ length: count }, () => freePort());
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((what) =>
    `${what}_temp_path ${folder.path}/${what};`
  ).join("\n");
  // A master that is root would hand its workers to a user who may not enter the folder.
  const user = Deno.uid() === 0 ? "user root;" : "";
  const text = `${user}
daemon off;
error_log stderr warn;
pid ${folder.path}/nginx-${ports[0]}.pid;
events {}
http {
access_log off;
${temporary}
${http(...ports)}
}
`;
  const path = await folder.write(`nginx-${ports[0]}.conf`, text);
  return await running("nginx", ["-p", folder.path, "-e", "stderr", "-c", path], ports);
}

const HAPROXY_DEFAULTS = `global
  log stdout format raw local0 debug
defaults
  mode http
  log global
  option log-health-checks
  timeout connect 5s
  timeout client 20s
  timeout server 20s
  timeout check 5s
  default-server inter 1s rise 1 fall 1
`;

async function running(balancer: Balancer, args: string[], ports: number[]): Promise<RunningBalancer> {
  const child = new Child({ name: balancer, path: pathOf(balancer)!, args });
  try {
    for (const port of ports) await listens(port, child);
  } catch (error) {
    await child.kill();
    throw error;
  }
  return { child, ports, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

async function listens(port: number, child: Child): Promise<void> {
  await eventually(`${child.name} to listen on ${port}`, async () => {
    if (child.gone) return true;
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionRefused) return undefined;
      throw error;
    }
  }, { timeoutMs: 10_000 });
  if (child.gone) throw new Error(`The program ${child.name} has ended:\n${child.tail()}`);
}

/** Debian keeps them where only administrators look for programs. */
function pathOf(balancer: Balancer): string | undefined {
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => `${folder}/${balancer}`).find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}
