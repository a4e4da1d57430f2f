// The editor of a body, on its page or in the drawer: colours, line numbers, the refused line, nothing lost by a slip.
(() => {
  const MOST_COLOURED = 60_000; // characters; a longer text stays plain
  const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\b(?:true|false|null)\b/g;
  const current = () => document.querySelector("[data-editor]");
  const areaOf = (form) => form.querySelector("textarea");
  const dirty = () => {
    const form = current();
    const changed = form && ("unsaved" in form.dataset || areaOf(form).value !== areaOf(form).defaultValue);
    return Boolean(changed && !("leaving" in form.dataset));
  };

  function piece(text, kind) {
    if (!kind) return document.createTextNode(text);
    return Object.assign(document.createElement("span"), { className: `j-${kind}`, textContent: text });
  }

  function coloured(text) {
    const line = document.createElement("div");
    let at = 0;
    for (const match of text.matchAll(TOKEN)) {
      const [whole, string, colon] = match;
      line.append(piece(text.slice(at, match.index)));
      const kind = string ? (colon ? "key" : "string") : /[a-z]/.test(whole[0]) ? "literal" : "number";
      line.append(piece(string || whole, kind));
      if (colon) line.append(piece(colon));
      at = match.index + whole.length;
    }
    line.append(piece(text.slice(at)), piece("\n"));
    return line;
  }

  function draw(form) {
    const area = areaOf(form);
    const colours = form.querySelector("[data-colours]");
    const numbers = form.querySelector("[data-numbers]");
    const lines = area.value.split("\n");
    const refused = Number(form.querySelector("[data-refused]")?.dataset.line);
    const plain = area.value.length > MOST_COLOURED;
    const mark = (rows) => rows.forEach((row, n) => row.classList.toggle("refused", n + 1 === refused));
    const numbered = lines.map((_, n) => Object.assign(document.createElement("div"), { textContent: n + 1 }));
    numbers.replaceChildren(...numbered);
    mark(numbered);
    colours.hidden = plain;
    form.classList.toggle("coloured", !plain);
    const drawn = plain ? [] : lines.map(coloured);
    colours.replaceChildren(...drawn);
    mark(drawn);
    follow(form);
  }

  function follow(form) {
    const area = areaOf(form);
    const colours = form.querySelector("[data-colours]");
    form.querySelector("[data-numbers]").scrollTop = area.scrollTop;
    [colours.scrollTop, colours.scrollLeft] = [area.scrollTop, area.scrollLeft];
  }

  function show(form, line) {
    const area = areaOf(form);
    area.scrollTop = (line - 4) * parseFloat(getComputedStyle(area).lineHeight);
    follow(form);
  }

  function leap(form, line) {
    const area = areaOf(form);
    const before = area.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    const end = area.value.indexOf("\n", before);
    area.focus();
    area.setSelectionRange(before, end < 0 ? area.value.length : end);
    show(form, line);
  }

  function start() {
    const form = current();
    if (!form || "started" in form.dataset) return;
    form.dataset.started = "";
    const area = areaOf(form);
    area.addEventListener("input", () => draw(form));
    area.addEventListener("scroll", () => follow(form));
    form.addEventListener("click", (event) => {
      const link = event.target.closest("[data-line]");
      if (!link) return;
      event.preventDefault();
      leap(form, Number(link.dataset.line));
    });
    form.addEventListener("submit", () => {
      form.dataset.leaving = "";
      form.querySelectorAll("button").forEach((button) => { button.disabled = true; });
    });
    draw(form);
    const refused = form.querySelector("[data-refused]");
    if (refused) show(form, Number(refused.dataset.line));
    if (form.closest("dialog")) area.focus({ preventScroll: true });
  }

  // What is typed in the drawer is not closed away unasked.
  const stays = () => dirty() && !confirm(current().dataset.leave);
  document.addEventListener("click", (event) => {
    const leaves = event.target.closest("[data-close], [data-leaf], dialog [data-inside]:not(form)") || event.target.matches("dialog");
    if (!leaves || !current()?.closest("dialog") || !stays()) return;
    event.preventDefault();
    event.stopPropagation();
  }, true);
  document.addEventListener("cancel", (event) => {
    if (!current()?.closest("dialog")) return;
    if (stays()) event.preventDefault();
  }, true);
  addEventListener("beforeunload", (event) => { if (dirty()) event.preventDefault(); });
  addEventListener("pageshow", () => {
    const form = current();
    if (!form) return;
    delete form.dataset.leaving;
    form.querySelectorAll("button").forEach((button) => { button.disabled = false; });
  });
  document.body.addEventListener("htmx:afterSettle", (event) => {
    start();
    if (event.target.id === "periksa") draw(current());
  });
  start();
})();
