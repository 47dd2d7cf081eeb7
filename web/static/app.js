// Runs on every page: keeps times true, makes forms safer, and starts what the page asks for.

import { startLive } from "./live.js";
import { tickTimes } from "./format.js";

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

document.querySelector("[data-focus]")?.focus();
tickTimes();
setInterval(tickTimes, 5000);

const main = document.querySelector("main");
if (document.querySelector("[data-job]")) import("./job.js").then((page) => page.start());
else if (main.dataset.refreshS) startLive(Number(main.dataset.refreshS));
const on = (selector, script) => { if (document.querySelector(selector)) import(script).then((page) => page.start()); };
on("[data-form], [data-try]", "./form.js");
on("[data-inputs]", "./picking.js");
on("[data-files]", "./files.js");
on("[data-upload]", "./upload.js");
on("[data-try]", "./try.js");
on(".outs, [data-live], [data-try]", "./outputs.js");
