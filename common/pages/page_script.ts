/**
 * What pages do by themselves where the browser runs scripts: they stay current, and a search needs no button. They work without.
 *
 * @module
 */

/** The script. */
export const PAGE_SCRIPT = `"use strict";
let paused = sessionStorage.getItem("paused") === "yes";

async function show(url, { push = false } = {}) {
  const response = await fetch(url, { headers: { accept: "text/html" } });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const main = page.querySelector("main");
  if (main === null) return;
  const field = document.activeElement;
  const kept = field instanceof HTMLInputElement && field.name
    ? { name: field.name, value: field.value, at: field.selectionStart }
    : undefined;
  document.querySelector("main").replaceWith(document.adoptNode(main));
  document.title = page.title;
  if (push) history.replaceState(null, "", url);
  if (kept !== undefined) {
    const again = document.querySelector('input[name="' + CSS.escape(kept.name) + '"]');
    if (again !== null) {
      again.value = kept.value;
      again.focus();
      again.setSelectionRange(kept.at, kept.at);
    }
  }
  ready();
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
    button.setAttribute("aria-pressed", String(paused));
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
      timer = setTimeout(() => show(searchUrl(form), { push: true }), 250);
    };
  }
  for (const form of document.querySelectorAll("form[data-confirm]")) {
    form.onsubmit = () => confirm(form.dataset.confirm);
  }
}

setInterval(() => {
  const isBusy = paused || document.hidden || String(getSelection()) !== "" || document.querySelector("form:focus-within, details[open]");
  if (!isBusy) show(location.href).catch(() => {});
}, 10000);
ready();
`;
