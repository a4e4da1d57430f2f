// A code of a mapping is shown over the page it stands on; without this it is a link to a page of its own.
document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-code]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const shown = link.closest("dialog[data-code-box]");
  const dialog = shown || Object.assign(document.createElement("dialog"), { className: "help card" });
  if (!shown) {
    dialog.dataset.codeBox = "";
    dialog.setAttribute("aria-labelledby", "kode-judul");
    dialog.addEventListener("close", () => { dialog.remove(); link.focus(); });
    dialog.addEventListener("click", (click) => { if (click.target === dialog) dialog.close(); });
    document.body.append(dialog);
  }
  // What cannot be had is looked for on a page of its own, which says why.
  const broken = () => { dialog.remove(); location.assign(link.href); };
  await htmx.ajax("GET", link.href, { source: dialog, target: dialog, swap: "innerHTML" }).catch(() => {});
  if (!dialog.childElementCount) broken();
  else if (!dialog.open) dialog.showModal();
});
