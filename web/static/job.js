// The job page: follows the job's events, renders what changed, and keeps curves and log growing.

import { ENDINGS, follow } from "./api.js";
import { stream } from "./output.js";
import { refresh, say, startLive } from "./live.js";
import { startChart } from "./chart.js";
import { startLog } from "./log.js";

const REFRESH_MS = 900; // least time between two renderings

export function start() {
  const { job, api, after } = document.querySelector("[data-job]").dataset;
  let due = null;
  let last = 0;
  const soon = () => {
    due ??= setTimeout(async () => {
      due = null;
      last = Date.now();
      await refresh();
    }, Math.max(0, REFRESH_MS - (Date.now() - last)));
  };

  const chart = startChart(`${api}/jobs/${job}/metrics`);
  const log = startLog(`${api}/jobs/${job}/log`);
  const state = () => document.querySelector("#status .state")?.textContent.trim();
  const ended = () => ENDINGS.includes(state());
  const output = document.getElementById("output-body");
  const write = stream(output, output.dataset.output);

  if (!ended()) {
    let stop = () => {};
    const open = (after) => {
      stop = follow(api, job, after, (type, event) => {
        if (event.id) latest = event.id;
        if (type === "output") {
          write(event.data, event.id);
          return;
        }
        // While text streams in, the scripts own the output; once it has ended, the server's rendering takes over.
        if (ENDINGS.includes(type)) document.getElementById("output").setAttribute("data-live", "");
        soon();
        if (type === "progress" || ENDINGS.includes(type)) chart.update();
        log.update(ENDINGS.includes(type));
      }, (up) => {
        if (up === null) { // closed for good by the server: open anew, unless the page is not to be seen any more
          setTimeout(() => open(latest), 3000);
          soon();
        }
        say(up ? "" : "Live updates were interrupted; reconnecting.");
      });
    };
    let latest = after;
    open(latest);
    // A queued job's place, what is left of a running one, and for how long its worker has been silent change without any event.
    const timer = setInterval(() => {
      if (ended()) clearInterval(timer); // the page says so, not only an event
      else if (!document.hidden && Date.now() - last > 2000 && state() !== "paused") soon();
    }, 1000);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) soon(); });
    window.addEventListener("pagehide", () => stop());
  }
  if (document.querySelector("main").dataset.refreshS && ended()) startLive(30);
}
