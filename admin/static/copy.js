// Copies the value of the field that a button names in data-copy-from.
(() => {
  "use strict";
  const copy = async (button) => {
    const field = document.getElementById(button.dataset.copyFrom);
    field.select();
    // A clinic's server often has no certificate, and without one browsers offer no clipboard.
    if (navigator.clipboard) await navigator.clipboard.writeText(field.value);
    else document.execCommand("copy");
    button.querySelector("span").textContent = button.dataset.done;
  };
  document.querySelectorAll("[data-copy-from]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  });
})();
