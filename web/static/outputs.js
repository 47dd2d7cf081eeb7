// What outputs gain from a script: classes of boxes switched on and off, the strength of a mask, small pictures kept sharp.
// All of it is on the page without one.

const TINY = 160; // pixels: smaller pictures are shown larger than they are, pixel by pixel

export function start() {
  wire(document);
  document.addEventListener("refreshed", () => wire(document));
}

export function wire(root) {
  for (const figure of root.querySelectorAll("[data-boxes]")) boxes(figure);
  for (const figure of root.querySelectorAll("[data-mask]")) mask(figure);
  for (const img of root.querySelectorAll("img[data-picture]")) {
    if (img.complete) sharpen(img);
    else img.addEventListener("load", () => sharpen(img), { once: true });
  }
}

function sharpen(img) {
  img.classList.toggle("tiny", img.naturalWidth > 0 && Math.max(img.naturalWidth, img.naturalHeight) < TINY);
}

function boxes(figure) {
  for (const box of figure.querySelectorAll("input[data-class]")) {
    box.hidden = false;
    const show = () => {
      for (const drawn of figure.querySelectorAll(`.overlay [data-class="${box.dataset.class}"]`)) drawn.toggleAttribute("hidden", !box.checked);
    };
    show();
    if (!box.dataset.wired) box.addEventListener("change", show);
    box.dataset.wired = "1";
  }
}

function mask(figure) {
  const row = figure.querySelector(".strength");
  const input = row.querySelector("input");
  const cover = figure.querySelector(".cover");
  const show = () => { cover.style.opacity = input.value / 100; };
  row.hidden = false;
  show();
  if (!input.dataset.wired) input.addEventListener("input", show);
  input.dataset.wired = "1";
}
