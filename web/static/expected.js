// Asks anew how long the job in the form would take, and what it would learn from, whenever something in it has changed.

import { tickClocks } from "./format.js";

const WAIT_MS = 400; // after the last change

export function start() {
  const place = document.querySelector("[data-expected]");
  const form = place.closest("form");
  let due = null;
  let asked = 0;
  const ask = async () => {
    const number = ++asked;
    const data = new FormData(form);
    for (const [name, value] of [...data.entries()]) if (value instanceof File) data.delete(name);
    let reply;
    try {
      reply = await fetch(place.dataset.expected, { method: "POST", body: data, headers: { Accept: "text/html" } });
    } catch {
      return; // the page says so itself when it sends
    }
    const text = reply.ok ? await reply.text() : "";
    if (number !== asked) return;
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const foreseen = fresh.getElementById("foreseen");
    foreseen?.remove();
    document.getElementById("foreseen")?.replaceChildren(...(foreseen?.childNodes ?? []));
    place.replaceChildren(...fresh.body.childNodes);
    tickClocks(place);
  };
  const soon = () => {
    clearTimeout(due);
    due = setTimeout(ask, WAIT_MS);
  };
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
}
