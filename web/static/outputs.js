// What outputs gain from a script: classes of boxes and masks switched on and off, the strength of a mask, small pictures kept sharp.
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
  const show = () => {
    for (const cover of figure.querySelectorAll(".cover")) cover.style.opacity = input.value / 100;
  };
  row.hidden = false;
  show();
  if (!input.dataset.wired) input.addEventListener("input", show);
  input.dataset.wired = "1";
  const classes = [...figure.querySelectorAll("input[data-colour]")];
  const paint = async () => { await paintClasses(figure, classes); show(); };
  for (const box of classes) {
    box.hidden = false;
    if (!box.dataset.wired) box.addEventListener("change", paint);
    box.dataset.wired = "1";
  }
  if (classes.some((box) => !box.checked)) paint();
}

// The mask without the colours of classes that are switched off, on a canvas in its place.
async function paintClasses(figure, classes) {
  const whole = figure.querySelector("img.cover");
  const off = new Set(classes.filter((box) => !box.checked).map((box) => parseInt(box.dataset.colour.slice(1), 16)));
  let canvas = figure.querySelector("canvas.cover");
  if (!canvas) {
    whole.loading = "eager";
    await whole.decode();
    canvas = figure.querySelector("canvas.cover") || document.createElement("canvas");
    canvas.className = "overlay cover";
    whole.after(canvas);
  }
  whole.hidden = off.size > 0;
  canvas.hidden = off.size === 0;
  if (!off.size) return;
  [canvas.width, canvas.height] = [whole.naturalWidth, whole.naturalHeight];
  const paper = canvas.getContext("2d");
  paper.drawImage(whole, 0, 0);
  const pixels = paper.getImageData(0, 0, canvas.width, canvas.height);
  const data = pixels.data;
  for (let i = 0; i < data.length; i += 4) {
    if (off.has((data[i] << 16) | (data[i + 1] << 8) | data[i + 2])) data[i + 3] = 0;
  }
  paper.putImageData(pixels, 0, 0);
}
