// The end of the newest attempt's log, growing.

const KEPT = 200_000; // characters kept on the page; the whole log is one link away

export function startLog(url) {
  const box = document.getElementById("log");
  const follow = document.getElementById("log-follow");
  if (!box) return { update() {} };
  box.scrollTop = box.scrollHeight;
  let offset = Number(box.dataset.offset || 0);
  let attempt = Number(box.dataset.attempt || 0);
  let busy = false;

  async function update(last = false) {
    if (busy || (document.hidden && !last)) return;
    busy = true;
    try {
      const reply = await fetch(`${url}?offset=${offset}${attempt ? `&attempt=${attempt}` : ""}`, { headers: { Accept: "application/json" } });
      if (!reply.ok) return;
      const part = await reply.json();
      if (part.attempt && part.attempt !== attempt) {
        if (attempt) box.append(`\n--- attempt ${part.attempt} ---\n`);
        attempt = part.attempt;
      }
      if (part.text) {
        box.append(part.text);
        if (box.textContent.length > KEPT) box.textContent = box.textContent.slice(-KEPT);
        if (follow.checked) box.scrollTop = box.scrollHeight;
      }
      offset = part.next_offset ?? offset;
    } catch {
      // no connection: the page says so elsewhere
    } finally {
      busy = false;
    }
  }

  follow.addEventListener("change", () => { if (follow.checked) box.scrollTop = box.scrollHeight; });
  return { update };
}
