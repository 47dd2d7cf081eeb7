// Runs on every page: keeps times true, makes forms safer, and starts what the page asks for.

import { startLive } from "./live.js";
import { tickClocks, tickTimes } from "./format.js";

function confirmForms(event) {
  const form = event.target;
  if (form.dataset.sent && !event.defaultPrevented) {
    event.preventDefault(); // pressed twice
    return;
  }
  if (form.dataset.confirm && !window.confirm(form.dataset.confirm)) {
    event.preventDefault();
    return;
  }
  if (form.method === "post" && !event.defaultPrevented) form.dataset.sent = "1";
}

document.addEventListener("submit", confirmForms);
// Back from the next page: the browser may show this one as it was left.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// In a text of several lines Enter begins the next one; with Ctrl it sends, as in every chat.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing || !event.target.matches("textarea")) return;
  const button = event.target.form?.querySelector("button.primary");
  if (!button || button.disabled) return;
  event.preventDefault();
  event.target.form.requestSubmit(button);
});

// Signing in or out in one tab is so in all: a page of somebody else does not stay to be seen.
const who = document.body.dataset.who;
if (who !== undefined) {
  const tabs = new BroadcastChannel("who");
  tabs.postMessage(who);
  if (who) tabs.onmessage = (event) => { if (event.data !== who) location.reload(); };
}

document.querySelector("[data-focus]")?.focus();
tickTimes();
tickClocks();
setInterval(tickTimes, 5000);

const main = document.querySelector("main");
const started = [];
const on = (selector, script) => {
  if (document.querySelector(selector)) started.push(import(script).then((page) => page.start()));
};
on("[data-job]", "./job.js");
if (!started.length && main.dataset.refreshS) startLive(Number(main.dataset.refreshS));
on("[data-form], [data-try]", "./form.js");
on("[data-inputs]", "./picking.js");
on("[data-expected]", "./expected.js");
on("[data-files]", "./files.js");
on("[data-paints]", "./painting.js");
on("[data-upload]", "./upload.js");
on("[data-try]", "./try.js");
on(".outs, [data-live], [data-try]", "./outputs.js");
// Until then a form is sent as it is without a script.
Promise.all(started).then(() => { document.documentElement.dataset.ready = ""; });
