// Keeps what was typed for Back and for a reload: in the history entry of the page, so that another visit begins anew.
// The page names this script itself, so that it has run before the page counts as loaded: a refused form answers a POST, and
// until its entry has become one of the form's own address, a reload would send it again and Back would find nothing.

import { add } from "./files.js";
import { update } from "./picking.js";

const LATER_MS = 300;

function start() {
  const form = document.querySelector("[data-form]");
  const before = history.state?.values;
  if (before) restore(form, before);
  else if (pickedAnew(form)) update(form); // the browser has restored it by itself
  else if (form.dataset.refused !== undefined) save(form); // a posted page cannot be loaded again: from now on it is the form with this in it
  let timer = null;
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => save(form), LATER_MS); });
  form.addEventListener("change", () => save(form));
  form.addEventListener("submit", () => save(form), true);
  window.addEventListener("pageshow", (event) => { if (event.persisted) anotherKey(form); });
}

// Shown again as it was left: what is sent from now on is another job.
function anotherKey(form) {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  form.elements.idempotency_key.value = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function inputs(form) {
  return [...form.elements].filter((input) => input.name && !["hidden", "file", "submit", "button", "fieldset"].includes(input.type) && !input.closest("[data-files]"));
}

function save(form) {
  const values = inputs(form).map((input) => [input.name, input.value, input.type === "checkbox" || input.type === "radio" ? input.checked : null]);
  const files = [...form.querySelectorAll("[data-files]")].map((area) => [
    area.dataset.files,
    [...area.querySelectorAll("li")].filter((item) => item.dataset.info && item.querySelector("input").checked).map((item) => JSON.parse(item.dataset.info)),
  ]);
  history.replaceState({ ...history.state, values: { values, files } }, "");
}

async function restore(form, { values, files }) {
  const picked = values.filter(([name, , checked]) => name.startsWith("inputs.") && checked !== false);
  put(form, picked);
  if (pickedAnew(form)) await update(form); // columns of the dataset that was picked
  put(form, values);
  for (const [name, infos] of files) {
    const area = form.querySelector(`[data-files="${CSS.escape(name)}"]`);
    if (area) for (const info of infos) add(area, info);
  }
  for (const input of form.querySelectorAll("details input, details select, details textarea")) {
    if (input.defaultValue !== undefined && input.type !== "hidden" && input.type !== "file" && input.value !== input.defaultValue) input.closest("details").open = true;
  }
}

// Whether another input is picked than the one the server has rendered the form with.
function pickedAnew(form) {
  return inputs(form).some((input) => input.name.startsWith("inputs.") && input.type === "radio" && input.checked !== input.defaultChecked);
}

// Puts values into the inputs of these names.
function put(form, values) {
  for (const [name, value, checked] of values) {
    for (const input of inputs(form).filter((one) => one.name === name)) {
      if (checked === null) input.value = value;
      else if (input.value === value) input.checked = checked;
    }
  }
}

start();
