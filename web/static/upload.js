// Uploads with a progress bar, started as soon as files are chosen or dropped.

import { size } from "./format.js";

export function start() {
  for (const area of document.querySelectorAll("[data-upload]")) wire(area);
}

function wire(area) {
  const input = area.querySelector('input[type="file"]');
  const status = area.querySelector("[data-upload-status]");
  input.addEventListener("change", () => { if (input.files.length) send([...input.files]); });
  area.addEventListener("dragover", (event) => { event.preventDefault(); area.classList.add("over"); });
  area.addEventListener("dragleave", () => area.classList.remove("over"));
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    area.classList.remove("over");
    if (event.dataTransfer.files.length) send([...event.dataTransfer.files]);
  });
  area.addEventListener("submit", (event) => {
    event.preventDefault();
    if (input.files.length) send([...input.files]);
    else input.focus();
  });
  if (input.files.length) send([...input.files]); // chosen before this script was there

  function send(files) {
    const total = files.reduce((sum, file) => sum + file.size, 0);
    const body = new FormData();
    const name = area.querySelector('[name="name"]')?.value.trim();
    if (name) body.append("name", name);
    for (const file of files) body.append("file", file, file.webkitRelativePath || file.name);
    const request = new XMLHttpRequest();
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", "Upload");
    const line = document.createElement("span");
    line.className = "small muted num nowrap";
    line.textContent = `0 of ${size(total)}`;
    const stop = document.createElement("button");
    stop.type = "button";
    stop.className = "button small";
    stop.textContent = "Cancel";
    stop.addEventListener("click", () => request.abort());
    const row = document.createElement("div");
    row.className = "upload-line";
    row.append(bar, line, stop);
    status.replaceChildren(row);
    input.disabled = true;

    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      bar.value = event.loaded / event.total;
      line.textContent = `${size(Math.min(event.loaded, total))} of ${size(total)}`;
    });
    request.upload.addEventListener("load", () => {
      bar.removeAttribute("value");
      line.textContent = "checking what was uploaded";
    });
    request.addEventListener("loadend", () => { input.disabled = false; input.value = ""; });
    request.addEventListener("abort", () => refused("The upload was cancelled; nothing was kept.", []));
    request.addEventListener("error", () => refused("The connection broke off; nothing was kept. Try again.", []));
    request.addEventListener("load", () => {
      let reply = {};
      try {
        reply = JSON.parse(request.responseText);
      } catch {
        // not JSON: the status says enough
      }
      if (request.status >= 200 && request.status < 300) taken(reply);
      else refused(reply.detail || `The server answered ${request.status}.`, reply.problems || []);
    });
    request.open("POST", area.dataset.api);
    request.setRequestHeader("Accept", "application/json");
    request.send(body);
  }

  function taken(dataset) {
    if (area.dataset.then === "open") {
      location.assign(`/datasets/${dataset.id}`);
      return;
    }
    const formats = (area.dataset.formats || "").split(",");
    if (!formats.includes(dataset.format)) {
      refused(`${dataset.name} is a dataset of another kind (${dataset.format.replace("_", " ")}) than this recipe takes. It is kept under Datasets.`, []);
      return;
    }
    const list = document.getElementById("dataset-pick");
    let choice = list.querySelector(`input[value="${dataset.id}"]`);
    if (!choice) {
      const label = document.createElement("label");
      choice = document.createElement("input");
      choice.type = "radio";
      choice.name = "dataset_id";
      choice.value = dataset.id;
      const name = document.createElement("span");
      name.className = "clip";
      name.title = dataset.name;
      name.textContent = dataset.name;
      const about = document.createElement("span");
      about.className = "muted small";
      about.textContent = size(dataset.bytes);
      label.append(choice, name, about);
      list.prepend(label);
      list.hidden = false;
    }
    choice.checked = true;
    choice.scrollIntoView({ block: "nearest" });
    const line = document.createElement("p");
    line.className = "small";
    line.textContent = [`${dataset.name} is uploaded and chosen.`, ...(dataset.notes || [])].join(" ");
    status.replaceChildren(line);
  }

  function refused(text, problems) {
    const box = document.createElement("div");
    box.className = "notice bad";
    const head = document.createElement("p");
    head.textContent = text;
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
    status.replaceChildren(box);
  }
}
