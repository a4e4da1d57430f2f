// Copies the message about a problem, and prints its list.
for (const button of document.querySelectorAll("[data-copies], [data-prints]")) button.hidden = false;
document.addEventListener("click", async (event) => {
  if (event.target.closest("[data-prints]")) window.print();
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  const box = document.getElementById(button.dataset.copies);
  // A clinic's server often has no certificate, and without one browsers offer no clipboard.
  if (navigator.clipboard) await navigator.clipboard.writeText(box.value);
  else {
    box.select();
    document.execCommand("copy");
  }
  button.querySelector("span").textContent = button.dataset.done;
});
