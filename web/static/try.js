// "Try it": a job with a model sent and followed without leaving the page.

import { ENDINGS, call, follow } from "./api.js";
import { settled } from "./files.js";
import { replace, stream } from "./output.js";

export function start() {
  for (const form of document.querySelectorAll("[data-try]")) wire(form);
}

function wire(form) {
  const api = form.dataset.api;
  const place = form.querySelector("[data-try-output]");
  const state = form.querySelector("[data-try-state]");
  const stopButton = form.querySelector("[data-stop]");
  const button = form.querySelector(".primary");
  let current = null;
  let leave = () => {};

  stopButton.addEventListener("click", () => { if (current) call(`${api}/jobs/${current}/cancel`, { method: "POST" }).catch(() => {}); });

  form.addEventListener("submit", async (event) => {
    if (event.defaultPrevented) return;
    event.preventDefault();
    leave();
    clearProblems(form);
    place.replaceChildren();
    busy(true, "sending");
    const started = performance.now();
    try {
      await settled(form);
      const { recipe, use } = form.elements;
      const body = { kind: "generate", recipe: recipe.value, use: use.value, inputs: { model: chosen(form.elements["inputs.model"].value) }, params: readParams(form) };
      const job = await call(`${api}/jobs`, { method: "POST", json: body });
      current = job.id;
      state.textContent = "queued";
      const url = `/jobs/${job.id}/output`;
      const take = stream(place, url);
      leave = follow(api, job.id, "0", async (type, item) => {
        if (type === "output") take(item.data, item.id);
        else if (type === "claimed") state.textContent = "running";
        else if (ENDINGS.includes(type)) {
          if (!await replace(place, url)) note(place, "The job has ended, but the connection broke off: open the job to see what it made.");
          busy(false, type === "succeeded" ? `done in ${((performance.now() - started) / 1000).toFixed(1)} s` : type);
          link(job.id);
        }
      });
      setTimeout(async () => {
        if (current !== job.id || !button.disabled || state.textContent !== "queued") return;
        const now = await call(`${api}/jobs/${job.id}`).catch(() => null);
        if (now?.state === "queued" && now.standing?.why) state.textContent = now.standing.why;
      }, 1500);
    } catch (error) {
      busy(false, "");
      showProblems(form, error, place);
    }
  });

  function busy(on, text) {
    button.disabled = on;
    stopButton.hidden = !on;
    state.textContent = text;
    if (!on) current = null;
  }

  function link(id) {
    const a = document.createElement("a");
    a.href = `/jobs/${id}`;
    a.textContent = "open the job";
    state.append(" · ", a);
  }
}

// A model's id as it is; a checkpoint, JOB/ATTEMPT/STEP, as the API takes it.
function chosen(key) {
  const [job_id, attempt, step] = key.split("/");
  return step === undefined ? key : { job_id, attempt: Number(attempt), step: Number(step) };
}

function readParams(form) {
  const params = {};
  for (const area of form.querySelectorAll("[data-files]")) {
    const ids = [...area.querySelectorAll("[data-chosen] input:checked")].map((box) => box.value);
    if (ids.length) params[area.dataset.files.slice("params.".length)] = ids;
  }
  for (const input of form.querySelectorAll('[name^="params."]')) {
    if (input.type === "file" || input.closest("[data-files]")) continue;
    const name = input.name.slice("params.".length);
    if (input.type === "checkbox") params[name] = input.checked;
    else if ((input.type !== "hidden" || "kept" in input.dataset) && input.value !== "") params[name] = input.dataset.list !== undefined ? input.value.split("\n").filter((line) => line.trim()) : input.value;
  }
  for (const [name, row] of Object.entries(readCells(form))) params[name] ??= JSON.stringify(row);
  return params;
}

// Rows that are asked for cell by cell, by param; web/cells.py reads them where there is no script.
function readCells(form) {
  const rows = {};
  for (const input of form.querySelectorAll('[name^="cells."]')) {
    const [, param, ...column] = input.name.split(".");
    if (input.value.trim()) (rows[param] ??= {})[column.join(".")] = input.value;
  }
  return rows;
}

function note(place, text) {
  const box = document.createElement("p");
  box.className = "notice bad";
  box.setAttribute("role", "alert");
  box.textContent = text;
  place.append(box);
}

function clearProblems(form) {
  for (const old of form.querySelectorAll(".problem")) old.remove();
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
}

function showProblems(form, error, place) {
  const rest = [];
  for (const problem of error.problems || []) {
    const path = CSS.escape(problem.field.split(".").slice(0, 2).join("."));
    const input = form.querySelector(`[data-files="${path}"] input[type="file"], [name="${path}"]:not([type="hidden"])`);
    if (!input) {
      rest.push(problem.message);
      continue;
    }
    const line = document.createElement("p");
    line.className = "problem";
    line.textContent = problem.message;
    const cells = input.value ? null : input.closest(".field").querySelector(".row-cells"); // what was sent stands there
    if (cells) cells.after(line);
    else input.closest(".field").append(line);
    (cells || input).setAttribute("aria-invalid", "true");
    const folded = cells ? null : input.closest("details");
    if (folded) folded.open = true;
  }
  if (rest.length || !(error.problems || []).length) note(place, rest.join("; ") || error.message);
  form.querySelector('[aria-invalid="true"]')?.focus();
}
