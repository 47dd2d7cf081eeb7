// One upload, or another long request, with a bar that tells how far it is and a button that stops it.

import { ApiError } from "./api.js";
import { size } from "./format.js";

// body: a FormData, or an object that goes as JSON. status: where the bar stands meanwhile. A server that tells how far it is in
// lines of JSON (web/told.py) is listened to. Resolves to what it answered, with its status as `httpStatus`; rejects with an
// ApiError that also has `choices`.
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
    line.textContent = total ? `0 of ${size(total)}` : "reading";
    const stop = document.createElement("button");
    stop.type = "button";
    stop.className = "button small";
    stop.textContent = "Cancel";
    stop.addEventListener("click", () => request.abort());
    row.append(bar, line, stop);
    status.append(row);

    const fail = (detail, problem = {}, code = request.status) => {
      const error = new ApiError({ ...problem, detail: problem.detail || detail }, code);
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
    request.addEventListener("progress", () => {
      const { done, of } = lastLine(request) || {};
      if (!of) return;
      bar.value = done / of;
      line.textContent = `checked ${size(done)} of ${size(of)}`;
    });
    request.addEventListener("loadend", () => row.remove());
    request.addEventListener("abort", () => fail("It was cancelled; nothing was kept."));
    request.addEventListener("error", () => fail("The connection broke off; nothing was kept. Try again."));
    request.addEventListener("load", () => {
      const told = lastLine(request);
      let [code, reply] = [told?.status || request.status, told?.body || {}];
      try {
        if (!told) reply = JSON.parse(request.responseText);
      } catch {
        // not JSON: the status says enough
      }
      if (told && !told.status) fail("The connection broke off; nothing was kept. Try again.");
      else if (code >= 200 && code < 300) resolve({ ...reply, httpStatus: code });
      else fail(`The server answered ${code}.`, reply, code);
    });
    request.open("POST", url);
    request.setRequestHeader("Accept", "application/x-ndjson, application/json;q=0.9");
    const plain = !(body instanceof FormData);
    if (plain) request.setRequestHeader("Content-Type", "application/json");
    request.send(plain ? JSON.stringify(body) : body);
  });
}

// The last whole line of an answer that comes in lines; null of any other answer.
function lastLine(request) {
  if (!(request.getResponseHeader("Content-Type") || "").startsWith("application/x-ndjson")) return null;
  const lines = request.responseText.split("\n").slice(0, -1).filter((line) => line);
  return lines.length ? JSON.parse(lines.at(-1)) : {};
}
