// The list: ticking rows, and asking anew for what is shown without moving it.
(() => {
  const list = document.getElementById("daftar");
  const EVERY = 4000;
  const boxes = () => [...list.querySelectorAll('tbody input[name="ids"]')];
  const ticked = () => boxes().filter((box) => box.checked);
  const show = (name, wanted) => { list.querySelector(`[data-${name}]`).hidden = !wanted; };
  const everyRow = list.querySelector("[data-all-rows]");
  const everyMatch = list.querySelector('input[name="all"]');
  let last = null;
  let pressed = "";

  function told() {
    const n = ticked().length;
    const line = list.querySelector("[data-selected]");
    if (!line) return;
    line.textContent = list.dataset.all.replace("{n}", n);
    if (everyRow) everyRow.checked = n > 0 && n === boxes().length;
    if (everyRow) everyRow.indeterminate = n > 0 && n < boxes().length;
    if (!n && everyMatch) everyMatch.checked = false;
    show("paused", resting());
  }

  function tick(event) {
    const all = boxes();
    if (event.target === everyRow) all.forEach((box) => { box.checked = everyRow.checked; });
    if (!all.includes(event.target)) return told();
    if (event.shiftKey && last) {
      const [from, to] = [all.indexOf(last), all.indexOf(event.target)].sort((a, b) => a - b);
      all.slice(from, to + 1).forEach((box) => { box.checked = event.target.checked; });
    }
    last = event.target;
    told();
  }

  function resting() {
    return ticked().length > 0 || Boolean(document.querySelector("dialog[open]"));
  }

  async function refresh() {
    if (document.hidden || resting()) return;
    const ids = [...list.querySelectorAll("tbody tr")].map((row) => row.dataset.id).join(",");
    const uncounted = list.querySelector("#jumlah [data-uncounted]") ? "&count=true" : "";
    // What fails is told by the event; the promise would only repeat it in the console.
    await htmx.ajax("GET", `${list.dataset.changes}&ids=${ids}${uncounted}`, { source: list, swap: "none" }).catch(() => {});
  }

  list.addEventListener("click", tick);
  document.getElementById("massal")?.addEventListener("reset", () => setTimeout(told));
  // A tick that the browser kept over a reload would be in force without being told.
  addEventListener("pageshow", told);
  document.addEventListener("close", (event) => { if (event.target.matches("dialog")) { told(); refresh(); } }, true);
  list.addEventListener("htmx:afterRequest", (event) => { if (event.target === list) show("failed", !event.detail.successful); });
  list.querySelector("[data-retry]").addEventListener("click", refresh);
  const filters = list.querySelector("[data-filters]");
  const empty = (wanted) => [...filters.elements].forEach((field) => { if (field.name && !field.value) field.disabled = wanted; });
  // What is empty need not stand in the address.
  filters.addEventListener("submit", () => { empty(true); show("loading", true); });
  addEventListener("pagehide", () => { empty(false); show("loading", false); });
  document.body.addEventListener("htmx:oobBeforeSwap", (event) => {
    const old = event.detail.target;
    if (old.contains(document.activeElement)) pressed = old.id;
  });
  // A button that was pressed is gone afterwards: the focus goes on to what stands in its place.
  list.addEventListener("htmx:beforeRequest", (event) => { pressed = event.target.closest("td")?.id || ""; });
  document.body.addEventListener("htmx:oobAfterSwap", () => {
    if (!pressed || document.activeElement !== document.body) return;
    document.getElementById(pressed)?.querySelector("button:not(:disabled), a")?.focus();
    pressed = "";
  });
  // Rows are dense unless the person wants to read long cells whole.
  const roomy = list.querySelector("[data-roomy]");
  const spread = () => {
    const on = localStorage.getItem("rows") === "roomy";
    list.classList.toggle("roomy", on);
    roomy.setAttribute("aria-pressed", String(on));
  };
  roomy.hidden = false;
  roomy.addEventListener("click", () => {
    localStorage.setItem("rows", list.classList.contains("roomy") ? "dense" : "roomy");
    spread();
  });
  spread();
  if (everyRow) everyRow.hidden = false;
  told();
  if (list.querySelector("#jumlah [data-uncounted]")) refresh();
  setInterval(refresh, EVERY);
})();
