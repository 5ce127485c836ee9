/* Tells a person who looks elsewhere: a count in the title and, where they asked for it, a notification of the browser.
   What concerns them is asked of the server; a notification opens a page and does nothing else. */
(() => {
  "use strict";
  const root = document.documentElement;
  const KINDS = ["approval.requested", "approval.revised", "approval.escalated", "approval.delegated", "session.completed",
    "session.halted", "session.failed", "session.cancelled", "session.expired", "session.dead_lettered", "session.waiting_input",
    "glass.broken", "budget.crossed", "breaker.opened"];
  const ALWAYS = ["glass.broken"];
  const GATHER = 1000;
  let first = 0, timer = 0, missed = 0;
  const plain = document.title;
  const granted = () => "Notification" in window && Notification.permission === "granted";

  const ask = async () => {
    timer = 0;
    const after = first - 1;
    first = 0;
    const answer = await fetch(`/news/?after=${after}`, { headers: { Accept: "application/json" }, redirect: "error" }).catch(() => null);
    if (!answer?.ok) return;
    for (const item of (await answer.json()).items) show(item);
  };
  const show = (item) => {
    if (!document.hidden) return;
    missed += 1;
    document.title = `(${missed}) ${plain}`;
    if (!("alerts" in root.dataset) || !granted()) return;
    const note = new Notification(item.title, { body: item.text, tag: `countersign-${item.n}` });
    note.addEventListener("click", () => { window.focus(); location.assign(item.url); note.close(); });
  };
  for (const kind of root.dataset.told ? KINDS : ALWAYS) {
    document.addEventListener(`live:${kind}`, (event) => {
      if (!document.hidden) return;
      first = first ? Math.min(first, event.detail.n) : event.detail.n;
      timer ||= setTimeout(ask, GATHER);
    });
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { missed = 0; document.title = plain; } });

  // Settings: the browser asks its own question, and only after a press.
  const place = document.querySelector("[data-alerts-ask]");
  if (!place || !("Notification" in window)) return;
  const box = document.querySelector("input[data-alerts]");
  const button = place.querySelector("button");
  const words = place.querySelector("[role=status]");
  const tell = () => {
    place.hidden = !box.checked;
    button.hidden = Notification.permission !== "default";
    words.textContent = { granted: "This browser may notify you.", denied: "This browser refuses notifications of this site; its own settings can change that." }[Notification.permission] || "";
  };
  box.addEventListener("change", tell);
  button.addEventListener("click", async () => { await Notification.requestPermission(); tell(); });
  tell();
})();
