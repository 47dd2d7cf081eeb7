// Uploads of datasets, started as soon as files are chosen or dropped; a refusal may offer ways on with the same files.

import { call } from "./api.js";
import { onFiles } from "./dropping.js";
import { chosen as chosenFolder, dropped } from "./folders.js";
import { update } from "./picking.js";
import { send } from "./sending.js";

export function start() {
  for (const area of document.querySelectorAll("[data-upload]")) wire(area);
  for (const form of document.querySelectorAll("[data-laid]")) form.addEventListener("submit", laid);
  for (const button of document.querySelectorAll("[data-example]")) button.addEventListener("click", (event) => example(event, button));
}

// What lies in the volume's folder imports is taken in as an upload is: with a bar, and a button that stops it.
async function laid(event) {
  event.preventDefault();
  const form = event.currentTarget;
  const area = form.closest(".card").querySelector("[data-upload]");
  const status = area.querySelector("[data-upload-status]");
  status.replaceChildren();
  try {
    const base = await send(`${area.dataset.api}/imports`, { path: form.elements.path.value }, { name: form.elements.path.value, status });
    location.assign(`${area.dataset.page}?added=${base.id}`);
  } catch (error) {
    refused(area, error, []);
  }
}

// An example takes the place of an upload: imported, then picked, without leaving the form.
async function example(event, button) {
  const area = document.querySelector(`[data-upload][data-role="${button.dataset.role}"]`);
  if (!area) return;
  event.preventDefault();
  button.disabled = true;
  try {
    pick(area, await call(`${area.dataset.api}/examples/${button.dataset.example}`, { method: "POST" }));
    await fill(area.closest("form"), JSON.parse(button.dataset.params || "{}"));
  } catch (error) {
    refused(area, error, []);
  } finally {
    button.disabled = false;
  }
}

// What a training of an example has to be told besides, such as the column to predict.
async function fill(form, params) {
  if (!form || !Object.keys(params).length) return;
  await update(form);
  for (const [name, value] of Object.entries(params)) {
    const wanted = [value].flat(); // of a picker of several columns a list
    for (const input of form.querySelectorAll(`[name="params.${CSS.escape(name)}"]`)) {
      if (input.type === "checkbox") input.checked = wanted.includes(input.value);
      else input.value = wanted.join("\n");
    }
  }
}

function wire(area) {
  const input = area.querySelector('input[type="file"]');
  area.addEventListener("submit", (event) => {
    event.preventDefault();
    if (input.files.length) take([...input.files]);
    else input.focus();
  });
  const format = area.querySelector('select[name="format"]');
  const showOptions = () => { for (const part of area.querySelectorAll("[data-format]")) part.hidden = part.dataset.format !== format.value; };
  format?.addEventListener("change", showOptions);
  window.addEventListener("pageshow", showOptions); // a browser may bring back the format that was chosen
  showOptions();
  onFiles(area, input, take, (transfer) => dropped(transfer).catch((error) => (refused(area, error, []), [])));
  wireFolder(area, take);

  async function take(files, chosen = {}) {
    const status = area.querySelector("[data-upload-status]");
    status.replaceChildren();
    const body = new FormData();
    const name = area.querySelector('[name="name"]')?.value.trim();
    if (name) body.append("name", name);
    const accepted = (area.dataset.formats || "").split(",");
    const format = area.querySelector('select[name="format"]')?.value || (accepted.length === 1 ? accepted[0] : ""); // told from the files where it may be one of several
    if (format) body.append("format", format);
    const options = { ...readOptions(area, format), ...chosen };
    if (Object.keys(options).length) body.append("options", JSON.stringify(options));
    for (const file of files) body.append("file", file, file.webkitRelativePath || file.name);
    input.disabled = true;
    try {
      const total = files.reduce((sum, file) => sum + file.size, 0);
      const dataset = await send(area.dataset.api, body, { size: total, status });
      if (area.dataset.then === "open") location.assign(`/datasets/${dataset.id}${dataset.httpStatus === 200 ? "?done=known" : ""}`);
      else if (area.dataset.then === "list") location.assign(`${area.dataset.page}?added=${dataset.id}`);
      else pick(area, dataset);
    } catch (error) {
      const choices = (error.choices || []).map((choice) => [choice.title, () => take(files, { ...chosen, [choice.option]: choice.value })]);
      refused(area, error, choices);
    } finally {
      input.disabled = false;
      input.value = "";
    }
  }
}

