/* Deciding safely at speed: Approve opens a panel and only Confirm commits; with high risk Confirm waits until the
   request has been on display for 1.2 s, or for as long as policy wants. Nothing here decides: the server does, and says so. */
(() => {
  "use strict";
  const DWELL = 1200;
  const bar = () => document.querySelector(".bar");
  let digest = "";
  let stamp = "";
  let seen = 0;
  let since = 0;

  // How long what is open was in view: a page in the background is looked at by nobody.
  const watch = () => {
    if (since) seen += Date.now() - since;
    since = document.hidden ? 0 : Date.now();
  };
  document.addEventListener("visibilitychange", watch);
  window.console_seen = () => { watch(); return seen; };

  const look = () => {
    const shown = document.querySelector("#detail input[name=digest]")?.value || "";
    const stamps = document.querySelectorAll("#detail input[name=stamp]");
    // What is read again was served before: its first stamp stays.
    if (shown === digest && stamp) for (const field of stamps) field.value = stamp;
    stamp = stamps[0]?.value || "";
    if (shown !== digest) { digest = shown; window.console_shown = Date.now(); seen = since = 0; watch(); document.dispatchEvent(new CustomEvent("console:item")); }
    const choice = document.querySelector("[data-open-next]");
    if (choice) choice.checked = localStorage.getItem("open-next") !== "0";
  };
  look();
  // After a decision the next request's sentence has the focus, not the top of the page.
  if (sessionStorage.getItem("focus")) { document.getElementById(sessionStorage.getItem("focus"))?.focus(); sessionStorage.removeItem("focus"); }
  document.addEventListener("htmx:after:settle", look);

  const arm = (button, form) => {
    const dwell = Math.max(Number(form.dataset.risk || 0) >= 3 ? DWELL : 0, 1000 * Number(form.dataset.dwell || 0));
    const left = dwell ? window.console_shown + dwell - Date.now() : 0;
    if (left <= 0) { button.removeAttribute("aria-disabled"); return; }
    button.setAttribute("aria-disabled", "true");
    setTimeout(() => arm(button, form), left);
  };

  const close = () => {
    for (const panel of document.querySelectorAll(".bar .confirm:not([hidden])")) panel.hidden = true;
    for (const panel of document.querySelectorAll(".bar details[open]")) panel.open = false;
  };

  document.addEventListener("click", (event) => {
    const opener = event.target.closest?.("[data-opens]");
    if (opener && opener.closest("form[data-decide]")) {
      event.preventDefault();
      const panel = document.querySelector(opener.dataset.opens);
      const form = opener.closest("form");
      const password = form.querySelector("input[type=password]");
      if (password && !password.value) { password.focus(); return; }
      close();
      panel.hidden = false;
      const confirm = panel.querySelector("[data-confirm]");
      arm(confirm, form);
      confirm.focus();
      return;
    }
    if (event.target.closest?.("[data-cancel]")) { close(); bar()?.querySelector("[data-opens]")?.focus(); }
    const reply = event.target.closest?.("[data-reply]");
    if (reply) { const box = document.querySelector(reply.dataset.reply); box.value = reply.textContent; box.focus(); }
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches?.("form[data-decide]")) return;
    const confirm = form.querySelector("[data-confirm]");
    const opened = confirm && !confirm.closest(".confirm").hidden;
    if (opened && confirm.getAttribute("aria-disabled") !== "true") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!opened) form.querySelector("[data-opens]")?.click();
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.repeat && event.key === "Enter" && event.target.closest?.("[data-confirm], [data-opens]")) event.preventDefault();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      const form = event.target.closest?.("form");
      const unread = form?.elements.accepted && performance.now() < 700; // what an edit asks more has just been shown
      if (!event.repeat && !unread) form?.requestSubmit();
    }
    if (event.key === "Escape" && document.querySelector(".bar .confirm:not([hidden]), .bar details[open]")) {
      event.preventDefault();
      event.stopImmediatePropagation();
      close();
      document.getElementById("what")?.focus();
    }
  }, true);

  // A panel that opens takes the focus, and closes the others.
  document.addEventListener("toggle", (event) => {
    const panel = event.target;
    if (!panel.matches?.(".bar details") || !panel.open) return;
    for (const other of document.querySelectorAll(".bar details[open]")) if (other !== panel) other.open = false;
    for (const other of document.querySelectorAll(".bar .confirm:not([hidden])")) other.hidden = true;
    const elsewhere = panel === given && document.activeElement !== document.body;
    given = null;
    if (elsewhere) return;
    if (!panel.contains(document.activeElement) || document.activeElement.tagName === "SUMMARY") panel.querySelector("textarea, input:not([type=hidden])")?.focus();
  }, true);

  document.addEventListener("change", (event) => {
    if (event.target.matches?.("[data-open-next]")) localStorage.setItem("open-next", event.target.checked ? "1" : "0");
  });

  // Somebody else was faster while this person was writing: the words are kept, and go back into the form if the request
  // waits again.
  let typed = "";
  let into = "instruction";
  let given = null;
  document.addEventListener("htmx:before:swap", (event) => {
    const target = event.detail.ctx?.target;
    if (target?.id !== "detail") return;
    const box = [...target.querySelectorAll(".bar textarea")].find((one) => one.value.trim());
    if (box) into = box.id;
    typed = box?.value.trim() || target.querySelector("#kept")?.textContent || "";
  });
  document.addEventListener("htmx:after:swap", (event) => {
    const { ctx } = event.detail;
    if (ctx?.target?.id !== "detail") return;
    const detail = document.getElementById("detail");
    const mine = ctx.sourceElement?.matches?.("form") || ctx.request?.method === "POST";
    if (typed && !mine && !detail.querySelector("#kept")) putBack(detail, typed);
    if (mine) (detail.querySelector("#conflict, #control, .error") || detail.querySelector("#what"))?.focus?.();
  });

  const putBack = (detail, text) => {
    const box = detail.querySelector(`.bar textarea[id="${CSS.escape(into)}"]`);
    if (!box) { keep(detail, text); return; }
    if (box.value.trim()) return;
    box.value = text;
    const panel = box.closest("details");
    if (!panel || panel.open) return;
    given = panel;
    panel.open = true;
    document.dispatchEvent(new CustomEvent("console:say", { detail: "This waits again. Your words are back in the form." }));
  };

  const keep = (detail, text) => {
    const box = document.createElement("section");
    box.className = "callout info";
    const title = document.createElement("h2");
    title.textContent = "This was decided while you were writing. Your words, kept for you:";
    const words = document.createElement("div");
    words.className = "said pre wrap";
    words.id = "kept";
    words.textContent = text;
    const copy = document.createElement("button");
    copy.className = "btn sm";
    copy.type = "button";
    copy.dataset.copy = "#kept";
    copy.textContent = "Copy";
    box.append(title, words, copy);
    detail.querySelector(".scroll")?.prepend(box);
  };

  // The clock only shows: when it is over, ask the server what became of the request.
  document.addEventListener("clock:over", (event) => {
    const region = event.target.closest("[data-live-url]");
    if (!region || !navigator.onLine) return;
    // The end of an undo period, of this request or the one before, is nothing that the buttons have to wait for.
    if (event.target.closest("#detail .d-meta")) bar()?.setAttribute("data-sending", "");
    setTimeout(() => region.dispatchEvent(new CustomEvent("console:refresh", { bubbles: true })), 1500);
  });
})();
