// Keeps a page true without reloading it: fetches the same page again and takes over what has changed.
//
// The server renders everything once, in one place; this only moves new markup into elements marked data-live (each has
// an id). Focus, selection, scroll position, open <details> and what a person has typed stay as they are.

import { tickClocks, tickTimes } from "./format.js";

const LONGEST_MS = 30_000; // until an answer that has not come counts as none

let running = null;
let stale = false; // asked for again meanwhile: what is on its way may be older than what is asked for

export function refresh() {
  if (running) stale = true;
  else running = takeNewest().finally(() => { running = null; });
  return running;
}

async function takeNewest() {
  let taken;
  do {
    stale = false;
    taken = await fetchAndTake();
  } while (stale);
  return taken;
}

async function fetchAndTake() {
  let reply, text;
  try {
    const signal = AbortSignal.timeout(LONGEST_MS);
    reply = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store", signal });
    text = await reply.text();
  } catch {
    say("No connection to the server; trying again.");
    return false;
  }
  if (reply.redirected && new URL(reply.url).pathname !== location.pathname) {
    location.reload(); // signed out meanwhile: what stands here is not to be seen any more
    return false;
  }
  if (!reply.ok) {
    say(`The server answered ${reply.status}; trying again.`);
    return false;
  }
  say("");
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const here of document.querySelectorAll("[data-live]")) {
    const there = fresh.getElementById(here.id);
    if (there) morph(here, there);
  }
  document.title = fresh.title; // a tab tells the state also while another one is looked at
  const icon = document.querySelector('link[rel="icon"]');
  const mark = fresh.querySelector('link[rel="icon"]')?.getAttribute("href");
  if (icon && mark && icon.getAttribute("href") !== mark) icon.setAttribute("href", mark);
  const next = fresh.querySelector("main");
  const main = document.querySelector("main");
  if (next?.dataset.refreshS) main.dataset.refreshS = next.dataset.refreshS;
  else delete main.dataset.refreshS;
  tickTimes();
  tickClocks();
  document.dispatchEvent(new CustomEvent("refreshed"));
  return true;
}

export function say(text) {
  const place = document.getElementById("connection");
  if (place && place.textContent !== text) place.textContent = text;
}

// Repeats refresh() while the page is looked at.
export function startLive(seconds) {
  let wait = seconds;
  const again = async () => {
    if (!document.hidden) {
      const ok = await refresh();
      wait = ok ? Number(document.querySelector("main").dataset.refreshS || seconds) : Math.min(wait * 2, 30);
    }
    setTimeout(again, wait * 1000);
  };
  setTimeout(again, wait * 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
}

// Makes `here` equal to `there` with few changes. Elements marked data-keep are left alone.
export function morph(here, there) {
  if (here.hasAttribute("data-keep")) return;
  sameAttributes(here, there);
  let old = here.firstChild;
  for (const next of [...there.childNodes]) {
    const match = find(old, next);
    if (match) {
      while (old !== match) {
        const gone = old;
        old = old.nextSibling;
        gone.remove();
      }
      if (match.nodeType === Node.ELEMENT_NODE) morph(match, next);
      else if (match.nodeValue !== next.nodeValue) match.nodeValue = next.nodeValue;
      old = match.nextSibling;
    } else {
      here.insertBefore(document.importNode(next, true), old);
    }
  }
  while (old) {
    const gone = old;
    old = old.nextSibling;
    gone.remove();
  }
}

// The next sibling that is the same thing as `next`: same id or key, or, without one, the very next of the same name.
function find(from, next) {
  const key = keyOf(next);
  if (!key) return from && from.nodeName === next.nodeName && !keyOf(from) ? from : null;
  for (let node = from; node; node = node.nextSibling) {
    if (node.nodeName === next.nodeName && keyOf(node) === key) return node;
  }
  return null;
}

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset.key || "" : "";
}

function sameAttributes(here, there) {
  for (const { name } of [...here.attributes]) {
    if (!there.hasAttribute(name) && name !== "open" && name !== "data-sent") here.removeAttribute(name);
  }
  for (const { name, value } of there.attributes) {
    if (name === "open" || (name === "value" && here.nodeName === "INPUT")) continue;
    if (here.getAttribute(name) !== value) here.setAttribute(name, value);
  }
}
