/**
 * How pages look: one style sheet for all of them, light and dark, from 320 px up.
 *
 * @module
 */

/** The style sheet. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#f6f7f9, #0f1419);
  --card: light-dark(#ffffff, #171d24);
  --line: light-dark(#dfe3e8, #2a323c);
  --ink: light-dark(#17202a, #e6eaef);
  --soft: light-dark(#56616e, #9aa7b5);
  --accent: light-dark(#0b6b72, #5cc8cf);
  --track: light-dark(#e9ecf0, #252d37);
  --good: light-dark(#126b3c, #4cc38a);
  --warn: light-dark(#8f5400, #f0b050);
  --bad: light-dark(#b3261e, #ff8a80);
  --off: light-dark(#5c6773, #93a0ae);
  --good-ground: light-dark(#e5f5ec, #12301f);
  --warn-ground: light-dark(#fdf1dc, #35270c);
  --bad-ground: light-dark(#fdeae8, #3a1714);
  --off-ground: light-dark(#eceff2, #232b34);
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
a { color: var(--accent); text-underline-offset: 2px; }
a:focus-visible, button:focus-visible, input:focus-visible, summary:focus-visible, [tabindex]:focus-visible {
  outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px;
}
.back { margin: -8px 0 6px; font-size: 14px; } .back a { text-decoration: none; } .back a:hover { text-decoration: underline; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 12px; top: 12px; background: var(--card); padding: 8px 12px; z-index: 2; }
header.top { background: var(--card); border-bottom: 1px solid var(--line); }
header.top > div {
  max-width: 1320px; margin: 0 auto; padding: 0 24px; display: flex; gap: 4px 28px; align-items: center; flex-wrap: wrap;
}
.brand { font-weight: 650; letter-spacing: -0.01em; font-size: 17px; padding: 12px 0; color: var(--ink); text-decoration: none; }
.brand span { color: var(--soft); font-weight: 400; }
nav ul { display: flex; flex-wrap: wrap; gap: 2px; margin: 0; padding: 0; list-style: none; }
nav a { display: block; padding: 12px; color: var(--soft); text-decoration: none; border-bottom: 2px solid transparent; }
nav a:hover { color: var(--ink); }
nav a[aria-current] { color: var(--ink); border-bottom-color: var(--accent); font-weight: 550; }
.badge { display: inline-block; min-width: 20px; padding: 0 6px; border-radius: 99px; font-size: 12px; line-height: 20px; font-weight: 600; text-align: center; }
.badge.warn { color: var(--warn); background: var(--warn-ground); } .badge.bad { color: var(--bad); background: var(--bad-ground); }
.where { margin-left: auto; color: var(--soft); font-size: 13px; }
main { max-width: 1320px; margin: 0 auto; padding: 24px; }
h1 { font-size: 22px; line-height: 1.25; margin: 0 0 16px; letter-spacing: -0.01em; font-weight: 650; overflow-wrap: anywhere; }
h2 { font-size: 16px; margin: 32px 0 10px; font-weight: 600; }
p { margin: 0 0 12px; max-width: 75ch; }
.soft { color: var(--soft); }
.small { font-size: 13px; }
.id { font-family: ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; font-size: 13px; overflow-wrap: anywhere; unicode-bidi: isolate; }
.num { text-align: right; font-variant-numeric: tabular-nums; }
.nowrap { white-space: nowrap; }
.counts { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 12px; margin: 0 0 20px; padding: 0; list-style: none; }
.counts a, .counts > li > div {
  display: block; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px;
  color: var(--soft); text-decoration: none; font-size: 13px;
}
.counts a:hover { border-color: var(--accent); }
.counts a[aria-current] { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
.counts strong { display: block; font-size: 26px; line-height: 1.2; font-weight: 600; color: var(--ink); font-variant-numeric: tabular-nums; }
.counts .bad strong { color: var(--bad); } .counts .warn strong { color: var(--warn); } .counts .good strong { color: var(--good); }
.tools { display: flex; flex-wrap: wrap; gap: 10px; align-items: center; margin: 0 0 12px; }
.tools .end { margin-left: auto; color: var(--soft); font-size: 13px; display: flex; gap: 10px; align-items: center; }
input[type="search"], input[type="text"] {
  font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 7px 12px; min-width: 240px;
}
button {
  font: inherit; font-size: 14px; color: var(--ink); background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 7px 14px; cursor: pointer;
}
button:hover { border-color: var(--accent); }
button.danger { color: var(--bad); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; overflow: hidden; }
.card + p { margin-top: 10px; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 0 20px; align-items: start; }
.pad { padding: 16px 20px; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
caption { text-align: left; color: var(--soft); font-size: 13px; padding: 10px 16px; }
th, td { text-align: left; padding: 10px 16px; border-bottom: 1px solid var(--line); vertical-align: top; }
tbody tr:last-child > * { border-bottom: 0; }
th { font-weight: 550; }
thead th { font-size: 13px; color: var(--soft); white-space: nowrap; background: var(--card); }
thead th.num { text-align: right; }
thead a { color: inherit; text-decoration: none; } thead a:hover { color: var(--ink); text-decoration: underline; }
thead .mark { font-size: 10px; margin-left: 5px; }
thead a[aria-current] { color: var(--ink); }
tbody tr:hover { background: light-dark(#fafbfc, #1a212a); }
.state { display: inline-flex; align-items: center; gap: 6px; padding: 1px 10px 1px 8px; border-radius: 99px; font-size: 13px; font-weight: 550; white-space: nowrap; }
.state svg { width: 10px; height: 10px; fill: currentColor; flex: none; }
.state.good { color: var(--good); background: var(--good-ground); } .state.warn { color: var(--warn); background: var(--warn-ground); }
.state.bad { color: var(--bad); background: var(--bad-ground); } .state.off { color: var(--off); background: var(--off-ground); }
.bar { display: block; width: 110px; height: 6px; margin-top: 6px; }
.bar .track { fill: var(--track); } .bar .good { fill: var(--good); } .bar .warn { fill: var(--warn); } .bar .bad { fill: var(--bad); } .bar .off { fill: var(--off); }
.why { min-width: 26ch; max-width: 56ch; overflow-wrap: anywhere; }
table a.id {
  display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; max-width: 42ch; width: fit-content; font-weight: 550;
}
td.part { padding-left: 34px; }
.warn-text { color: var(--warn); }
.legend { display: inline-block; width: 9px; height: 9px; border-radius: 2px; margin-right: 6px; } .legend.good { background: var(--accent); } .legend.bad { background: var(--bad); }
.acts { display: flex; flex-wrap: wrap; gap: 10px; align-items: center; margin: 0 0 12px; } .acts p { margin: 0; }
table.flags th { width: 36ch; }
.dull td, .dull th { color: var(--soft); font-weight: 400; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); gap: 0; margin: 0; }
.facts > div { padding: 12px 20px; border-bottom: 1px solid var(--line); border-right: 1px solid var(--line); margin: 0 -1px -1px 0; }
dt { color: var(--soft); font-size: 13px; } dd { margin: 0; overflow-wrap: anywhere; }
.note { border-left: 3px solid var(--accent); background: var(--card); padding: 10px 16px; border-radius: 0 8px 8px 0; margin: 0 0 16px; }
.card + .note { margin-top: 16px; }
.note.bad { border-color: var(--bad); } .note.warn { border-color: var(--warn); }
.empty { padding: 40px 20px; text-align: center; color: var(--soft); } .empty p { margin: 0 auto 6px; }
p.empty { max-width: none; margin: 0; padding: 24px 20px; }
.pad > :last-child { margin-bottom: 0; }
.timeline { display: block; width: 100%; height: 90px; }
.timeline .axis { stroke: var(--line); } .timeline .good { fill: var(--accent); } .timeline .bad { fill: var(--bad); }
code:not(.id) { white-space: nowrap; }
pre, code { font-family: ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; font-size: 13px; }
pre { background: var(--ground); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; overflow-x: auto; margin: 0 0 12px; }
.pages { display: flex; gap: 14px; justify-content: flex-end; padding: 12px 16px; font-size: 14px; }
footer { padding: 20px 0 8px; color: var(--soft); font-size: 13px; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 760px) {
  main, header.top > div { padding-left: 14px; padding-right: 14px; }
  main { padding-top: 18px; }
  .where { display: none; }
  .brand { padding: 8px 0; }
  nav { margin: 0 -8px; } nav ul { gap: 0; } nav a { padding: 8px; font-size: 14px; }
  .counts { grid-template-columns: repeat(2, 1fr); gap: 8px; } .counts > li:first-child:nth-last-child(odd) { grid-column: 1 / -1; }
  .counts a, .counts > li > div { padding: 8px 14px; } .counts strong { font-size: 22px; }
  input[type="search"] { min-width: 0; width: 100%; } .tools form { width: 100%; } .tools .end { margin-left: 0; width: 100%; justify-content: space-between; }
  .facts { grid-template-columns: 1fr; } .facts > div { padding: 9px 14px; }
  th, td { padding: 8px 14px; }
  table.fold thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table.fold, table.fold tbody { display: block; }
  table.fold tr { display: grid; grid-template-columns: auto 1fr; gap: 4px 10px; padding: 12px 14px; border-bottom: 1px solid var(--line); }
  table.fold tbody tr:last-child { border-bottom: 0; }
  table.fold td, table.fold tbody th { display: block; border: 0; padding: 0; text-align: left; min-width: 0; }
  table.fold tbody th:first-child { grid-column: 1 / -1; }
  table.fold td[data-label] { display: grid; grid-column: 1 / -1; grid-template-columns: 96px minmax(0, 1fr); gap: 8px; align-items: baseline; }
  table.fold td[data-label]::before { content: attr(data-label); color: var(--soft); font-size: 13px; }
  table.fold td.none { display: none; }
  .why { min-width: 0; }
  table.flags, table.flags tbody, table.flags tr, table.flags td, table.flags tbody th { display: block; width: auto; }
  table.flags tr { padding: 8px 14px; border-bottom: 1px solid var(--line); } table.flags tbody tr:last-child { border-bottom: 0; }
  table.flags td, table.flags tbody th { border: 0; padding: 0; }
  .bar { margin-top: 2px; }
}
@media (prefers-reduced-motion: no-preference) { .counts a, button { transition: border-color 0.12s; } }
@media print { header.top, .tools, .skip { display: none; } }
`;
