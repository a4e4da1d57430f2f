// The eye at a password: shows what was typed until it is pressed again or the form is sent.
for (const eye of document.querySelectorAll("[data-reveal]")) {
  const field = document.getElementById(eye.dataset.reveal);
  const show = (shown) => {
    field.type = shown ? "text" : "password";
    eye.setAttribute("aria-pressed", String(shown));
    eye.querySelector("i").className = shown ? "ti ti-eye-off" : "ti ti-eye";
  };
  eye.hidden = false;
  eye.addEventListener("click", () => show(field.type === "password"));
  // A browser offers to remember what it knows to be a password.
  field.form.addEventListener("submit", () => show(false));
}
