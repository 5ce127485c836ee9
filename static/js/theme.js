/* Runs before the first paint: marks that scripts are on, and makes the theme button work without a round trip. */
(() => {
  "use strict";
  const root = document.documentElement;
  root.dataset.js = "";
  const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  document.addEventListener("submit", (event) => {
    const form = event.target.closest?.("[data-theme-form]");
    if (!form) return;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form));
    root.dataset.theme = dark() ? "light" : "dark";
    body.set("theme", root.dataset.theme);
    fetch(form.action, { method: "POST", body, redirect: "manual" }).catch(() => {});
    form.querySelector("[name=theme]").value = dark() ? "light" : "dark";
  });
})();
