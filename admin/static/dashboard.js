// Cards are filtered as one types; a refresh that brings nothing new changes nothing.
(() => {
  const live = document.getElementById("live");
  const search = document.getElementById("cari");
  const summary = document.getElementById("summary");
  let shown = "";

  const filter = () => {
    const wanted = search.value.trim().toLowerCase();
    let found = 0;
    for (const section of live.querySelectorAll(".groups section")) {
      let here = 0;
      for (const card of section.querySelectorAll("article")) {
        card.hidden = !card.dataset.words.toLowerCase().includes(wanted);
        here += !card.hidden;
      }
      section.hidden = !here;
      found += here;
    }
    document.getElementById("no-card").hidden = found > 0 || !wanted;
  };

  search.addEventListener("input", () => {
    filter();
    const address = new URL(location);
    if (search.value.trim()) address.searchParams.set("q", search.value.trim());
    else address.searchParams.delete("q");
    history.replaceState(null, "", address);
  });
  search.form.addEventListener("submit", (event) => event.preventDefault());

  live.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target !== live) return;
    if (event.detail.serverResponse === shown) event.detail.shouldSwap = false;
    shown = event.detail.serverResponse;
  });
  live.addEventListener("htmx:afterSwap", () => {
    filter();
    const told = live.querySelector("[data-summary]").dataset.summary;
    if (summary.textContent !== told) summary.textContent = told;
  });
  filter();
})();
