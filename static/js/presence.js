/* Who else looks at a request: told by the live feed and shown beside its row and on its detail, as long as it is heard.
   This page says which request it has open, and nothing while nobody looks at it. The open socket is all the renewal. */
(() => {
  "use strict";
  if (!document.querySelector("[data-lookers], [data-open]")) return;
  const MOST = { row: 2, detail: 3 };
  const at = new Map();
  const shown = new WeakMap();

  const open = () => {
    const detail = document.querySelector("#detail[data-open]");
    return detail && !document.hidden && detail.checkVisibility?.() !== false ? detail.dataset.open : "";
  };
  let told = null;
  const tell = () => {
    if (open() === told) return;
    told = open();
    document.dispatchEvent(new CustomEvent("console:wish", { detail: { look: told } }));
  };

  const avatar = (person) => {
    const mark = document.createElement("span");
    mark.className = `av ${person.tint}`.trim();
    mark.title = `${person.name} is looking`;
    mark.setAttribute("aria-hidden", "true");
    mark.textContent = person.initials;
    return mark;
  };
  const words = (people) => {
    const [first, second] = people.map((person) => person.name);
    if (people.length === 1) return `${first} is looking`;
    return `${first} and ${people.length === 2 ? second : `${people.length - 1} others`} are looking`;
  };
  const fill = (slot) => {
    const all = (at.get(slot.dataset.lookers) || []).filter((person) => person.name !== slot.dataset.but);
    const key = JSON.stringify(all);
    if (shown.get(slot) === key && slot.hasChildNodes() === Boolean(all.length)) return;
    shown.set(slot, key);
    if (!all.length) { slot.replaceChildren(); return; }
    const text = document.createElement("span");
    const row = Boolean(slot.closest(".q"));
    if (row) text.className = "sr";
    text.textContent = words(all);
    slot.replaceChildren(...all.slice(0, row ? MOST.row : MOST.detail).map(avatar), text);
  };
  const show = () => document.querySelectorAll("[data-lookers]").forEach(fill);

  document.addEventListener("live:presence", (event) => {
    for (const [ref, people] of Object.entries(event.detail)) if (people.length) at.set(ref, people); else at.delete(ref);
    show();
  });
  document.addEventListener("live:hello", () => { told = null; at.clear(); show(); tell(); });
  document.addEventListener("live:lost", () => { at.clear(); show(); });
  document.addEventListener("visibilitychange", tell);
  addEventListener("resize", tell);
  for (const name of ["htmx:after:swap", "console:patched"]) document.addEventListener(name, show);
})();
