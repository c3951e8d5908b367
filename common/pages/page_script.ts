/**
 * What pages do by themselves where the browser runs scripts: they stay current, and a search needs no button. They work without.
 *
 * @module
 */

/** The script. */
export const PAGE_SCRIPT = `"use strict";
let paused = sessionStorage.getItem("paused") === "yes";
let asking = new AbortController();

/** Puts a newer page in place of this one. Where the reader is stays: the focus, what is typed, and how far it is scrolled. */
async function show(url, { typed = false } = {}) {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  const response = await fetch(url, { headers: { accept: "text/html" }, signal: AbortSignal.any([signal, AbortSignal.timeout(8000)]) });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const main = page.querySelector("main");
  if (main === null) throw new TypeError("The answer is no page of ours");
  if (signal.aborted) return;
  const focus = focused();
  const old = document.querySelector("main");
  const scrolled = [...old.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
  old.replaceWith(document.adoptNode(main));
  const menu = document.querySelector("header nav"), newMenu = page.querySelector("header nav");
  if (menu.innerHTML !== newMenu.innerHTML) menu.replaceWith(document.adoptNode(newMenu));
  document.title = page.title;
  if (typed) history.replaceState(null, "", url);
  main.querySelectorAll(".scroll").forEach((box, i) => box.scrollLeft = scrolled[i] ?? 0);
  restore(focus);
  ready();
}

function focused() {
  const field = document.activeElement;
  if (field === null || field.closest("main") === null) return undefined;
  if (field instanceof HTMLInputElement) return { find: 'input[name="' + CSS.escape(field.name) + '"]', value: field.value, at: field.selectionStart };
  if (field instanceof HTMLAnchorElement) return { find: 'a[href="' + CSS.escape(field.getAttribute("href")) + '"]' };
  return field.matches("button[data-refresh]") ? { find: "button[data-refresh]" } : undefined;
}

function restore(focus) {
  const field = focus && document.querySelector("main " + focus.find);
  if (!field) return;
  if (focus.value !== undefined) field.value = focus.value;
  field.focus({ preventScroll: true });
  if (focus.value !== undefined) field.setSelectionRange(focus.at, focus.at);
}

function searchUrl(form) {
  const url = new URL(form.action);
  for (const [name, value] of new FormData(form)) if (value !== "") url.searchParams.set(name, value);
  return url;
}

function ready() {
  for (const button of document.querySelectorAll("button[data-refresh]")) {
    button.hidden = false;
    button.textContent = paused ? "Refresh again" : "Stop refreshing";
    button.onclick = () => {
      paused = !paused;
      sessionStorage.setItem("paused", paused ? "yes" : "no");
      ready();
    };
  }
  for (const form of document.querySelectorAll("form[data-search]")) {
    let timer;
    form.oninput = () => {
      clearTimeout(timer);
      timer = setTimeout(() => show(searchUrl(form), { typed: true }).catch(stale), 250);
    };
  }
  for (const form of document.querySelectorAll("form[data-confirm]")) {
    form.onsubmit = () => confirm(form.dataset.confirm);
  }
}

/** Says that what is shown is old, unless a newer request is under way. */
function stale(error) {
  if (error.name === "AbortError") return;
  if (document.querySelector("[data-stale]") !== null) return;
  const note = document.createElement("div");
  note.className = "note bad";
  note.setAttribute("role", "alert");
  note.dataset.stale = "";
  note.textContent = "No answer: what is here is old. It is asked for again every few seconds.";
  document.querySelector("main h1").after(note);
}

setInterval(() => {
  const isBusy = paused || document.hidden || String(getSelection()) !== "" || document.querySelector("form:focus-within, details[open]");
  if (!isBusy) show(location.href).catch(stale);
}, 10000);
ready();
`;
