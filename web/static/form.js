// Forms tell about a wrong number while it is still being typed over; the server has the last word.

export function start() {
  for (const form of document.querySelectorAll("[data-form], [data-try]")) {
    for (const input of form.querySelectorAll("[data-number]")) {
      input.addEventListener("change", () => show(input, check(input)));
      input.addEventListener("input", () => { if (input.getAttribute("aria-invalid") === "true") show(input, check(input)); });
    }
    form.addEventListener("submit", (event) => {
      if (event.submitter?.hasAttribute("formnovalidate")) return;
      const wrong = [...form.querySelectorAll("[data-number]")].filter((input) => {
        const problem = check(input);
        if (problem) show(input, problem);
        return problem;
      });
      if (wrong.length) {
        event.preventDefault();
        const folded = wrong[0].closest("details");
        if (folded) folded.open = true;
        wrong[0].focus();
      }
    }, true);
  }
}

// Returns what is wrong with a number, "" when nothing is. An empty input takes the default.
export function check(input) {
  const text = input.value.trim();
  if (!text) return "";
  const { number, min, max, above, below, limits } = input.dataset;
  if (number === "integer" && !/^[+-]?\d+$/.test(text)) return `A whole number is needed; got ${text}`;
  const value = Number(text);
  if (!Number.isFinite(value)) return `A number is needed; got ${text}`;
  const outside = (min !== undefined && value < Number(min)) || (max !== undefined && value > Number(max))
    || (above !== undefined && value <= Number(above)) || (below !== undefined && value >= Number(below));
  return outside ? `Must be ${limits}; got ${text}` : "";
}

function show(input, problem) {
  const cell = input.closest(".row-grid label"); // each cell of a row has its own
  const field = cell || input.closest(".field");
  const id = `${input.id}-problem`;
  for (const old of field.querySelectorAll(".problem")) old.remove();
  const described = (input.getAttribute("aria-describedby") || "").split(" ").filter((part) => part && part !== id);
  if (problem) {
    const line = document.createElement(cell ? "span" : "p");
    line.className = "problem";
    line.id = id;
    line.textContent = problem;
    const help = field.querySelector(".help");
    if (help) help.before(line);
    else field.append(line);
    input.setAttribute("aria-invalid", "true");
    described.unshift(id);
  } else {
    input.removeAttribute("aria-invalid");
  }
  if (described.length) input.setAttribute("aria-describedby", described.join(" "));
  else input.removeAttribute("aria-describedby");
}
