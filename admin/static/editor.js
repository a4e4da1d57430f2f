// The editor of a body: line numbers, leaping to a problem, nothing lost by a slip, one save per click.
(() => {
  const form = document.querySelector("[data-editor]");
  const area = form.querySelector("textarea");
  const numbers = form.querySelector("[data-numbers]");
  const saved = area.value;
  let leaving = false;

  function count() {
    const lines = area.value.split("\n").length;
    if (numbers.dataset.lines !== String(lines)) numbers.textContent = Array.from({ length: lines }, (_, n) => n + 1).join("\n");
    numbers.dataset.lines = lines;
    numbers.scrollTop = area.scrollTop;
  }

  function leap(line) {
    const before = area.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    const end = area.value.indexOf("\n", before);
    area.focus();
    area.setSelectionRange(before, end < 0 ? area.value.length : end);
    area.scrollTop = (line - 4) * parseFloat(getComputedStyle(area).lineHeight);
  }

  area.addEventListener("input", count);
  area.addEventListener("scroll", () => { numbers.scrollTop = area.scrollTop; });
  form.addEventListener("click", (event) => {
    const link = event.target.closest("[data-line]");
    if (!link) return;
    event.preventDefault();
    leap(Number(link.dataset.line));
  });
  form.addEventListener("submit", () => {
    leaving = true;
    form.querySelectorAll("button").forEach((button) => { button.disabled = true; });
  });
  addEventListener("beforeunload", (event) => { if (!leaving && area.value !== saved) event.preventDefault(); });
  addEventListener("pageshow", () => {
    leaving = false;
    form.querySelectorAll("button").forEach((button) => { button.disabled = false; });
  });
  count();
})();
