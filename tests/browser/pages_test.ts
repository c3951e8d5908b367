/** The pages of a real server, in a real browser. */

import assert from "node:assert/strict";
import { assertAccessible, assertFits, browserTest } from "../support/browser.ts";
import { BANNED_ID, HOSTILE_IDS, showSources } from "../support/shown_sources.ts";

const VIEWS = [
  ...[
    "/",
    "/?state=refused",
    "/?search=nobody",
    "/sources/refused",
    "/sources/silent",
    "/sources/tight",
    "/sources/over",
    "/sources/writer",
    "/sources/both",
  ],
  ...[`/sources/${encodeURIComponent(HOSTILE_IDS[5])}`, "/sources/nobody", `/sources/${BANNED_ID}`],
  ...["/strangers", "/ring", "/sinks", "/status", "/certificates"],
];

browserTest(
  "every page of a server fits its window, is accessible, and asks nobody else, light and dark",
  async (browser) => {
    await using shown = await showSources();
    for (const width of [1_400, 360]) {
      for (const colorScheme of ["light", "dark"] as const) {
        await using tab = await browser.open(shown.url, { viewport: { width, height: 900 }, colorScheme });
        for (const view of VIEWS) {
          const about = `${view.slice(0, 40)} at ${width} px, ${colorScheme}`;
          await tab.page.goto(shown.url + view);
          await assertFits(tab.page, about);
          await assertAccessible(tab.page, about);
          // A browser tells of every answer that is an error, be it a page.
          const expected = /^console: Failed to load resource: .* 404/;
          assert.deepEqual(tab.faults.filter((fault) => !expected.test(fault)), [], about);
        }
      }
    }
  },
);

