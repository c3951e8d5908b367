import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import fc from "fast-check";
import { HttpError } from "../../../common/http/http.ts";
import { isHost, requestUrl } from "../../../common/http/request_target.ts";

interface Head {
  readonly version?: string;
  readonly method?: string;
  readonly target?: string;
  readonly hosts?: readonly string[];
  readonly coding?: string;
}

/** A message as node makes it of a request's head. */
function message({ version = "1.1", method = "GET", target = "/a", hosts = ["b"], coding }: Head): IncomingMessage {
  const [httpVersionMajor, httpVersionMinor] = version.split(".").map(Number);
  const rawHeaders = ["X", "y", ...hosts.flatMap((host) => ["hOsT", host])];
  const headers = {
    ...(hosts.length > 0 ? { host: hosts[0] } : {}),
    ...(coding === undefined ? {} : { "transfer-encoding": coding }),
  };
  return {
    httpVersion: version,
    httpVersionMajor,
    httpVersionMinor,
    method,
    url: target,
    headers,
    rawHeaders,
  } as unknown as IncomingMessage;
}

const urlOf = (head: Head, secure = false) => requestUrl(message(head), { secure });

Deno.test("requestUrl() takes the target that there is, whatever the Host", () => {
  const rows: [head: Head, url: string][] = [
    [{}, "http://localhost/a"],
    [{ target: "/a/../b?c=/d#e" }, "http://localhost/a/../b?c=/d#e"],
    [{ target: "//evil.example/a" }, "http://localhost//evil.example/a"],
    [{ hosts: [""] }, "http://localhost/a"],
    [{ hosts: ["[::1]:9003"] }, "http://localhost/a"],
    [{ hosts: ["a_b.c~d:65535"] }, "http://localhost/a"],
    [{ version: "1.0", hosts: [] }, "http://localhost/a"],
    [{ target: "http://a.example:80/b?c" }, "http://localhost/b?c"],
    [{ target: "HTTPS://[::1]/b" }, "http://localhost/b"],
    [{ target: "http://a.example" }, "http://localhost/"],
    [{ target: "http://a.example?b" }, "http://localhost/?b"],
    [{ method: "OPTIONS", target: "*" }, "http://localhost/*"],
    [{ method: "POST", coding: "Chunked" }, "http://localhost/a"],
  ];
  for (const [head, url] of rows) assert.equal(urlOf(head), url, JSON.stringify(head));
  assert.equal(urlOf({}, true), "https://localhost/a");
});

Deno.test("requestUrl() refuses what has no meaning, and closes the connection where the end of the request is in doubt", () => {
  const rows: (readonly [head: Head, status: number, words: RegExp, closes?: true])[] = [
    [{ hosts: [] }, 400, /without a Host header/],
    [{ hosts: ["a", "a"] }, 400, /more than one Host header/],
    [{ version: "1.0", hosts: ["a", "b"] }, 400, /more than one Host header/],
    [{ hosts: ["a/b"] }, 400, /Cannot read the Host header/],
    [{ hosts: ["a b"] }, 400, /Cannot read the Host header/],
    [{ hosts: ["u@b"] }, 400, /Cannot read the Host header/],
    [{ target: "*" }, 400, /Cannot take this target/],
    [{ target: "a" }, 400, /Cannot take this target/],
    [{ target: "ftp://a/b" }, 400, /Cannot take this target/],
    [{ target: "http:///b" }, 400, /Cannot take this target/],
    [{ target: "http://:80/b" }, 400, /Cannot take this target/],
    [{ target: "http://[::1/b" }, 400, /Cannot take this target/],
    [{ target: "http://a:99999/b" }, 400, /Cannot take this target/],
    [{ target: "http://a:b:c/b" }, 400, /Cannot take this target/],
    [{ hosts: ["[::1"] }, 400, /Cannot read the Host header/],
    [{ version: "1.0", hosts: ["a:99999"] }, 400, /Cannot read the Host header/],
    [{ target: "http://u:p@a/b" }, 400, /Cannot take this target/],
    [{ version: "2.0" }, 505, /Cannot speak HTTP\/2\.0/, true],
    [{ version: "0.9", hosts: [] }, 505, /Cannot speak HTTP\/0\.9/, true],
    ...["", "gzip, chunked", "chunked, chunked", "chunked;a", "identity", "\vchunked"].map((coding) =>
      [{ coding }, 501, /Cannot take a Transfer-Encoding other than chunked/, true] as const
    ),
    [{ hosts: [], coding: "" }, 501, /Cannot take a Transfer-Encoding/, true],
    [{ hosts: ["a", "a"], target: "a", version: "1.0", coding: "chunked" }, 400, /Transfer-Encoding in HTTP/, true],
    [{ version: "1.0", coding: "chunked" }, 400, /Cannot take a Transfer-Encoding in HTTP\/1\.0/, true],
  ];
  for (const [head, status, words, closes] of rows) {
    assert.throws(() => urlOf(head), (error) => {
      assert(error instanceof HttpError);
      assert.equal(error.status, status);
      assert.match(error.message, words);
      assert.equal(error.headers?.connection, closes && "close");
      return true;
    }, JSON.stringify(head));
  }
});

Deno.test("isHost() takes a name or address and a port, each of which may be lacking, and nothing else", () => {
  const good = [
    ...[
      "",
      ":",
      ":9003",
      "a:",
      "a:0",
      "a:09003",
      "a:65535",
      "telemeter_upstream",
      "my-host.example.",
      "a,b",
      "%41.example",
    ],
    ...["10.0.0.1:9003", "999.1.1.1", "[::1]", "[::1]:9003", "[FD00::1]:", "[::ffff:10.0.0.1]:80", "[fe80::1%eth0]"],
    ...["[fe80::1%25eth0]:9003"],
  ];
  const bad = [
    ...[
      "[::1",
      "::1]",
      "[]",
      "[",
      "[::1]]",
      "[::1]a",
      "a[::1]",
      "[::1]:65536",
      "[::g]",
      "[1]",
      "[:::1]",
      "[::1%]",
      "[a.b]",
    ],
    ...[
      "a:99999",
      "a:65536",
      ":65536",
      "a:b",
      "a:b:c",
      "a:1:2",
      "::1",
      "fd00::1",
      "a::1",
      "a:-1",
      "a:+1",
      "a:1e3",
      "a: 1",
    ],
    ...[
      "a/b",
      "a?b",
      "a#b",
      "u@b",
      "a b",
      "a\\b",
      "%",
      "%zz",
      "a%4",
      "é",
      '"a"',
      "<a>",
      "a\u007f",
      "a\0",
      "a|b",
      "a, b",
    ],
  ];
  for (const host of good) assert(isHost(host), host);
  for (const host of bad) assert(!isHost(host), host);
});

Deno.test("requestUrl() lets no Host and no target make another URL of a request, or none", () => {
  const odd = fc.string({ unit: fc.constantFrom(..."ab./:?#@[]%\\~ \t\u{7f}é"), maxLength: 12, size: "max" });
  fc.assert(fc.property(odd, odd, fc.constantFrom("/", "http://", ""), (host, rest, start) => {
    let url;
    try {
      url = urlOf({ hosts: [host], target: start + rest });
    } catch (error) {
      return error instanceof HttpError && error.status === 400;
    }
    const parsed = URL.parse(url);
    return isHost(host) && parsed?.origin === "http://localhost" && parsed.username === "";
  }));
});
