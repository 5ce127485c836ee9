/* What is made in the background moves on without an entry of the log: while it does, its region is asked for again. */
(() => {
  "use strict";
  const EVERY = 2000;
  const again = setInterval(() => {
    const going = document.querySelector("[data-going]");
    if (!going) clearInterval(again);
    else if (!document.hidden) going.closest("[data-live-url]").dispatchEvent(new Event("console:refresh", { bubbles: true }));
  }, EVERY);
})();
