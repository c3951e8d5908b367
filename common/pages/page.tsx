/**
 * The frame of every page, and the small parts that pages are made of. Whatever is put into them is text: it is escaped where
 * it is written.
 *
 * @module
 */

import type { Child, FC, PropsWithChildren } from "@hono/hono/jsx";
import type { Route } from "../http/app.ts";
import { PAGE_SCRIPT } from "./page_script.ts";
import { PAGE_STYLE } from "./page_style.ts";

/** A page of the menu. */
export interface MenuItem {
  /** Where it is. */
  readonly href: string;
  /** What it is called. */
  readonly name: string;
  /** What on it needs somebody's attention. @default nothing */
  readonly badge?: { readonly tone: Tone; readonly count: number; readonly what: string };
}

/** What a {@linkcode renderPage} makes a page of. */
export interface PageOptions {
  /** The heading, and the start of the window's title. */
  readonly title: string;
  /** What the program is, such as `server`. */
  readonly program: string;
  /** Where it runs, or its name among others. */
  readonly where?: string;
  /** The pages that there are. */
  readonly menu: readonly MenuItem[];
  /** The `href` of the page of the menu that this is, or belongs to. */
  readonly at: string;
  /** What it shows. */
  readonly body: Child;
  /** The page that this one was reached from, where that is not to be seen in the menu. */
  readonly back?: MenuItem;
  /** Where programs find the same. */
  readonly json?: string;
  /** When what it shows was so, in milliseconds since the epoch. */
  readonly nowMs: number;
  /** The status of the response. @default {200} */
  readonly status?: number;
}

/** Only what the server itself sends may run, be shown or be asked, and nobody may frame it. */
const HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
    "frame-ancestors 'none'; base-uri 'none'",
  "x-content-type-options": "nosniff",
  // Without any, browsers say of a form that it comes from nowhere (`Origin: null`), and `acting()` refuses that.
  "referrer-policy": "same-origin",
  "cache-control": "no-store",
};

/** Writes a page. */
export async function renderPage(
  { title, program, where, menu, at, body, back, json, nowMs, status = 200 }: PageOptions,
): Promise<Response> {
  const page = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{`${title} · Telemeter ${program}`}</title>
        <link rel="icon" href="/assets/icon.svg" />
        <link rel="stylesheet" href="/assets/page.css" />
        <script src="/assets/page.js" defer></script>
      </head>
      <body>
        <a class="skip" href="#content">Skip to the content</a>
        <header class="top">
          <div>
            <a class="brand" href="/">
              Telemeter <span>{program}</span>
            </a>
            <nav aria-label="Pages">
              <ul>
                {menu.map(({ href, name, badge }) => (
                  <li>
                    <a href={href} aria-current={href === at ? "page" : undefined}>
                      {name}
                      {badge !== undefined && (
                        <>
                          {" "}
                          <span class={`badge ${badge.tone}`} title={`${badge.count} ${badge.what}`}>
                            {badge.count} <span class="hidden">{badge.what}</span>
                          </span>
                        </>
                      )}
                    </a>
                  </li>
                ))}
              </ul>
            </nav>
            {where !== undefined && <div class="where">{where}</div>}
          </div>
        </header>
        <main id="content" tabindex={-1}>
          {back !== undefined && (
            <p class="back">
              <a href={back.href}>← {back.name}</a>
            </p>
          )}
          <h1>
            <bdi>{title}</bdi>
          </h1>
          {body}
          <footer>
            As of <time datetime={timeOf(nowMs)}>{timeOf(nowMs).replace("T", " ").replace(/\.\d+Z/, " UTC")}</time>
            {json !== undefined && (
              <>
                {" · "}
                <a href={json}>the same as JSON</a>
              </>
            )}
          </footer>
        </main>
      </body>
    </html>
  );
  return new Response("<!doctype html>" + await page.toString(), { status, headers: HEADERS });
}

const ICON =
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b6b72"/>` +
  `<path d="M7 21a9 9 0 0 1 18 0" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round"/>` +
  `<path d="M16 21l5-7" stroke="#fff" stroke-width="3" stroke-linecap="round"/></svg>`;

