// The search of the header: Ctrl+K and / lead to it, the arrows move through what was found, Esc closes it.
(() => {
  const form = document.getElementById("cari-semua");
  if (!form) return;
  const field = form.querySelector("input");
  const list = document.getElementById("cari-hasil");
  const links = () => [...list.querySelectorAll("a")];
  const show = () => { list.hidden = !field.value.trim() || !list.firstElementChild; };
  const close = () => { list.hidden = true; };

  list.addEventListener("htmx:afterSwap", show);
  field.addEventListener("input", show);
  field.addEventListener("focus", show);
  form.addEventListener("submit", (event) => {
    const first = !list.hidden && links()[0];
    if (!first) return;
    event.preventDefault();
    first.click();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      close();
      field.focus();
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || list.hidden) return;
    event.preventDefault();
    const all = [field, ...links()];
    const at = all.indexOf(document.activeElement);
    all[(at + step + all.length) % all.length].focus();
  });
  document.addEventListener("click", (event) => { if (!form.contains(event.target)) close(); });
  form.addEventListener("focusout", (event) => { if (event.relatedTarget && !form.contains(event.relatedTarget)) close(); });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    const slash = event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
    // A list has a search of its own, to which / leads.
    const own = slash && document.querySelector("#daftar [data-search]");
    const palette = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
    if (document.querySelector("dialog[open]") || own || !(slash || palette)) return;
    event.preventDefault();
    if (field.offsetParent) field.select();
    else location.assign("/cari");
  });
})();
