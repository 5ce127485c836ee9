/* A claim is renewed while its request is open and looked at; the server decides whether that is needed. */
(() => {
  "use strict";
  const EVERY = 60_000;
  const token = document.querySelector('meta[name="csrf-token"]')?.content;
  setInterval(() => {
    const form = document.querySelector("form[data-renew]");
    if (!form || document.hidden) return;
    fetch(form.dataset.renew, { method: "POST", headers: { "X-CSRFToken": token, "HX-Request": "true" } }).catch(() => {});
  }, EVERY);
})();
