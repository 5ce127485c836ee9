/* Selecting rows of the queue for one decision on many: x for one, Shift+x for a range. What is selected is kept while
   the list is refreshed, and given up for what somebody has decided meanwhile. */
(() => {
  "use strict";
  const chosen = new Set();
  let last = null;
  const picks = () => [...document.querySelectorAll(".pick")];
  const shown = (pick) => !pick.closest("li").classList.contains("done");

  const show = () => {
    const all = picks();
    for (const pick of all) {
      if (!shown(pick)) chosen.delete(pick.value);
      pick.checked = chosen.has(pick.value);
    }
    const count = all.filter((pick) => pick.checked).length;
    for (const place of document.querySelectorAll("[data-chosen]")) place.textContent = count ? String(count) : "";
  };
  const put = (pick, on) => { if (on) chosen.add(pick.value); else chosen.delete(pick.value); };

  const here = () => {
    const row = document.activeElement?.closest?.(".q-list li") || document.querySelector(".q-list a.q[aria-current]")?.closest("li");
    const pick = row?.querySelector(".pick");
    return pick && shown(pick) ? pick : null;
  };

  document.addEventListener("console:select", (event) => {
    const pick = here();
    if (!pick) return;
    const all = picks().filter(shown), from = all.findIndex((one) => one.value === last);
    if (event.detail && from >= 0) {
      const [low, high] = [from, all.indexOf(pick)].sort((one, other) => one - other);
      all.slice(low, high + 1).forEach((one) => put(one, true));
    } else put(pick, !chosen.has(pick.value));
    last = pick.value;
    show();
    document.dispatchEvent(new CustomEvent("console:say", { detail: `${chosen.size} selected` }));
  });
  document.addEventListener("change", (event) => {
    if (!event.target.matches?.(".pick")) return;
    put(event.target, event.target.checked);
    last = event.target.value;
    show();
  });
  document.addEventListener("click", (event) => { if (event.target.closest?.("[data-unselect]")) { chosen.clear(); show(); } });
  for (const name of ["console:patched", "htmx:after:swap", "htmx:after:settle"]) document.addEventListener(name, show);
  for (const pick of picks()) if (pick.checked) chosen.add(pick.value);
  show();
})();
