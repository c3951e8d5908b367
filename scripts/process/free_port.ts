/**
 * Ports for programs that must be found at the same place again after a restart.
 *
 * @module
 */

// Below the ports that systems lend to outgoing connections (Linux from 32768, others from 49152): one of those may be
// taken, by a mere scrape, while the program that listens there is being restarted.
const FIRST_PORT = 10_000;
const PORTS = 20_000;
const ATTEMPTS = 100;

/** Those that were given out: programs that do not listen yet, or not at the moment, leave them free. */
const given = new Set<number>();

/** Whether nothing listens on a TCP port of this machine. */
export function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "0.0.0.0", port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}

/** A TCP port that nothing listens on, and that this process was not given before; the preferred one if that is free. */
export function freePort({ preferred }: { preferred?: number } = {}): number {
  if (preferred !== undefined && isFree(preferred)) return preferred;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    if (given.has(port) || !isFree(port)) continue;
    if (given.size >= PORTS / 2) given.clear();
    given.add(port);
    return port;
  }
  throw new Error(
    `Cannot find a free port: ${ATTEMPTS} tried ones between ${FIRST_PORT} and ${FIRST_PORT + PORTS} are taken`,
  );
}

/** A function that gives out no port twice, as those whose programs do not listen yet look free. */
export function distinctPorts(portFor: (usual: number) => number = () => freePort()): (usual?: number) => number {
  const given = new Set<number>();
  return (usual = 0) => {
    let port = portFor(usual);
    while (given.has(port)) port = freePort();
    given.add(port);
    return port;
  };
}

/** The root of what listens on a port of this machine. */
export function localUrl(port: number): URL {
  return new URL(`http://127.0.0.1:${port}/`);
}
