/* A long argument is read to its end before Approve becomes active. This helps a careful person and stops nobody else:
   the whole text is in the page, and the server asks for no proof that it was read. */
(() => {
  "use strict";
  const seen = new Set();
  const key = (mark) => `${document.querySelector("#detail input[name=digest]")?.value} ${mark.dataset.endOf}`;
  const left = () => [...document.querySelectorAll("#detail [data-end-of]")].filter((mark) => !seen.has(key(mark)));

  const show = () => {
    const unread = left();
    const note = document.querySelector("#detail [data-unread]");
    const button = document.querySelector("#detail [data-reads]");
    if (note) {
      note.hidden = !unread.length;
      note.querySelector("span").textContent = `Left to read to the end: ${unread.map((mark) => mark.dataset.endOf).join(", ")}.`;
    }
    if (!button) return;
    if (unread.length) { button.setAttribute("aria-disabled", "true"); button.setAttribute("aria-describedby", "unread"); }
    else { button.removeAttribute("aria-disabled"); button.removeAttribute("aria-describedby"); }
  };

  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) seen.add(key(entry.target));
    show();
  });
  const watch = () => {
    watcher.disconnect();
    for (const mark of left()) watcher.observe(mark);
    show();
  };
  watch();
  document.addEventListener("htmx:after:settle", watch);

  // What is not read yet is where Approve leads to.
  document.addEventListener("click", (event) => {
    const asked = event.target.closest?.("[data-reads], [data-unread] a");
    const unread = left();
    if (!asked || !unread.length) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const text = unread[0].closest("section");
    text.scrollIntoView({ block: "start" });
    text.querySelector("h2")?.focus({ preventScroll: true });
  }, true);
})();
