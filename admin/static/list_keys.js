// The keyboard of the list; nothing while somebody types or a dialog is open.
(() => {
  const list = document.getElementById("daftar");
  const help = document.getElementById("bantuan");
  const rows = () => [...list.querySelectorAll("tbody tr")];
  const current = () => document.activeElement.closest("tbody tr") || list.querySelector("tr.current");

  function go(step) {
    const all = rows();
    const at = all.indexOf(current());
    const row = all[Math.min(all.length - 1, Math.max(0, at + step))];
    if (!row) return;
    row.querySelector("[data-open]").focus();
    row.scrollIntoView({ block: "nearest" });
  }

  const acts = {
    "/": () => list.querySelector("[data-search]").select(),
    j: () => go(1),
    k: () => go(-1),
    Enter: (row) => row?.querySelector("[data-open]").click(),
    r: (row) => row?.querySelector("[data-resend]")?.click(),
    e: (row) => {
      if (!row) return;
      list.dataset.next = "edit";
      row.querySelector("[data-open]").click();
    },
    x: (row) => row?.querySelector('input[name="ids"]')?.click(),
    Escape: () => document.getElementById("massal")?.reset(),
    "?": () => help.showModal(),
  };

  list.addEventListener("focusin", (event) => {
    list.querySelector("tr.current")?.classList.remove("current");
    event.target.closest("tbody tr")?.classList.add("current");
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
    const pressing = event.key === "Enter" && event.target.closest("a, button, summary");
    if (typing || pressing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act(current());
  });
  const button = list.querySelector("[data-help]");
  button.hidden = false;
  button.addEventListener("click", () => help.showModal());
})();
