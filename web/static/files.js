// Files that params hold: uploaded at once, as they are, and kept as boxes to untick. Without this script they travel with the form.

import { onFiles } from "./dropping.js";
import { send } from "./sending.js";
import { size } from "./format.js";

const pending = new WeakMap(); // form -> uploads under way

export function start() {
  for (const area of document.querySelectorAll("[data-files]")) wire(area);
}

// Resolves when all uploads of a form have ended.
export async function settled(form) {
  while ((pending.get(form) || new Set()).size) await Promise.allSettled([...pending.get(form)]);
}

function wire(area) {
  const input = area.querySelector('input[type="file"]');
  const form = input.form;
  pending.set(form, pending.get(form) || new Set());
  if (form.dataset.filesWired === undefined) {
    form.dataset.filesWired = "";
    form.addEventListener("submit", async (event) => {
      if (form.dataset.try !== undefined || !pending.get(form).size || event.defaultPrevented) return;
      event.preventDefault();
      const button = event.submitter;
      await settled(form);
      form.requestSubmit(button || undefined);
    }, true);
  }
  onFiles(area, input, take);

  function take(files) {
    const status = area.querySelector("[data-upload-status]");
    const most = Number(area.dataset.most);
    const chosen = () => area.querySelectorAll("[data-chosen] input:checked").length;
    status.replaceChildren();
    input.value = "";
    for (const file of files) {
      if (most === 1) area.querySelector("[data-chosen]").replaceChildren();
      else if (chosen() + pending.get(form).size >= most) {
        say(`${file.name} was left out: at most ${most} files.`);
        continue;
      }
      if (!file.size) {
        say(`${file.name} is empty.`);
        continue;
      }
      const body = new FormData();
      body.append("file", file, file.name);
      const upload = send(area.dataset.api, body, { name: file.name, size: file.size, status })
        .then((info) => add(area, info))
        .catch((error) => say(`${file.name}: ${error.message}`));
      pending.get(form).add(upload);
      upload.finally(() => pending.get(form).delete(upload));
    }

    function say(text) {
      const line = document.createElement("p");
      line.className = "problem";
      line.textContent = text;
      status.append(line);
    }
  }
}

// Shows an uploaded file as chosen, as templates/_fields.html does. info: as the API describes a file.
export function add(area, info) {
  const list = area.querySelector("[data-chosen]");
  if (list.querySelector(`input[value="${info.id}"]`)) return;
  const item = document.createElement("li");
  const label = document.createElement("label");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.name = area.dataset.files;
  box.value = info.id;
  box.checked = true;
  label.append(box);
  if (info.media_type?.startsWith("image/")) {
    const picture = document.createElement("img");
    picture.src = `${area.dataset.api}/${info.id}/content`;
    picture.alt = "";
    label.append(picture);
  }
  const name = document.createElement("span");
  name.className = "clip";
  name.title = info.name;
  name.textContent = info.name;
  const bytes = document.createElement("span");
  bytes.className = "muted small num";
  bytes.textContent = size(info.bytes);
  label.append(name, bytes);
  item.append(label);
  item.dataset.info = JSON.stringify(info);
  list.append(item);
  box.dispatchEvent(new Event("change", { bubbles: true }));
}
