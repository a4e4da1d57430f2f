// The mapping screen by keyboard: choose among codes, search, confirm. Without it all are plain links and forms.
(() => {
  const screen = document.querySelector("[data-screen]");
  const search = screen.querySelector("[data-search]");
  const choice = document.getElementById("pilihan");
  const help = document.getElementById("bantuan");
  const broken = screen.querySelector("[data-broken]");
  const candidates = () => [...screen.querySelectorAll("a[data-choose]")];
  const listed = () => screen.querySelector("[data-listed]").dataset.listed === search.value.trim();
  const current = () => candidates().findIndex((each) => each.hasAttribute("aria-current"));
  let failed = null;

  function mark(link) {
    candidates().forEach((each) => each.removeAttribute("aria-current"));
    link.setAttribute("aria-current", "true");
    choice.setAttribute("aria-busy", "true");
  }

  function choose(place) {
    const link = candidates()[place];
    if (!link) return;
    if (document.activeElement !== search) link.focus();
    link.scrollIntoView({ block: "nearest" });
    link.click();
  }

  function pick(place) {
    if (!candidates()[place]?.hasAttribute("data-vetoed")) choose(place);
  }

  function step(by) {
    const last = candidates().length - 1;
    choose(Math.min(last, Math.max(0, current() + by)));
  }

  // What is confirmed is what is shown: never the code before it, while its own is still on the way.
  function confirm() {
    const form = choice.querySelector("form[data-confirm]");
    if (!form || choice.hasAttribute("aria-busy") || form.querySelector("button:disabled")) return;
    const button = form.querySelector("button");
    const ticks = [...form.querySelectorAll("input[type=checkbox]")];
    if (button && !ticks.length) return form.requestSubmit();
    // What differs is confirmed at its own button, never by the key alone.
    (ticks.find((box) => !box.checked) ?? button)?.focus();
  }

  const acts = {
    "/": () => search.select(),
    j: () => step(1),
    ArrowDown: () => step(1),
    k: () => step(-1),
    ArrowUp: () => step(-1),
    Enter: confirm,
    n: () => screen.querySelector("[data-next]")?.click(),
    d: () => choice.querySelector("a[data-code]")?.click(),
    Escape: () => screen.querySelector("[data-back]").click(),
    "?": () => help.showModal(),
  };

  function typing(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") step(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Enter") listed() && !event.repeat && (current() < 0 ? choose(0) : confirm());
    else if (event.key === "Escape") search.blur();
    else return;
    event.preventDefault();
  }

  search.addEventListener("keydown", typing);
  document.addEventListener("keydown", (event) => {
    const field = event.target.closest("input:not([type=checkbox]), textarea, select");
    const pressing = event.key === "Enter" && event.target.closest("a:not([data-choose][aria-current]), button, summary");
    if (field || pressing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const digit = /^[1-9]$/.test(event.key);
    if (!digit && !acts[event.key]) return;
    event.preventDefault();
    if (event.key === "Enter" && event.repeat) return;
    if (digit) pick(Number(event.key) - 1);
    else acts[event.key]();
  });
  screen.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-choose]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) mark(link);
  });
  screen.querySelector("[data-search-form]").addEventListener("submit", (event) => event.preventDefault());
  screen.addEventListener("submit", (event) => {
    if (event.target.matches("[data-confirm]")) event.target.querySelector("button").disabled = true;
  });
  screen.addEventListener("htmx:afterRequest", (event) => {
    // One that a newer one took the place of says nothing.
    if (event.detail.successful) failed = null;
    else if (event.detail.xhr.status) failed = event.detail.elt;
    broken.hidden = !failed;
    if (event.detail.target === choice) choice.removeAttribute("aria-busy");
  });
  screen.addEventListener("htmx:sendError", (event) => { failed = event.detail.elt; broken.hidden = false; });
  screen.addEventListener("htmx:afterSwap", (event) => {
    if (event.target === choice && matchMedia("(max-width: 900px)").matches) choice.scrollIntoView({ block: "nearest" });
  });
  screen.querySelector("[data-retry]").addEventListener("click", () => {
    if (failed === search) htmx.trigger(search, "search");
    else failed?.click();
  });
  addEventListener("pageshow", () => {
    const button = choice.querySelector("form[data-confirm] button");
    if (button && !button.hasAttribute("aria-describedby")) button.disabled = false;
  });
  const button = screen.querySelector("[data-help]");
  button.hidden = false;
  button.addEventListener("click", () => help.showModal());
})();
