/* Grading with digits: a digit chooses that step of the criterion that is next, and goes on to the one behind it. The last
   one hands over to the button, which Enter presses. Without this script each step is a radio button as ever. */
(() => {
  "use strict";
  const criteria = () => [...document.querySelectorAll("[data-criterion]")];
  const chosen = (one) => one.querySelector("input[type=radio]:checked");
  const typing = (target) => target.closest?.("input:not([type=radio]), textarea, select");

  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (!/^[1-9]$/.test(key) || event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(target) || document.querySelector("dialog[open]") || document.documentElement.dataset.letters === "off") return;
    const all = criteria();
    const held = all.findIndex((one) => one.contains(target));
    const at = held >= 0 ? held : all.findIndex((one) => !chosen(one));
    const step = all[at < 0 ? 0 : at]?.querySelector(`input[type=radio][value="${key}"]`);
    if (!step) return;
    event.preventDefault();
    step.checked = true;
    const following = all[at + 1];
    const next = following ? chosen(following) || following.querySelector("input[type=radio]") : document.querySelector("[data-grade]");
    next?.focus();
    next?.closest("[data-criterion]")?.scrollIntoView({ block: "nearest" });
  });
})();
