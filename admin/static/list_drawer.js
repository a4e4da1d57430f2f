// A delivery beside its list: opened by its link, closed by Esc, and in the address of the list meanwhile.
(() => {
  const list = document.getElementById("daftar");
  const drawer = document.getElementById("laci");
  const content = document.getElementById("laci-isi");
  const part = (name) => drawer.querySelector(`[data-${name}]`);
  let opened = "";

  function addressWith(id) {
    const address = new URL(location.href);
    if (id) address.searchParams.set("buka", id);
    else ["buka", "tab"].forEach((name) => address.searchParams.delete(name));
    return address;
  }

  function filters() {
    const query = new URLSearchParams(location.search);
    ["after", "before", "size", "buka"].forEach((name) => query.delete(name));
    return query.size ? `?${query}` : "";
  }

  async function load(id) {
    const address = `${list.dataset.address}/${id}${filters()}`;
    opened = id;
    part("full").href = address;
    content.replaceChildren();
    part("waiting").hidden = false;
    part("broken").hidden = true;
    if (!drawer.open) drawer.showModal();
    await htmx.ajax("GET", address, { source: drawer, target: content, swap: "innerHTML" }).catch(() => {});
    part("waiting").hidden = true;
    part("broken").hidden = content.childElementCount > 0;
    if (list.dataset.next) content.querySelector(`[data-${list.dataset.next}]`)?.click();
    delete list.dataset.next;
  }

  function shut() {
    const row = list.querySelector(`tr[data-id="${opened}"]`);
    opened = "";
    content.replaceChildren();
    if (!row) return;
    row.scrollIntoView({ block: "nearest" });
    row.querySelector("[data-open]").focus();
  }

  function follow() {
    const wanted = new URLSearchParams(location.search).get("buka") || "";
    if (wanted && wanted !== opened) load(wanted);
    else if (!wanted && drawer.open) drawer.close();
  }

  list.addEventListener("click", (event) => {
    const link = event.target.closest("[data-open]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.pushState({ opened: true }, "", addressWith(link.dataset.open));
    load(link.dataset.open);
  });
  drawer.addEventListener("click", (event) => { if (event.target === drawer || event.target.closest("[data-close]")) drawer.close(); });
  drawer.addEventListener("close", () => {
    const ours = history.state?.opened;
    if (new URLSearchParams(location.search).has("buka")) ours ? history.back() : history.replaceState(null, "", addressWith(""));
    shut();
  });
  part("again").addEventListener("click", () => load(opened));
  addEventListener("popstate", follow);
  if (list.dataset.opened) load(list.dataset.opened);
})();
