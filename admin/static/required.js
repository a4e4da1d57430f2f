// Says in the page's own language that a field is empty; the browser would say it in its own.
const message = document.body.dataset.required;
document.addEventListener("invalid", ({ target }) => {
  if (target.validity.valueMissing) target.setCustomValidity(message);
}, true);
for (const kind of ["input", "change"]) {
  document.addEventListener(kind, ({ target }) => target.setCustomValidity?.(""), true);
}
