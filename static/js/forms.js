/* Forms marked data-enhance="#target" are sent without leaving the page: the answer is a fragment for the target, or a
   redirect. Everything works as plain forms when this script is absent. Also copy buttons and the polite live region. */
(() => {
  "use strict";
  const say = (text) => { const region = document.getElementById("announcer"); if (region) region.textContent = text; };
  document.addEventListener("console:say", (event) => say(event.detail));

  const token = document.querySelector('meta[name="csrf-token"]')?.content;
  document.addEventListener("htmx:config:request", (event) => {
    if (token) event.detail.ctx.request.headers["X-CSRFToken"] = token;
  });

  const notice = (target, title, text) => {
    const box = document.createElement("section");
    box.className = "notice bad";
    box.setAttribute("role", "alert");
    const strong = document.createElement("b");
    strong.textContent = title;
    const words = document.createElement("span");
    words.textContent = text;
    box.append(strong, words);
    (target.querySelector(".notices") || document.querySelector(".body > .notices")).prepend(box);
  };

  const sent = new WeakSet(); // forms whose answer was put in place
  const busy = (form, on) => {
    form.toggleAttribute("aria-busy", on);
    if (form.querySelector("input[type=password]")) document.dispatchEvent(new CustomEvent("console:proving", { detail: on }));
    form.closest(".bar")?.toggleAttribute("data-sending", on);
  };

  const add = (form, name, value) => {
    let field = form.querySelector(`input[type=hidden][name="${name}"]`);
    if (!field) {
      field = document.createElement("input");
      field.type = "hidden";
      field.name = name;
      form.append(field);
    }
    field.value = value;
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || !form.matches?.("[data-enhance]") || !window.htmx) return;
    const target = document.querySelector(form.dataset.enhance);
    if (!target) return;
    event.preventDefault();
    if (form.hasAttribute("aria-busy")) return;
    if (form.closest(".bar")) {
      if (localStorage.getItem("open-next") !== "0") add(form, "open_next", "1");
      if (window.console_seen) add(form, "shown_ms", String(window.console_seen()));
    }
    busy(form, true);
    say("Sending");
    htmx.ajax("POST", form.action, { source: form, target, swap: "innerMorph", event: { submitter: event.submitter } })
      .finally(() => { busy(form, false); if (sent.delete(form) && form.hasAttribute("data-reset")) form.reset(); });
  });

  // Sent elsewhere: the sentence of what opens there gets the focus.
  document.addEventListener("htmx:after:request", (event) => {
    const { ctx } = event.detail;
    if (ctx.sourceElement?.closest?.(".bar") && ctx.hx?.redirect) sessionStorage.setItem("focus", "what");
  });

  // A fragment is parsed as if there were no scripts: what stands for them would be real fields, and be sent.
  document.addEventListener("htmx:before:swap", (event) => {
    for (const { fragment } of event.detail.tasks || []) fragment?.querySelectorAll?.("noscript").forEach((part) => part.remove());
  });

  // What comes back: a fragment is put in place; a whole page means that we were refused.
  document.addEventListener("htmx:before:swap", (event) => {
    const { ctx } = event.detail;
    const form = ctx.sourceElement;
    if (!form?.matches?.("form[data-enhance]")) return;
    const { status, raw } = ctx.response;
    if (/^\s*<!doctype/i.test(ctx.text)) {
      event.preventDefault();
      if (status < 400) { location.assign(raw.url); return; }
      const page = new DOMParser().parseFromString(ctx.text, "text/html");
      const title = page.querySelector("h1")?.textContent || `Refused (${status})`;
      notice(document.querySelector(form.dataset.enhance), title, page.querySelector("h1 + p")?.textContent || "");
      say(title);
      return;
    }
    if (status < 400) sent.add(form);
    say(status < 400 ? "Done" : "Not accepted");
  });
  document.addEventListener("htmx:error", (event) => {
    const form = event.detail?.ctx?.sourceElement;
    if (!form?.matches?.("form[data-enhance]")) return;
    busy(form, false);
    notice(document.querySelector(form.dataset.enhance), "Not sent.", "The server could not be reached, so nothing was changed. Try again.");
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    const source = document.querySelector(button.dataset.copy);
    navigator.clipboard?.writeText(source.value ?? source.textContent).then(() => { button.lastChild.textContent = "Copied"; say("Copied"); });
  });
})();
