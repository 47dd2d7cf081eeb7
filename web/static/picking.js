// When another dataset is picked: its report, and the pickers of its columns, rendered by the server, take the places of the old.

let asked = 0;

export function start() {
  for (const form of document.querySelectorAll("[data-inputs]")) {
    form.addEventListener("change", (event) => { if (event.target.name?.startsWith("inputs.")) update(form); });
    form.addEventListener("change", () => count(form));
    count(form);
  }
}

// Fetches what depends on the inputs picked now. What was chosen stays chosen where it is still there.
export async function update(form) {
  const mine = ++asked;
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string" && value && (["kind", "recipe", "use"].includes(name) || name.startsWith("inputs."))) query.set(name, value);
  }
  let reply;
  try {
    reply = await fetch(`${form.dataset.inputs}?${query}`, { headers: { Accept: "text/html" } });
  } catch {
    return; // no connection: the server checks what is submitted
  }
  if (!reply.ok || mine !== asked) return;
  const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
  for (const next of [...fresh.body.children]) {
    const here = next.id && document.getElementById(next.id);
    if (!here) continue;
    const kept = read(here);
    here.replaceWith(document.adoptNode(next));
    write(next, kept);
  }
  count(form);
}

// The columns chosen within an element, as names.
function read(element) {
  const names = [];
  for (const input of element.querySelectorAll("input, select, textarea")) {
    if (input.type === "checkbox") { if (input.checked) names.push(input.value); }
    else names.push(...input.value.split("\n").map((line) => line.trim()).filter(Boolean));
  }
  return names;
}

function write(element, names) {
  for (const box of element.querySelectorAll('input[type="checkbox"]')) box.checked = names.includes(box.value);
  for (const select of element.querySelectorAll("select")) {
    const found = [...select.options].find((option) => option.value && names.includes(option.value));
    if (found) select.value = found.value;
  }
  for (const input of element.querySelectorAll('textarea, input:not([type="checkbox"])')) input.value = names.join("\n");
}

function count(form) {
  for (const place of form.querySelectorAll("[data-picked]")) {
    const picked = place.closest("fieldset").querySelectorAll("[data-pick] input:checked").length;
    place.textContent = picked ? `${picked} chosen` : "";
  }
}
