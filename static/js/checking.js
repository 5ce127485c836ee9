/* A form marked data-check="#target" is looked at while it is written: a moment after the last key the server says what it
   would make of it. Nothing is stored by that. Without this script a button asks for the same. */
(() => {
  "use strict";
  const AFTER = 500;
  let timer = 0;
  document.addEventListener("input", (event) => {
    const form = event.target.closest?.("[data-check]");
    if (!form || !window.htmx) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      const target = document.querySelector(form.dataset.check);
      if (target) htmx.ajax("POST", `${form.getAttribute("action")}?fragment=check`, { source: form, target, swap: "innerMorph" });
    }, AFTER);
  });
})();