// A folder is chosen by an input of its own kind, which no page without scripts could send as one.
function wireFolder(area, take) {
  const button = area.querySelector("[data-folder]");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const folder = document.createElement("input");
    folder.type = "file";
    folder.webkitdirectory = true;
    folder.addEventListener("change", async () => {
      try {
        if (folder.files.length) take([await chosenFolder([...folder.files])]);
      } catch (error) {
        refused(area, error, []);
      }
    });
    folder.click();
  });
}

// What is typed under a format's options; empty ones are left out, so that their defaults hold.
function readOptions(area, format) {
  const options = {};
  if (!format) return options;
  const prefix = `options.${format}.`;
  for (const input of area.querySelectorAll(`[name^="${prefix}"]`)) {
    const name = input.name.slice(prefix.length);
    if (input.type === "checkbox") options[name] = input.checked;
    else if (input.type !== "hidden" && input.value !== "") options[name] = input.dataset.list !== undefined ? input.value.split("\n").filter((line) => line.trim()) : input.value;
  }
  return options;
}

function pick(area, dataset) {
  const status = area.querySelector("[data-upload-status]");
  const formats = (area.dataset.formats || "").split(",");
  if (!formats.includes(dataset.format)) {
    refused(area, new Error(`${dataset.name} is of another kind (${dataset.format.replaceAll("_", " ")}) than is needed here. It is kept under Datasets.`), []);
    return;
  }
  const list = document.getElementById(`input-${area.dataset.role.replaceAll("_", "-")}-pick`);
  let choice = list.querySelector(`input[value="${dataset.id}"]`);
  if (!choice) {
    const label = document.createElement("label");
    choice = document.createElement("input");
    choice.type = "radio";
    choice.name = `inputs.${area.dataset.role}`;
    choice.value = dataset.id;
    const name = document.createElement("span");
    name.className = "clip";
    name.title = dataset.name;
    name.textContent = dataset.name;
    const about = document.createElement("span");
    about.className = "muted small";
    about.textContent = holds(dataset.report);
    label.append(choice, name, about);
    list.prepend(label);
    list.hidden = false;
  }
  choice.checked = true;
  choice.dispatchEvent(new Event("change", { bubbles: true }));
  const line = document.createElement("p");
  line.className = "small";
  line.textContent = [dataset.httpStatus === 200 ? `${dataset.name} was there already and is chosen.` : `${dataset.name} is chosen.`, ...(dataset.notes || [])].join(" ");
  status.replaceChildren(line);
  area.closest("details")?.scrollIntoView({ block: "nearest" });
}

// As web/pages/report_view.py says it of those that were there before.
function holds({ rows, unit, columns, classes }) {
  const counted = [[rows, unit.replace(/s$/, ""), unit], [columns.length, "column", "columns"], [classes.length, "class", "classes"]];
  return counted.filter(([n]) => n).map(([n, one, many]) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`).join(", ");
}

function refused(area, error, choices) {
  const problems = error.problems || [];
  const box = document.createElement("div");
  box.className = "notice bad";
  box.setAttribute("role", "alert");
  const head = document.createElement("p");
  head.textContent = error.message;
  box.append(head);
  if (problems.length) {
    head.textContent = problems.length === 1 ? "The upload was refused; nothing was kept:" : `The upload was refused for ${problems.length} problems; nothing was kept:`;
    const list = document.createElement("ul");
    for (const problem of problems.slice(0, 50)) {
      const item = document.createElement("li");
      const where = [problem.file, problem.line ? `line ${problem.line}` : ""].filter(Boolean).join(", ");
      item.textContent = where ? `${where}: ${problem.message}` : problem.message;
      list.append(item);
    }
    box.append(list);
  }
  if (choices.length) {
    const row = document.createElement("div");
    row.className = "form-end";
    for (const [title, go] of choices) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button";
      button.textContent = title;
      button.addEventListener("click", go);
      row.append(button);
    }
    box.append(row);
  }
  area.querySelector("[data-upload-status]").replaceChildren(box);
  const options = area.querySelector("[data-options]");
  if (options && !choices.length) options.open = true;
}
