// A delivery: its parts within a drawer, the search in its JSON, what is copied. Without it all are plain links and forms.
(() => {
  const inDrawer = (element) => element.closest("#laci-isi");

  async function show(method, address, values) {
    const target = document.getElementById("laci-isi");
    await htmx.ajax(method, address, { source: target, target, swap: "innerHTML", values });
    if (target.querySelector("[data-editor], .withdrawal")) return target.closest("dialog").scrollTo(0, 0);
    (target.querySelector('[role="status"], .outcome') || target.querySelector('[aria-current="page"]'))?.scrollIntoView({ block: "nearest" });
    target.querySelector('[aria-current="page"]')?.focus();
  }

  function remember(id, tab) {
    const address = new URL(location.href);
    address.searchParams.set("buka", id);
    tab ? address.searchParams.set("tab", tab) : address.searchParams.delete("tab");
    history.replaceState(history.state, "", address);
  }

  // A refused edit comes back with its form, and what was typed, under a code that htmx takes for an error.
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, target } = event.detail;
    if (target.id !== "laci-isi" || ![409, 422].includes(xhr.status) || !xhr.responseText.includes("data-editor")) return;
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  });

  function go(link) {
    // The editor, and the question of a withdrawal, take the place of the delivery, and give it back.
    if (link.matches("[data-edit], [data-withdraw], [data-leaf]")) return show("GET", link.href);
    const address = new URL(link.href);
    const id = address.pathname.split("/").pop();
    const before = new URLSearchParams(location.search).get("buka");
    const tab = id === before ? address.searchParams.get("tab") : new URLSearchParams(location.search).get("tab");
    remember(id, tab);
    if (id === before) show("GET", link.href);
    else dispatchEvent(new PopStateEvent("popstate", { state: history.state }));
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-inside], a[data-edit], a[data-withdraw], a[data-leaf]");
    if (!link || !inDrawer(link) || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(link);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-inside]");
    if (!form || !inDrawer(form)) return;
    event.preventDefault();
    const values = new FormData(form, event.submitter);
    if (form.method === "get") return show("GET", `${form.action}?${new URLSearchParams(values)}`);
    form.querySelectorAll("button").forEach((button) => { button.disabled = true; });
    show("POST", form.action, Object.fromEntries(values));
  });

  async function copy(text, button) {
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else {
      // A clinic's server often has no certificate, and without one browsers offer no clipboard.
      const area = Object.assign(document.createElement("textarea"), { value: text });
      button.after(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    const words = button.querySelector("span");
    const before = words.textContent;
    words.textContent = button.dataset.done;
    setTimeout(() => { words.textContent = before; }, 1500);
  }

  function textOf(box) {
    const text = box.querySelector(".json-body").textContent;
    try {
      return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      return text;
    }
  }

  function exact(box) {
    // JSON.parse would round long numbers: the text itself is copied where it would change.
    const text = box.querySelector(".json-body").textContent;
    const pretty = textOf(box);
    return pretty.replace(/\s/g, "") === text.replace(/\s/g, "") ? pretty : text;
  }

  function seek(box, step) {
    const wanted = box.querySelector("[data-json-search]").value.trim().toLowerCase();
    const told = box.querySelector("[data-json-found]");
    const old = [...box.querySelectorAll(".j-hit")];
    const at = old.findIndex((hit) => hit.classList.contains("now"));
    old.forEach((hit) => hit.classList.remove("j-hit", "now"));
    told.textContent = "";
    if (!wanted) return;
    const hits = [...box.querySelectorAll(".j summary, .j-in > div, .j > div")].filter((line) => line.textContent.toLowerCase().includes(wanted));
    hits.forEach((hit) => {
      hit.classList.add("j-hit");
      for (let fold = hit.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    });
    if (!hits.length) return (told.textContent = told.dataset.none);
    const now = step ? (at + step + hits.length) % hits.length : 0;
    hits[now].classList.add("now");
    hits[now].scrollIntoView({ block: "center" });
    told.textContent = told.dataset.say.replace("{n}", now + 1).replace("{of}", hits.length);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-copy-link], [data-json-copy], [data-json-fold]");
    const box = button?.closest("[data-json]");
    if (!button) return;
    if (button.matches("[data-copy]")) copy(button.dataset.copy, button);
    else if (button.matches("[data-copy-link]")) copy(new URL(button.dataset.copyLink, location.origin).href, button);
    else if (button.matches("[data-json-copy]")) copy(exact(box), button);
    else {
      const folds = [...box.querySelectorAll(".j details details")];
      const open = folds.some((fold) => !fold.open);
      folds.forEach((fold) => { fold.open = open; });
    }
  });
  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-json-search]")) seek(event.target.closest("[data-json]"), 0);
  });
  document.addEventListener("keydown", (event) => {
    if (!event.target.matches?.("[data-json-search]")) return;
    if (event.key === "Enter") {
      event.preventDefault();
      seek(event.target.closest("[data-json]"), event.shiftKey ? -1 : 1);
    }
    if (event.key === "Escape" && event.target.value) {
      event.preventDefault();
      event.target.value = "";
      seek(event.target.closest("[data-json]"), 0);
    }
  });

  // The keys of the list, for the delivery that is open.
  const KEYS = { e: "[data-edit]", r: "[data-resend]:not(:disabled)", j: "a[data-next-failed], a[data-older]", k: "a[data-newer]" };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input:not([type=checkbox]), textarea, select");
    const delivery = document.querySelector(document.querySelector("dialog") ? "dialog[open] .delivery" : ".delivery");
    if (typing || !delivery || !KEYS[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const [first, second] = KEYS[event.key].split(", ").map((target) => delivery.querySelector(target));
    (first || second)?.click();
  });

  const wake = (root) => root.querySelectorAll("[data-copy], [data-copy-link], [data-json-copy], [data-json-fold], [data-json-search]").forEach((tool) => { tool.hidden = false; });
  const reach = (root) => root.querySelector(".delivery-tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  reach(document);
  wake(document);
  document.body.addEventListener("htmx:afterSwap", (event) => {
    wake(event.target);
    reach(event.target);
  });
})();
