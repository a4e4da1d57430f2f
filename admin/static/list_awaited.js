// Rows that a person has sent again: asked for each second until they rest, and told then; the time to undo counts down.
(() => {
  const list = document.getElementById("daftar");
  const message = document.getElementById("pesan");
  const EVERY_MS = 1_000;
  const QUICK_TIMES = 20;
  const GROWTH = 1.3;
  const LONGEST_MS = 120_000;
  const TOLD_MS = 9_000;
  const awaited = new Map();
  let timer = 0;
  let asked = 0;
  let quiet = 0;
  let pressed = "";

  const moves = (id) => document.getElementById(`s${id}`)?.hasAttribute("data-moving");
  const address = (ids, more) => `${list.dataset.changes.replace("&top=true", "")}&ids=${ids}${more}`;
  const fetchRows = (ids, more = "") => htmx.ajax("GET", address(ids, more), { source: message, swap: "none" }).catch(() => {});

  async function ask() {
    if (document.hidden) return (timer = 0);
    const now = performance.now();
    const ids = [...awaited.keys()].join(",");
    asked += 1;
    await fetchRows(ids, `&awaited=${ids}`);
    for (const [id, since] of awaited) if (!moves(id) || now - since > LONGEST_MS) awaited.delete(id);
    timer = 0;
    later();
  }

  function later() {
    if (!awaited.size || timer) return;
    timer = setTimeout(ask, EVERY_MS * GROWTH ** Math.max(0, asked - QUICK_TIMES));
  }

  function wait(id) {
    awaited.set(id, performance.now());
    asked = 0;
    later();
  }

  // Below zero there is nothing to take back any more.
  function countDown() {
    for (const place of list.querySelectorAll("[data-undo-ms]")) {
      place.until ??= performance.now() + Number(place.dataset.undoMs);
      const left = Math.max(0, Math.ceil((place.until - performance.now()) / 1000));
      place.textContent = list.dataset.seconds.replace("{n}", left);
      const gone = 100 - (100 * Math.max(0, place.until - performance.now())) / Number(place.dataset.undoOf);
      place.closest("button").querySelector("[data-ring]")?.setAttribute("stroke-dashoffset", Math.max(0, gone));
      place.closest("button").disabled ||= !left;
    }
  }

  list.addEventListener("htmx:beforeRequest", (event) => { pressed = event.target.closest("tbody tr")?.dataset.id || pressed; });
  // The form itself is gone by then: its cell came anew.
  document.body.addEventListener("htmx:afterRequest", () => {
    if (!pressed) return;
    if (moves(pressed)) wait(pressed);
    else awaited.delete(pressed);
    pressed = "";
    countDown();
  });
  document.body.addEventListener("htmx:oobAfterSwap", (event) => {
    countDown();
    if (event.target !== message) return;
    clearTimeout(quiet);
    quiet = setTimeout(() => message.replaceChildren(), TOLD_MS);
  });
  document.addEventListener("delivery-moved", (event) => fetchRows(event.detail));
  document.addEventListener("visibilitychange", later);
  for (const place of list.querySelectorAll("[data-undo-ms]")) wait(place.closest("tr").dataset.id);
  setInterval(countDown, 250);
  countDown();
})();