/** The routes of what every page needs. */
export const PAGE_ASSETS: Readonly<Record<string, Route>> = {
  "/assets/page.css": asset(PAGE_STYLE, "text/css; charset=utf-8"),
  "/assets/page.js": asset(PAGE_SCRIPT, "text/javascript; charset=utf-8"),
  "/assets/icon.svg": asset(ICON, "image/svg+xml"),
};

function asset(text: string, type: string): Route {
  const headers = { "content-type": type, "x-content-type-options": "nosniff", "cache-control": "max-age=300" };
  return { name: "assets", get: () => new Response(text, { headers }) };
}

/** How good or bad something is. */
export type Tone = "good" | "warn" | "bad" | "off";

const SHAPES: Readonly<Record<Tone, string>> = {
  good: "M5 0a5 5 0 1 0 0 10a5 5 0 1 0 0-10z",
  warn: "M5 0.5l5 9h-10z",
  bad: "M0 0h10v10h-10z",
  off: "M0 3.5h10v3h-10z",
};

/** A word for a state, told by colour and by shape. */
export const State: FC<{ readonly tone: Tone; readonly word: string }> = ({ tone, word }) => (
  <span class={`state ${tone}`}>
    <svg viewBox="0 0 10 10" aria-hidden="true">
      <path d={SHAPES[tone]} />
    </svg>
    {word}
  </span>
);

/** A bar that is full at 1. `label` says the same in words, to those who do not see it. */
export const Bar: FC<{ readonly ratio: number; readonly tone: Tone; readonly label: string }> = (
  { ratio, tone, label },
) => (
  <svg class="bar" viewBox="0 0 110 6" preserveAspectRatio="none" role="img" aria-label={label}>
    <rect class="track" width="110" height="6" rx="3" />
    {ratio > 0 && (
      <rect class={tone} width={String(Math.max(3, Math.round(Math.min(1, ratio) * 110)))} height="6" rx="3" />
    )}
  </svg>
);

/** A moment: how long ago, or how soon, with the exact time behind it. */
export const Moment: FC<{ readonly at: string; readonly nowMs: number }> = ({ at, nowMs }) => {
  const ms = nowMs - Date.parse(at);
  return <time datetime={at} title={at}>{ms >= 0 ? `${shortDuration(ms)} ago` : `in ${shortDuration(-ms)}`}</time>;
};

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

/** A cell of a table that folds on narrow screens, where its label stands before it. */
export const Cell: FC<PropsWithChildren<{ readonly label: string; readonly class?: string }>> = (
  { label, class: name, children },
) => (
  <td data-label={label} class={name}>
    <div>{children}</div>
  </td>
);

/** A fact in a list of them: `<dl class="facts">`. */
export const Fact: FC<PropsWithChildren<{ readonly name: Child; readonly flag?: string }>> = (
  { name, flag, children },
) => (
  <div>
    <dt>
      {name} {flag !== undefined && <code>{flag}</code>}
    </dt>
    <dd>{children}</dd>
  </div>
);

/** How near a share of a limit is to it. */
export function toneOfShare(ratio: number): Tone {
  return ratio >= 1 ? "bad" : ratio >= NEAR ? "warn" : "good";
}

/** From this share of a limit on somebody should look. */
const NEAR = 0.8;

/** A duration in one or two units: `45 s`, `12 min`, `3 h 20 min`, `5 d`. */
export function shortDuration(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d`;
}

/** A number with its thousands apart: `1,204,511`. */
export function number(value: number): string {
  return value.toLocaleString("en-US");
}

/** Bytes in the largest unit that leaves a number of at least one: `31.2 kB`. */
export function byteSize(bytes: number): string {
  const units = ["B", "kB", "MB", "GB"];
  let at = 0;
  while (bytes >= 1_000 && at < units.length - 1) {
    bytes /= 1_000;
    at++;
  }
  return `${at === 0 ? bytes : bytes.toFixed(1)} ${units[at]}`;
}
