// The theme switch, the menu that folds, menus that close, and no asking anew while nobody looks.
document.getElementById("theme").addEventListener("click", () => {
  const next = document.documentElement.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
  localStorage.setItem("theme", next);
  document.documentElement.setAttribute("data-bs-theme", next);
});
const fold = document.getElementById("fold");
const sayFold = () => {
  const folded = document.documentElement.hasAttribute("data-folded");
  const words = folded ? fold.dataset.unfold : fold.dataset.fold;
  fold.setAttribute("aria-expanded", String(!folded));
  fold.title = words;
  fold.querySelector(".sidebar-text").textContent = words;
};
fold.hidden = false;
fold.addEventListener("click", () => {
  const folded = document.documentElement.toggleAttribute("data-folded");
  localStorage.setItem("menu", folded ? "folded" : "open");
  sayFold();
});
sayFold();
const keys = document.getElementById("keys");
const help = document.getElementById("bantuan");
keys.hidden = !help;
keys.addEventListener("click", () => {
  closeMenus(null);
  help.showModal();
});
document.body.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden) event.preventDefault();
});
// What did not change stays: a swap would take the focus away from whoever stands in it, and be read out again.
document.body.addEventListener("htmx:oobBeforeSwap", (event) => {
  const stateOf = (element) => element?.dataset.state ?? element?.firstElementChild?.dataset.state;
  const fresh = stateOf(event.detail.fragment.firstElementChild);
  if (fresh && fresh === stateOf(event.detail.target)) event.detail.shouldSwap = false;
});
const closeMenus = (but) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(but)) menu.open = false;
};
document.addEventListener("click", (event) => closeMenus(event.target));
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.activeElement?.closest("details.menu[open]");
  if (menu) menu.querySelector("summary").focus();
  if (event.key === "Escape") closeMenus(null);
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});
