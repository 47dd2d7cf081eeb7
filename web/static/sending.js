// One upload with a bar that tells how far it is and a button that stops it.

import { ApiError } from "./api.js";
import { size } from "./format.js";

// body: a FormData. status: where the bar stands meanwhile. Resolves to what the server answered, with its status as
// `httpStatus`; rejects with an ApiError that also has `choices`.
export function send(url, body, { name = "", size: total, status }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const row = document.createElement("div");
    row.className = "upload-line";
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", name ? `Upload of ${name}` : "Upload");
    const line = document.createElement("span");
    line.className = "small muted num nowrap";
    line.textContent = `0 of ${size(total)}`;
    const stop = document.createElement("button");
    stop.type = "button";
    stop.className = "button small";
    stop.textContent = "Cancel";
    stop.addEventListener("click", () => request.abort());
    row.append(bar, line, stop);
    status.append(row);

    const fail = (detail, problem = {}) => {
      const error = new ApiError({ ...problem, detail: problem.detail || detail }, request.status);
      error.choices = problem.choices || [];
      reject(error);
    };
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      bar.value = event.loaded / event.total;
      line.textContent = `${size(Math.min(event.loaded, total))} of ${size(total)}`;
    });
    request.upload.addEventListener("load", () => {
      bar.removeAttribute("value");
      line.textContent = "checking what was uploaded";
    });
    request.addEventListener("loadend", () => row.remove());
    request.addEventListener("abort", () => fail("The upload was cancelled; nothing was kept."));
    request.addEventListener("error", () => fail("The connection broke off; nothing was kept. Try again."));
    request.addEventListener("load", () => {
      let reply = {};
      try {
        reply = JSON.parse(request.responseText);
      } catch {
        // not JSON: the status says enough
      }
      if (request.status >= 200 && request.status < 300) resolve({ ...reply, httpStatus: request.status });
      else fail(`The server answered ${request.status}.`, reply);
    });
    request.open("POST", url);
    request.setRequestHeader("Accept", "application/json");
    request.send(body);
  });
}
