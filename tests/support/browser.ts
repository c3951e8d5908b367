/**
 * A real Chromium, where this machine has one, that looks at our pages and keeps account of what it minds.
 *
 * @module
 */

import assert from "node:assert/strict";
import axe from "axe-core";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

/** Where Debian and others put it. */
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

const executablePath = PLACES.find((path) => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
});

/** A tab that looks at the pages of one origin. */
export interface Tab extends AsyncDisposable {
  /** Its page. */
  readonly page: Page;
  /** What has gone wrong so far: errors, what the Content-Security-Policy barred, requests to elsewhere, dialogs. */
  readonly faults: readonly string[];
}

/** A browser. */
export interface TestBrowser {
  /** Opens a tab of its own, without the storage of others. `at` is the origin that it may ask. */
  open(at: string, options?: BrowserContextOptions): Promise<Tab>;
}

/** A test in a browser; where there is none, it is skipped, and its name says so. */
export function browserTest(name: string, test: (browser: TestBrowser) => Promise<void>): void {
  if (executablePath === undefined) {
    return Deno.test({ name: `${name} (skipped: there is no Chromium)`, ignore: true, fn: () => {} });
  }
  // The sanitizers would count what the driver of the browser keeps open for the next one.
  const sanitizers = { sanitizeOps: false, sanitizeResources: false };
  Deno.test({
    name,
    ...sanitizers,
    fn: async () => {
      // Root has no sandbox in most containers, and looks at nothing but our own pages here.
      const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-quic"] });
      try {
        await test({ open: (at, options) => openTab(browser, at, options) });
      } finally {
        await browser.close();
      }
    },
  });
}

/** Run in each page, before its own script. */
const TELL_VIOLATIONS = `addEventListener("securitypolicyviolation", (event) =>
  tellViolation(event.violatedDirective + " " + event.blockedURI))`;

async function openTab(browser: Browser, at: string, options: BrowserContextOptions = {}): Promise<Tab> {
  const context = await browser.newContext({ viewport: { width: 1_400, height: 900 }, ...options });
  context.setDefaultTimeout(60_000);
  const faults: string[] = [];
  const { origin } = new URL(at);
  if (options.javaScriptEnabled !== false) {
    await context.exposeFunction("tellViolation", (what: string) => void faults.push(`policy: ${what}`));
    await context.addInitScript(TELL_VIOLATIONS);
  }
  const page = await context.newPage();
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`script: ${error.message}`));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== origin) faults.push(`asked ${request.url()}`);
  });
  return { page, faults, [Symbol.asyncDispose]: () => context.close() };
}

/** Run in a page that has axe-core. */
const RUN_AXE = `axe.run({ resultTypes: ["violations"] }).then(({ violations }) => violations.map(({ id, nodes }) =>
  id + ": " + nodes.slice(0, 3).map(({ html }) => html).join(" ")))`;

/** Fails if axe-core minds anything about a page, or cannot tell whether its colours are far enough apart. */
export async function assertAccessible(page: Page, about: string): Promise<void> {
  await page.evaluate(axe.source);
  const found = await page.evaluate(RUN_AXE);
  assert.deepEqual(found, [], about);
}

/** The flags that a page breaks: one that is copied would lose its dashes. */
const BROKEN_FLAGS = `(() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), broken = [];
  while (walker.nextNode()) {
    for (const { 0: flag, index } of walker.currentNode.data.matchAll(/--[a-z][a-z0-9]*(?:[-.][a-z0-9]+)*/g)) {
      const range = document.createRange();
      range.setStart(walker.currentNode, index);
      range.setEnd(walker.currentNode, index + flag.length);
      if (new Set(Array.from(range.getClientRects(), ({ top }) => Math.round(top))).size > 1) broken.push(flag);
    }
  }
  return broken;
})()`;

/** Fails if a page is wider than its window, or breaks a flag. */
export async function assertFits(page: Page, about: string): Promise<void> {
  assert.deepEqual(await page.evaluate<string[]>(BROKEN_FLAGS), [], `${about}: flags across lines`);
  const beyond = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
  assert.ok(beyond <= 0, `${about}: ${beyond} px beyond the window`);
}
