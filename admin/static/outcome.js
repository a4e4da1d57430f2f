// A delivery on its way is asked for until it rests: each second at first, then ever more seldom, and never unseen.
(() => {
  const QUICK_MS = 1_000;
  const QUICK_TIMES = 15;
  const GROWTH = 1.5;
  const SLOWEST_MS = 30_000;
  const LONGEST_MS = 600_000;
  const current = () => document.querySelector("dialog[open] .delivery, #kiriman .delivery");
  const placeOf = (article) => article.querySelector("#hasil-kiriman");
  let timer = 0;
  let asked = 0;
  let since = 0;
  let last = null;
  let stale = false;

  // What a person is doing is not swapped away: a reason being written, a search, a selection, an open menu.
  function busy(article) {
    const field = article.contains(document.activeElement) && document.activeElement.matches("input") && document.activeElement.value;
    const selected = !getSelection().isCollapsed && article.contains(getSelection().anchorNode);
    return Boolean(field || selected || article.querySelector("details.reason[open], details.menu[open]"));
  }

  function announce(article) {
    const words = placeOf(article).textContent.trim();
    const place = document.querySelector("[data-announce]");
    if (place.textContent !== words) place.textContent = words;
  }

  // After every swap: whether it moved, and whether to go on asking.
  function follow() {
    const article = current();
    clearTimeout(timer);
    if (!article) return (last = null);
    const id = article.dataset.delivery;
    const { mark } = placeOf(article).dataset;
    if (last?.article !== article) stale = false;
    if (last?.id !== id || last.mark !== mark) {
      asked = 0;
      since = performance.now();
      announce(article);
      if (last?.id === id) document.dispatchEvent(new CustomEvent("delivery-moved", { detail: id }));
    }
    last = { article, id, mark };
    if (stale || "moving" in placeOf(article).dataset) later();
  }

  function later() {
    if (performance.now() - since > LONGEST_MS) return;
    timer = setTimeout(ask, Math.min(SLOWEST_MS, QUICK_MS * GROWTH ** Math.max(0, asked - QUICK_TIMES)));
  }

  async function ask() {
    const article = current();
    if (document.hidden || !article) return;
    if (stale && !busy(article)) return renew(article);
    asked += 1;
    const answer = await fetch(`${article.dataset.state}?mark=${encodeURIComponent(placeOf(article).dataset.mark)}`).catch(() => null);
    if (article !== current()) return;
    if (answer?.status === 200 && !answer.redirected) renew(article);
    else if (!answer || answer.status === 204) later();
  }

  async function renew(article) {
    const target = article.parentElement;
    const within = article.contains(document.activeElement);
    stale = busy(article);
    const part = { target: "#hasil-kiriman", swap: "outerHTML", select: "#hasil-kiriman", selectOOB: "#keadaan-kiriman" };
    await htmx.ajax("GET", article.dataset.again, { source: target, ...(stale ? part : { target, swap: "innerHTML" }) }).catch(later);
    if (within && !target.contains(document.activeElement)) target.querySelector('[aria-current="page"]')?.focus({ preventScroll: true });
  }

  // What was told once is not told again by a reload.
  const address = new URL(location.href);
  if (address.searchParams.has("told")) {
    address.searchParams.delete("told");
    history.replaceState(history.state, "", address);
  }
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return clearTimeout(timer);
    asked = 0;
    since = performance.now();
    clearTimeout(timer);
    if (last && (stale || "moving" in placeOf(last.article).dataset)) ask();
  });
  document.body.addEventListener("htmx:afterSettle", (event) => { if (event.target.closest("#laci-isi, #kiriman")) follow(); });
  document.querySelector("dialog")?.addEventListener("close", () => { clearTimeout(timer); last = null; });
  follow();
})();
