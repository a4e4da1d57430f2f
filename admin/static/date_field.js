// The date field: the browser's calendar behind an icon fills the text, and what cannot be read is told in our words.
(() => {
  const boxOf = (element) => element.closest(".date-box");
  for (const button of document.querySelectorAll("[data-date-pick]")) {
    button.hidden = false;
    button.addEventListener("click", () => boxOf(button).querySelector("[data-date-native]").showPicker());
  }
  for (const native of document.querySelectorAll("[data-date-native]")) {
    native.addEventListener("change", () => {
      const field = boxOf(native).querySelector("[data-date]");
      field.value = native.value.split("-").reverse().join("/");
      field.form.requestSubmit();
    });
  }
  for (const field of document.querySelectorAll("[data-date]")) {
    field.addEventListener("invalid", () => {
      if (field.validity.patternMismatch) field.setCustomValidity(field.dataset.invalid);
    });
    field.addEventListener("input", () => field.setCustomValidity(""));
  }
})();
