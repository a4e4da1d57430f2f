// The page that confirms many codes: the button counts the ticks. Without it all are plain fields.
(() => {
  const form = document.querySelector("[data-bulk]");
  const boxes = [...form.querySelectorAll("input[name=pilih]")];
  const all = form.querySelector("[data-all]");
  const button = form.querySelector("[data-count]");

  function count() {
    const ticked = boxes.filter((box) => box.checked).length;
    all.checked = ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
    if (!button) return;
    button.querySelector("span").textContent = button.dataset.count.replace("{n}", ticked);
    button.disabled = ticked === 0;
  }

  all.hidden = false;
  all.addEventListener("change", () => {
    boxes.forEach((box) => { box.checked = all.checked; });
    count();
  });
  form.addEventListener("change", count);
  form.addEventListener("submit", () => { if (button) button.disabled = true; });
  addEventListener("pageshow", count);
})();
