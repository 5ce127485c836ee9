/* Ctrl+K: jump to anything. The server finds, with the rights of whoever asks; here are only keys and the dialog. */
(() => {
  "use strict";
  const dialog = document.getElementById("jump");
  if (!dialog) return;
  const input = dialog.querySelector("input");
  const place = dialog.querySelector("[data-jump-found]");
  const address = dialog.querySelector("form").getAttribute("action");
  const PAUSE = 120;
  let timer = 0, asking = null, shown = null, follow = false;
  const links = () => [...place.querySelectorAll("a")];
  const say = (text) => document.dispatchEvent(new CustomEvent("console:say", { detail: text }));

  const ask = async () => {
    timer = 0;
    asking?.abort();
    const mine = asking = new AbortController();
    const query = input.value;
    const answer = await fetch(`${address}?${new URLSearchParams({ q: query, fragment: "found" })}`, { headers: { "HX-Request": "true" }, signal: mine.signal }).catch(() => null);
    if (asking !== mine) return;
    if (!answer?.ok) { if (answer?.status === 401) location.reload(); else tell("The search could not be reached. Enter opens it as a page."); return; }
    const found = await answer.text().catch(() => null);  // given up for the next question, also halfway through
    if (asking !== mine || found === null) return;
    const page = new DOMParser().parseFromString(found, "text/html");
    const held = place.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    place.replaceChildren(...page.body.childNodes);
    if (held !== null) (links().find((link) => link.getAttribute("href") === held) || input).focus();
    shown = query;
    say(`${links().length} found`);
    if (follow) go();
  };
  const tell = (text) => { const line = document.createElement("p"); line.className = "dim pad"; line.textContent = text; place.replaceChildren(line); shown = null; };
  const go = () => { follow = false; links()[0]?.click(); };
  const open = () => {
    for (const other of document.querySelectorAll("dialog[open]")) other.close();
    dialog.showModal();
    input.select();
    ask();
  };

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (dialog.open) dialog.close(); else open();
    }
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-jump]") || event.ctrlKey || event.metaKey || event.button) return;
    event.preventDefault();
    open();
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  input.addEventListener("input", () => { follow = false; clearTimeout(timer); timer = setTimeout(ask, PAUSE); });
  dialog.addEventListener("keydown", (event) => {
    // A search field would take the first Escape for itself.
    if (event.key === "Escape") { event.preventDefault(); dialog.close(); return; }
    const all = links();
    const at = all.indexOf(document.activeElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && all.length) {
      event.preventDefault();
      const next = at + step;
      if (next < 0) input.focus(); else all[Math.min(next, all.length - 1)].focus();
    } else if (event.key === "Enter" && event.target === input) {
      // Enter means what stands first for what was typed, also when it is still being looked for.
      if (shown === null && !timer && !asking) return;
      event.preventDefault();
      if (shown === input.value && !timer) go(); else { follow = true; clearTimeout(timer); ask(); }
    } else if (at >= 0 && event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      input.focus();
      input.value += event.key;
      input.dispatchEvent(new Event("input"));
    }
  });
})();
