/* One listener for all keys. A key belongs to a button, link or field by data-key, so the list behind "?" cannot drift
   from what the page can do. Nothing happens while somebody types, in a dialog, with a modifier, or on a held key. */
(() => {
  "use strict";
  const QUIET = 600;
  let quietUntil = performance.now() < QUIET ? QUIET : 0;
  let going = 0;
  document.addEventListener("console:item", () => { quietUntil = performance.now() + QUIET; });

  const typing = (target) => target.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
  const shut = () => document.querySelector("dialog[open]") || document.querySelector(":popover-open");
  const visible = (element) => element.checkVisibility?.({ visibilityProperty: true }) ?? element.offsetParent !== null;
  const usable = (element) => visible(element) && !element.disabled && !element.closest("[data-sending]");
  const find = (key) => [...document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)].find(usable);
  const rows = () => [...document.querySelectorAll(".q-list a.q, a[data-row]")].filter(visible);

  // A panel that stands open already is written into, not shut: the next letters would be keys.
  const box = (element) => element.matches("summary") && element.parentElement.open && element.parentElement.querySelector("textarea");

  const use = (element) => {
    if (element.matches("input, textarea, select")) { element.focus(); return; }
    if (box(element)) { box(element).focus(); return; }
    element.click();
    if (element.matches("summary") && element.parentElement.open) element.parentElement.querySelector("input:not([type=hidden])")?.focus();
    if (element.popoverTargetElement?.matches(":popover-open")) element.popoverTargetElement.querySelector("input[type=search]")?.focus();
  };

  const move = (step) => {
    const all = rows();
    if (!all.length) return false;
    const at = all.findIndex((row) => row === document.activeElement);
    const start = at >= 0 ? at : all.findIndex((row) => row.getAttribute("aria-current") === "true");
    const next = all[Math.min(all.length - 1, Math.max(0, start + step))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
    return true;
  };

  // Beside the open request stands the list it came from.
  const listed = () => [...document.querySelectorAll(".q-list a.q[aria-current=true]")].find(visible);

  document.querySelector(".q-list a.q[aria-current=true]")?.scrollIntoView({ block: "nearest" });

  const go = (key) => {
    going = 0;
    const link = document.querySelector(`[data-go="${CSS.escape(key)}"]`);
    if (link) link.click();
    return Boolean(link);
  };

  const act = (key) => {
    if (going > performance.now()) return go(key);
    if (key === "g") { going = performance.now() + 1500; return true; }
    if (find(key)) { use(find(key)); return true; }
    if (key.toLowerCase() === "x" && document.querySelector(".pick")) {
      document.dispatchEvent(new CustomEvent("console:select", { detail: key === "X" }));
      return true;
    }
    if (key === "j" || key === "ArrowDown") return move(1);
    if (key === "k" || key === "ArrowUp") return move(-1);
    if (key === "o") { document.activeElement?.matches?.("a.q, a[data-row]") && document.activeElement.click(); return true; }
    if (key === "Escape" && find("u")) { use(find("u")); return true; }
    if ((key === "u" || key === "Escape") && listed()) { listed().focus(); return true; }
    if (key === "/") {
      const search = document.querySelector("input[type=search]");
      search?.closest("details")?.setAttribute("open", "");
      search?.focus();
      return true;
    }
    return false;
  };

  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (typing(target)) { if (key === "Escape") target.blur(); return; }
    if (shut() || (key.length === 1 && document.documentElement.dataset.letters === "off" && key !== "?")) return;
    const arrow = key.startsWith("Arrow");
    if (arrow && !target.matches("a.q, a[data-row], body")) return;
    const steps = arrow || key === "j" || key === "k";
    if (!steps && (event.repeat || performance.now() < quietUntil)) { if (find(key)) event.preventDefault(); return; }
    if (act(key)) event.preventDefault();
  });

  // The help is read off the page.
  const label = (element) => {
    const copy = element.cloneNode(true);
    for (const extra of copy.querySelectorAll("kbd, svg, .num, .n, .sr, .av")) extra.remove();
    return element.getAttribute("aria-label") || document.querySelector(`label[for="${element.id}"]`)?.textContent || copy.textContent.trim();
  };
  const line = (keys, text) => {
    const term = document.createElement("dt");
    for (const key of keys) { const cap = document.createElement("kbd"); cap.textContent = key.length === 1 ? key.toUpperCase() : key; term.append(cap); }
    const words = document.createElement("dd");
    words.textContent = text;
    return [term, words];
  };

  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-help]")) return;
    const dialog = document.getElementById("help");
    const list = dialog.querySelector("dl");
    list.replaceChildren();
    const seen = new Set(["?"]);
    for (const element of document.querySelectorAll("[data-key]")) {
      const key = element.dataset.key;
      if (seen.has(key) || !usable(element)) continue;
      seen.add(key);
      list.append(...line([key], label(element)));
    }
    if (rows().length) list.append(...line(["j", "k"], "Next and previous in the list"), ...line(["Enter"], "Open"));
    if (listed() && !seen.has("u")) list.append(...line(["u"], "Back to the list"));
    if (document.querySelector(".pick")) list.append(...line(["x"], "Select, for one decision on many"), ...line(["Shift", "x"], "Select a range"));
    for (const link of document.querySelectorAll("[data-go]")) list.append(...line(["g", link.dataset.go], `Go to ${link.title.toLowerCase() || label(link)}`));
    if (document.getElementById("jump")) list.append(...line(["Ctrl", "k"], "Jump to anything"));
    list.append(...line(["Ctrl", "Enter"], "Send the form you are in"), ...line(["Esc"], "Close, or back"), ...line(["?"], "This list"));
    dialog.showModal();
  });
})();
