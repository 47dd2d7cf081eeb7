// Text that arrives in pieces, each with the index of the text it belongs to.

// id: of the event that brought the piece; one that the server has rendered already (data-after) is left out.
export function appendOutput(data, root = document, id = "") {
  const shown = root.querySelector("#output-body")?.dataset.after;
  if (id && shown && !later(id, shown)) return;
  const box = boxFor(data.index || 0, root);
  if (!box) return;
  const made = box.querySelector(".made");
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
  made.append(data.text || "");
  if (atEnd) box.scrollTop = box.scrollHeight;
}

// Ids of a Redis stream: milliseconds and a number.
function later(id, than) {
  const [ms, n] = id.split("-").map(Number);
  const [thanMs, thanN] = than.split("-").map(Number);
  return ms !== thanMs ? ms > thanMs : (n || 0) > (thanN || 0);
}

function boxFor(index, root) {
  const known = root.querySelector(`.output[data-index="${index}"]`);
  if (known) return known;
  const place = root.querySelector("#output-body, [data-try-output]");
  if (!place) return null;
  place.querySelector("#output-empty")?.remove();
  const box = document.createElement("div");
  box.className = "output waiting";
  box.dataset.index = index;
  box.dataset.key = `text-${index}`;
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", `Generated text ${index + 1}`);
  if (place.dataset.prompt) {
    const prompt = document.createElement("span");
    prompt.className = "prompt";
    prompt.textContent = place.dataset.prompt;
    box.append(prompt);
  }
  const made = document.createElement("span");
  made.className = "made";
  box.append(made);
  place.append(box);
  return box;
}
