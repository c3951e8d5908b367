/**
 * An HTTP client that does only what a test tells it to: it writes bytes, and shows what comes back.
 *
 * @module
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1");

/** One connection. Everything that arrives is kept in `received`. */
export class RawClient implements Disposable {
  readonly #connection: Deno.Conn;
  /** What has been read so far, a character a byte. */
  received = "";

  private constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  /** Connects to a listener of this machine; with `caCert` over TLS. */
  static async connect(port: number, { caCert }: { caCert?: string } = {}): Promise<RawClient> {
    const at = { hostname: "127.0.0.1", port };
    return new RawClient(caCert ? await Deno.connectTls({ ...at, caCerts: [caCert] }) : await Deno.connect(at));
  }

  /** The local port, by which the server's log could name this client. */
  get localPort(): number {
    return (this.#connection.localAddr as Deno.NetAddr).port;
  }

  /** Sends a text or bytes whole. Rejects once the server takes no more. */
  async send(data: string | Uint8Array): Promise<void> {
    let rest = typeof data === "string" ? encoder.encode(data) : data;
    while (rest.length > 0) rest = rest.subarray(await this.#connection.write(rest));
  }

  /** Sends no more, and goes on reading. */
  async closeWrite(): Promise<void> {
    await this.#connection.closeWrite();
  }

  /** Sends `unit` again and again until `total` bytes are sent or the server takes no more; returns how many it took. */
  async flood(unit: Uint8Array, total: number): Promise<number> {
    let sent = 0;
    try {
      while (sent < total) sent += await this.#connection.write(unit.subarray(0, total - sent));
    } catch {
      // The server closed the connection.
    }
    return sent;
  }

  /** Reads until what has come matches, and returns the match. Fails if the connection ends before. */
  async until(pattern: RegExp): Promise<RegExpMatchArray> {
    for (;;) {
      const match = this.received.match(pattern);
      if (match) return match;
      if (!await this.#read()) throw new Error(`The connection ended after ${JSON.stringify(this.received)}`);
    }
  }

  /** Reads until the server ends the connection, orderly or not, and returns all that has come. */
  async untilClosed(): Promise<string> {
    while (await this.#read());
    return this.received;
  }

  /** Reads until the server ends the connection in an orderly way, and returns all that has come. */
  async untilEnd(): Promise<string> {
    const buffer = new Uint8Array(65_536);
    for (let n; (n = await this.#connection.read(buffer)) !== null;) {
      this.received += decoder.decode(buffer.subarray(0, n));
    }
    return this.received;
  }

  /** Reads at least so many bytes more without keeping them. */
  async drink(bytes: number): Promise<void> {
    const buffer = new Uint8Array(65_536);
    for (let left = bytes; left > 0;) {
      const n = await this.#connection.read(buffer);
      if (n === null) throw new Error("The connection ended");
      left -= n;
    }
  }

  /** Closes the connection. */
  [Symbol.dispose](): void {
    try {
      this.#connection.close();
    } catch {
      // Closed by the test already.
    }
  }

  async #read(): Promise<boolean> {
    const buffer = new Uint8Array(65_536);
    const n = await this.#connection.read(buffer).catch(() => null);
    if (n === null) return false;
    this.received += decoder.decode(buffer.subarray(0, n));
    return true;
  }
}
