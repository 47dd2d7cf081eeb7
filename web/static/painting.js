// Masks that are painted: a brush over each picture chosen in another field. Who has no pointer uploads a mask instead.

import { add } from "./files.js";
import { send } from "./sending.js";

const MOST_PIXELS = 8e6; // of what is painted on; the mask itself is as large as its picture
const WIDEST = 0.25; // of the shorter side: the widest brush

export function start() {
  for (const area of document.querySelectorAll("[data-paints]")) {
    const button = made("button", { type: "button", className: "button small", textContent: "Paint" });
    button.title = "Paint over what is missing in the pictures chosen above";
    area.querySelector('input[type="file"]').after(button);
    button.addEventListener("click", () => paintAll(area).catch((error) => say(area, error.message)));
  }
}

// A mask for each picture takes the place of the masks that were there.
async function paintAll(area) {
  const source = document.querySelector(`[data-files="${CSS.escape(area.dataset.paints)}"]`);
  const pictures = [...source.querySelectorAll("li")].filter((item) => item.querySelector("input").checked).map((item) => JSON.parse(item.dataset.info));
  const status = area.querySelector("[data-upload-status]");
  status.replaceChildren();
  if (!pictures.length) {
    say(area, "Choose a picture first.");
    return;
  }
  const masks = [];
  for (const [at, picture] of pictures.entries()) {
    const mask = await painted(`${area.dataset.api}/${picture.id}/content`, picture.name, at + 1, pictures.length);
    if (!mask) return;
    const name = `${picture.name.replace(/\.[^.]*$/, "")}_mask.png`;
    const body = new FormData();
    body.append("file", mask, name);
    masks.push(await send(area.dataset.api, body, { name, size: mask.size, status }));
  }
  area.querySelector("[data-chosen]").replaceChildren();
  for (const mask of masks) add(area, mask);
}

function say(area, text) {
  area.querySelector("[data-upload-status]").append(made("p", { className: "problem", textContent: text }));
}

function made(tag, values = {}, ...inside) {
  const element = Object.assign(document.createElement(tag), values);
  element.append(...inside);
  return element;
}

// Resolves to a PNG as large as the picture, white where it was painted over; to null where the dialog was left.
async function painted(url, name, number, count) {
  const picture = made("img", { alt: name, src: url });
  try {
    await picture.decode();
  } catch {
    throw new Error(`${name} cannot be shown here: upload a mask instead.`);
  }
  const [width, height] = [picture.naturalWidth, picture.naturalHeight];
  const share = Math.min(1, Math.sqrt(MOST_PIXELS / (width * height)));
  const paper = made("canvas", { width: Math.max(1, Math.round(width * share)), height: Math.max(1, Math.round(height * share)) });
  const pen = paper.getContext("2d");
  const strokes = [];

  const brush = made("input", { type: "range", min: 1, max: 100, value: 40 });
  const undo = made("button", { type: "button", className: "button small", textContent: "Undo" });
  const clear = made("button", { type: "button", className: "button small", textContent: "Clear" });
  const leave = made("button", { type: "button", className: "button", textContent: "Cancel" });
  const done = made("button", { type: "button", className: "button primary", textContent: number < count ? "Next picture" : "Use as mask" });
  const title = made("h2", { textContent: count > 1 ? `${name}, ${number} of ${count}` : name });
  const dialog = made("dialog", { className: "painting" },
    title,
    made("p", { className: "small muted", textContent: "Paint over what is missing or is to go." }),
    made("div", { className: "painted-on" }, picture, paper),
    made("div", { className: "row" }, made("label", { className: "small" }, "Brush ", brush), undo, clear, leave, done));
  dialog.setAttribute("aria-label", `Paint over what is missing in ${name}`);
  document.body.append(dialog);

  const told = () => { undo.disabled = clear.disabled = done.disabled = !strokes.length; };
  const redraw = () => {
    pen.clearRect(0, 0, paper.width, paper.height);
    for (const stroke of strokes) line(pen, stroke);
    told();
  };
  const place = (event) => {
    const box = paper.getBoundingClientRect();
    return [(event.clientX - box.left) * paper.width / box.width, (event.clientY - box.top) * paper.height / box.height];
  };
  let current = null;
  paper.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    paper.setPointerCapture(event.pointerId);
    const side = Math.min(paper.width, paper.height);
    current = { width: Math.max(1, side * WIDEST * (brush.value / 100) ** 2), points: [place(event)] };
    strokes.push(current);
    line(pen, current);
    told();
  });
  paper.addEventListener("pointermove", (event) => {
    if (!current) return;
    current.points.push(place(event));
    line(pen, { ...current, points: current.points.slice(-2) });
  });
  for (const end of ["pointerup", "pointercancel"]) paper.addEventListener(end, () => { current = null; });
  undo.addEventListener("click", () => { strokes.pop(); redraw(); });
  clear.addEventListener("click", () => { strokes.length = 0; redraw(); });
  leave.addEventListener("click", () => dialog.close());
  done.addEventListener("click", () => dialog.close("done"));
  told();
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  const wanted = dialog.returnValue === "done";
  dialog.remove();
  return wanted ? maskOf(paper, width, height) : null;
}

function line(pen, { width, points }) {
  pen.lineCap = pen.lineJoin = "round";
  pen.strokeStyle = "#f0f";
  pen.lineWidth = width;
  pen.beginPath();
  pen.moveTo(...points[0]);
  for (const point of points.length > 1 ? points.slice(1) : points) pen.lineTo(...point);
  pen.stroke();
}

// What was painted in white upon black.
function maskOf(paper, width, height) {
  const pen = paper.getContext("2d");
  pen.globalCompositeOperation = "source-in";
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, paper.width, paper.height);
  const mask = made("canvas", { width, height });
  const under = mask.getContext("2d");
  under.fillRect(0, 0, width, height);
  under.drawImage(paper, 0, 0, width, height);
  return new Promise((resolve, reject) => { mask.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The mask is too large: upload one instead."))), "image/png"); });
}
