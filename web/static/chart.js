// Curves of a training, drawn by Plotly, which is loaded only when there is something to draw.

import { metric } from "./format.js";

const NOT_CURVES = new Set(["step", "epoch", "at", "attempt", "resumed_from_step"]);
const COLOURS = {
  light: ["#4450d6", "#d1660c", "#17783a", "#a12f8f", "#0c7c92", "#8a5a00", "#b42626"],
  dark: ["#8f99ff", "#ff9d5c", "#5cc98a", "#e58ad6", "#5ec7db", "#e8b45a", "#ff8b85"],
};

const RETRY_MS = 3000; // after what could not be fetched

let loading = null;

function loadPlotly() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = document.getElementById("chart").dataset.plotly;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      script.remove();
      loading = null; // the next drawing tries again
      reject(new Error("Plotly did not load"));
    };
    document.head.append(script);
  });
  return loading;
}

export function startChart(url) {
  const chart = document.getElementById("chart");
  if (!chart) return { update() {} };
  const picker = document.getElementById("chart-picker");
  const logScale = document.getElementById("chart-log");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const first = (chart.dataset.first || "").split(",").filter(Boolean); // the loss, and what the recipe judges by
  let rows = [];
  let shown = null;
  const known = new Set();
  let busy = false;
  let wanted = false; // asked for while busy: what came last must be drawn, there may be no further event

  async function update() {
    wanted = true;
    if (busy) return;
    busy = true;
    try {
      while (wanted) {
        wanted = false;
        const reply = await fetch(`${url}?max_points=800`, { headers: { Accept: "application/json" } });
        if (reply.status >= 500 || reply.status === 429) throw new Error(`${reply.status} ${reply.statusText}`);
        if (!reply.ok) return; // gone, or signed out: other parts of the page tell
        rows = (await reply.json()).rows || [];
        if (rows.length) await draw();
      }
    } catch (error) {
      console.warn("curves:", error);
      setTimeout(update, RETRY_MS);
    } finally {
      busy = false;
    }
  }

  function names() {
    const found = new Set();
    for (const row of rows) for (const [key, value] of Object.entries(row)) if (typeof value === "number" && !NOT_CURVES.has(key)) found.add(key);
    return [...found].sort((a, b) => rank(a, first) - rank(b, first) || a.localeCompare(b));
  }

  function pick(all) {
    shown ??= new Set(first.some((name) => all.includes(name)) ? [] : all.slice(0, 1));
    for (const name of first) if (all.includes(name) && !known.has(name)) shown.add(name); // also one that comes later
    for (const name of all) known.add(name);
    const have = [...picker.querySelectorAll("input")].map((input) => input.value);
    if (have.join() === all.join()) return;
    picker.replaceChildren(...all.map((name) => {
      const label = document.createElement("label");
      const input = document.createElement("input");
      input.type = "checkbox";
      input.value = name;
      input.checked = shown.has(name);
      input.addEventListener("change", () => {
        if (input.checked) shown.add(name);
        else shown.delete(name);
        draw();
      });
      label.append(input, name);
      return label;
    }));
  }

  async function draw() {
    const all = names();
    pick(all);
    const Plotly = await loadPlotly();
    chart.hidden = false;
    document.getElementById("chart-empty").hidden = true;
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const palette = COLOURS[dark.matches ? "dark" : "light"];
    const traces = all.filter((name) => shown.has(name)).map((name) => {
      const points = rows.filter((row) => typeof row[name] === "number");
      return {
        type: "scatter", mode: points.length < 40 ? "lines+markers" : "lines", name,
        x: points.map((row) => row.step), y: points.map((row) => row[name]),
        text: points.map((row) => metric(row[name])), hovertemplate: "%{text}<extra>%{fullData.name}</extra>",
        line: { color: palette[all.indexOf(name) % palette.length], width: 1.8 }, marker: { size: 5 },
      };
    });
    const axis = { gridcolor: colour("--line"), linecolor: colour("--line-strong"), zeroline: false, tickfont: { size: 12 }, automargin: true };
    const layout = {
      margin: { l: 8, r: 8, t: 8, b: 8 }, height: chart.clientHeight || 320, hovermode: "x unified", showlegend: true,
      legend: { orientation: "h", y: 1.12, x: 0 }, uirevision: "same",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, color: colour("--muted"), size: 12 },
      hoverlabel: { bgcolor: colour("--surface"), bordercolor: colour("--line-strong"), font: { color: colour("--text") } },
      xaxis: { ...axis, title: { text: "step", standoff: 6 }, tickformat: "," },
      yaxis: { ...axis, type: logScale.checked ? "log" : "linear" },
    };
    await Plotly.react(chart, traces, layout, { displayModeBar: false, responsive: true });
  }

  logScale.addEventListener("change", () => { if (rows.length) draw(); });
  dark.addEventListener("change", () => { if (rows.length) draw(); });
  update();
  return { update };
}

function rank(name, first) {
  const place = first.indexOf(name);
  return place < 0 ? first.length : place;
}
