// Text that arrives in pieces. The server renders the boxes; here pieces are only appended to them.

// place: the element that holds what GET url sends. Returns take(data, id), to be called with each piece in order.
export function stream(place, url) {
  let held = []; // pieces for boxes that are not on the page yet
  let loading = false;

  function take(data, id) {
    if (loading) {
      held.push([data, id]);
      return;
    }
    const shown = place.querySelector("[data-made]");
    if (shown && !later(id, shown.dataset.after || "0")) return; // the server has rendered it already
    const made = place.querySelector(`.output[data-index="${Number(data.index) || 0}"] .made`);
    if (made) append(made, data.text || "");
    else load(data, id);
  }

  async function load(data, id) {
    loading = true;
    held.push([data, id]);
    await replace(place, url);
    loading = false;
    const later_ones = held;
    held = [];
    for (const [piece, at] of later_ones) if (place.querySelector(`.output[data-index="${Number(piece.index) || 0}"]`)) take(piece, at);
  }

  return take;
}

// Fetches what a job has made so far, rendered, and puts it into place. Returns whether it came.
export async function replace(place, url) {
  let reply;
  try {
    reply = await fetch(url, { headers: { Accept: "text/html" }, cache: "no-store" });
  } catch {
    return false;
  }
  if (!reply.ok) return false;
  const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
  place.replaceChildren(...fresh.body.childNodes);
  document.dispatchEvent(new CustomEvent("refreshed"));
  return true;
}

function append(made, text) {
  const box = made.closest(".output");
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
  made.append(text);
  if (atEnd) box.scrollTop = box.scrollHeight;
}

// Ids of a Redis stream: milliseconds and a number.
function later(id, than) {
  const [ms, n] = id.split("-").map(Number);
  const [thanMs, thanN] = than.split("-").map(Number);
  return ms !== thanMs ? ms > thanMs : (n || 0) > (thanN || 0);
}
