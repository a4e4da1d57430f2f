// Before the page is painted: the theme that was chosen, else the system's; and the menu folded, if it was left so.
(() => {
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = () => root.setAttribute("data-bs-theme", localStorage.getItem("theme") || (dark.matches ? "dark" : "light"));
  dark.addEventListener("change", apply);
  apply();
  root.toggleAttribute("data-folded", localStorage.getItem("menu") === "folded");
})();