browserTest("the page of sources shows each in its state, and whatever is in its id as text", async (browser) => {
  await using shown = await showSources();
  await using tab = await browser.open(shown.url);
  const { page, faults } = tab;
  const dialogs: string[] = [];
  page.on("dialog", async (dialog) => {
    dialogs.push(dialog.message());
    await dialog.dismiss();
  });
  await page.goto(shown.url);
  const rows = await page.locator("tbody tr").evaluateAll((rows) =>
    rows.map((row) => [row.querySelector("a.id")!.textContent, row.querySelector(".state")!.textContent])
  );
  const states = new Map(rows as [string, string][]);
  for (
    const [id, state] of [["refused", "refused"], ["over", "refused"], ["silent", "silent"], ["tight", "up"], [
      "edge-oslo",
      "up",
    ]]
  ) {
    assert.equal(states.get(id), state, id);
  }
  for (const id of HOSTILE_IDS) {
    assert.equal(states.get(id), "up", id);
    await page.goto(shown.url);
    await page.locator("a.id").filter({ hasText: id }).first().click();
    assert.equal(await page.locator("h1").textContent(), id);
    assert.equal(await page.locator("dt").first().textContent(), "Last push ");
    const href = await page.getByRole("link", { name: "Its series as a Prometheus gets them" }).getAttribute("href");
    const series = await page.request.get(new URL(href!, shown.url).href);
    assert.match(await series.text(), /^# TYPE node_cpu_seconds_total counter|^$/);
  }
  assert.deepEqual([dialogs, faults], [[], []]);
});

/** What has the focus, and whether the reader sees that. */
const FOCUS = `(() => {
  const at = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(at);
  const { left, width, height } = at.getBoundingClientRect();
  const isSeen = outlineStyle !== "none" && parseFloat(outlineWidth) > 0 && left >= 0 && width > 0 && height > 0;
  return { word: at.textContent.trim() || at.getAttribute("name"), isSeen };
})()`;

browserTest("a page is used by the keyboard alone", async (browser) => {
  await using shown = await showSources();
  await using tab = await browser.open(shown.url);
  const { page } = tab;
  const focus = () => page.evaluate<{ word: string; isSeen: boolean }>(FOCUS);
  await page.goto(shown.url);
  const order: string[] = [];
  for (let i = 0; i < 18; i++) {
    await page.keyboard.press("Tab");
    const { word, isSeen } = await focus();
    assert.ok(isSeen, `The focus is not seen at ${word}`);
    order.push(word.replace(/^\d+ /, "").replace(/[▲▼]/, ""));
  }
  assert.deepEqual(order, [
    ...["Skip to the content", "Telemeter server", "Sources", "Strangers", "Ring", "Sinks", "Status", "Certificates"],
    ...["all sources", "refused", "silent", "near a limit", "up", "by remote write"],
    ...["search", "Stop refreshing", "State", "Source"],
  ]);
  // Sorts.
  await page.keyboard.press("Enter");
  await page.waitForURL("**/?sort=id");
  assert.equal(await page.locator("th[aria-sort=ascending]").textContent(), "Source▲");
  // Filters.
  await page.locator("a", { hasText: "near a limit" }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL("**/?near=1&sort=id");
  assert.deepEqual(await page.locator("a.id").allTextContents(), ["tight"]);
  // Searches, without leaving the field.
  await page.goto(shown.url);
  await page.locator("input[type=search]").focus();
  await page.keyboard.type("EDGE-");
  await page.waitForURL("**/?search=EDGE-");
  assert.deepEqual((await page.locator("a.id").allTextContents()).sort(), ["edge-osaka", "edge-oslo"]);
  await page.keyboard.type("os");
  await page.waitForURL("**/?search=EDGE-os");
  assert.equal(await page.inputValue("input[type=search]"), "EDGE-os");
  // Skips the menu.
  await page.goto(shown.url);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.match((await focus()).word, /all sources$/);
  assert.deepEqual(tab.faults, []);
});

browserTest(
  "a page stays current by itself where its reader is, until that is stopped, and says when it cannot",
  async (browser) => {
    await using shown = await showSources();
    await using tab = await browser.open(shown.url);
    const { page } = tab;
    await page.clock.install();
    await page.goto(shown.url);
    await page.locator("a.id", { hasText: "silent" }).focus();
    const refreshed = async () => {
      const answer = page.waitForResponse((response) => new URL(response.url()).pathname === "/");
      await page.clock.runFor(10_000);
      await (await answer).finished();
    };
    const before = await page.locator("footer time").getAttribute("datetime");
    await refreshed();
    await page.waitForFunction(
      `document.querySelector("footer time").getAttribute("datetime") !== ${JSON.stringify(before)}`,
    );
    assert.equal(await page.evaluate("document.activeElement.textContent"), "silent");
    await page.route("**/*", (route) => route.abort());
    await page.clock.runFor(10_000);
    await page.getByRole("alert").waitFor();
    assert.match(await page.getByRole("alert").textContent() ?? "", /what is here is old/);
    await page.unroute("**/*");
    await refreshed();
    await page.getByRole("alert").waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "Stop refreshing" }).click();
    let asked = 0;
    page.on("request", () => asked++);
    await page.clock.runFor(60_000);
    assert.equal(asked, 0);
    assert.equal(await page.getByRole("button").textContent(), "Refresh again");
  },
);

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "after a question" : "without a script";
  browserTest(`a page searches, revokes and forgets ${how}`, async (browser) => {
    await using shown = await showSources();
    await using tab = await browser.open(shown.url, { javaScriptEnabled });
    const { page, faults } = tab;
    const questions: string[] = [];
    let isYes = false;
    page.on("dialog", async (dialog) => {
      questions.push(dialog.message());
      await (isYes ? dialog.accept() : dialog.dismiss());
    });
    await page.goto(shown.url);
    await page.locator("input[type=search]").fill("sil");
    await page.locator("input[type=search]").press("Enter");
    await page.waitForURL("**/?search=sil");
    await page.locator("a.id").click();
    if (javaScriptEnabled) {
      await page.getByRole("button", { name: "Forget this source" }).click();
      assert.deepEqual(questions.length, 1);
      assert.match(page.url(), /\/sources\/silent$/);
    }
    isYes = true;
    await page.getByRole("button", { name: "Forget this source" }).click();
    await page.waitForURL("**/?done=forgotten");
    assert.equal(await page.locator("a.id", { hasText: "silent" }).count(), 0);
    const id = HOSTILE_IDS[2];
    await page.goto(`${shown.url}/sources/${encodeURIComponent(id)}`);
    await page.getByRole("button", { name: "Revoke this source" }).click();
    await page.waitForURL("**/*?done=revoked");
    assert.match(await page.locator("main").textContent() ?? "", /Revoked at this server\..*revoked Its id is revoked/);
    assert.equal(await Deno.readTextFile(shown.revokedFile), `# those that left\nbanned\n${id}\n`);
    assert.equal((await shown.server.push(id, [])).status, 401);
    assert.deepEqual(faults, []);
    const told = shown.server.log.filter((line) => line.includes("as an operator asked"));
    assert.equal(told.length, 2);
    for (const line of told) assert.match(line, /by=127\.0\.0\.1/);
  });
}
