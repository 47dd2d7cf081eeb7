// "Try it": a generation job sent and followed without leaving the page.

import { ENDINGS, call, follow } from "./api.js";
import { appendOutput } from "./output.js";

const LARGEST_BASE64 = 690_000; // the server takes 700,000 characters a picture
const SIDE = 512; // pixels; larger pictures are scaled down before sending, classifiers look at far fewer

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
      const { params, pictures } = await readParams(form);
      const job = await call(`${api}/jobs`, { method: "POST", json: { kind: "generate", recipe: form.elements.recipe.value, model_id: form.elements.model_id.value, params } });
      current = job.id;
      state.textContent = "queued";
      leave = follow(api, job.id, "0", async (type, item) => {
        if (type === "output") appendOutput(item.data, form);
        else if (type === "claimed") state.textContent = "running";
        else if (ENDINGS.includes(type)) {
          const end = await call(`${api}/jobs/${job.id}`);
          showEnd(end, pictures);
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

  function showEnd(job, pictures) {
    for (const box of place.querySelectorAll(".waiting")) box.classList.remove("waiting");
    if (job.state === "failed") return note(place, job.error?.message || "The job failed.");
    if (job.state === "cancelled") return undefined;
    const result = job.result || {};
    if (result.predictions) return place.replaceChildren(...result.predictions.map((one, index) => card(one, pictures[index])));
    (result.texts || []).forEach((text, index) => {
      const whole = typeof text === "string" ? text : text.text;
      const box = place.querySelector(`.output[data-index="${index}"]`);
      if (!box) appendOutput({ index, text: whole }, form);
      else if (typeof text !== "string" && text.text !== undefined) box.querySelector(".made").textContent = whole;
    });
    for (const box of place.querySelectorAll(".waiting")) box.classList.remove("waiting");
    return undefined;
  }
}

async function readParams(form) {
  const params = {};
  const pictures = [];
  for (const input of form.querySelectorAll('[name^="params."]')) {
    const name = input.name.slice("params.".length);
    if (input.type === "file") {
      if (input.files.length) params[name] = await Promise.all([...input.files].map((file) => encode(file, pictures)));
    } else if (input.type === "checkbox") params[name] = input.checked;
    else if (input.type !== "hidden" && input.value !== "") params[name] = input.dataset.list !== undefined ? input.value.split("\n").filter((line) => line.trim()) : input.value;
  }
  return { params, pictures };
}

// A picture as {name, data: base64}; scaled down when it is larger than any classifier needs.
async function encode(file, pictures) {
  const place = pictures.push(URL.createObjectURL(file)) - 1;
  let data = await base64(file);
  try {
    const bitmap = await createImageBitmap(file);
    const scale = SIDE / Math.max(bitmap.width, bitmap.height);
    if (scale < 1 || data.length > LARGEST_BASE64) {
      const canvas = document.createElement("canvas");
      canvas.width = Math.max(1, Math.round(bitmap.width * Math.min(scale, 1)));
      canvas.height = Math.max(1, Math.round(bitmap.height * Math.min(scale, 1)));
      canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      const blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", 0.92); });
      data = await base64(blob);
      pictures[place] = URL.createObjectURL(blob);
    }
  } catch {
    // not a picture this browser can read: the server says what is wrong with it
  }
  return { name: file.name.slice(-200), data };
}

function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

function card(one, picture) {
  const box = document.createElement("article");
  box.className = "prediction";
  if (picture) {
    const img = document.createElement("img");
    img.src = picture;
    img.alt = one.file || "";
    box.append(img);
  }
  const answer = document.createElement("p");
  answer.className = "answer";
  answer.textContent = one.label;
  const bars = document.createElement("div");
  bars.className = "bars";
  const shares = Object.entries(one.probabilities || { [one.label]: one.probability }).sort((a, b) => b[1] - a[1]);
  for (const [label, share] of shares) {
    const name = document.createElement("span");
    name.className = "clip";
    name.title = label;
    name.textContent = label;
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.value = share;
    bar.setAttribute("aria-label", label);
    const number = document.createElement("span");
    number.className = "num muted";
    number.textContent = `${(share * 100).toFixed(1)} %`;
    bars.append(name, bar, number);
  }
  box.append(answer, bars);
  return box;
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
    const input = form.querySelector(`[name="${CSS.escape(problem.field.split(".").slice(0, 2).join("."))}"]:not([type="hidden"])`);
    if (!input) {
      rest.push(problem.message);
      continue;
    }
    const line = document.createElement("p");
    line.className = "problem";
    line.textContent = problem.message;
    input.closest(".field").append(line);
    input.setAttribute("aria-invalid", "true");
    const folded = input.closest("details");
    if (folded) folded.open = true;
  }
  if (rest.length || !(error.problems || []).length) note(place, rest.join("; ") || error.message);
  form.querySelector('[aria-invalid="true"]')?.focus();
}
