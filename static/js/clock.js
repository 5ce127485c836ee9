/* <live-clock data-until data-total>: counts down to an expiry that the server decides. The time shown is the server's:
   the page says what the server's clock was when it was rendered, and every answer's Date header sets it again. */
(() => {
  "use strict";
  const RING = 37.7, SOON = 300, MINUTE = 60, HOUR = 3600, DAY = 86400;
  let offset = Date.parse(document.documentElement.dataset.now || "") - Date.now() || 0;
  const pad = (value) => String(value).padStart(2, "0");

  const text = (left) => {
    if (left < 10 * MINUTE) return `${Math.floor(left / MINUTE)}:${pad(Math.floor(left % MINUTE))}`;
    if (left < HOUR) return `${Math.floor(left / MINUTE)} min`;
    if (left < 3 * HOUR) {
      const minutes = Math.floor((left % HOUR) / MINUTE);
      return minutes ? `${Math.floor(left / HOUR)} h ${pad(minutes)}` : `${Math.floor(left / HOUR)} h`;
    }
    return left < 2 * DAY ? `${Math.floor(left / HOUR)} h` : `${Math.floor(left / DAY)} d`;
  };

  class LiveClock extends HTMLElement {
    connectedCallback() { clocks.add(this); this.tick(); }
    disconnectedCallback() { clocks.delete(this); }
    tick() {
      const left = Math.max(0, (Date.parse(this.dataset.until) - Date.now() - offset) / 1000);
      const shown = this.querySelector("time");
      if (shown && shown.textContent !== text(left)) shown.textContent = text(left);
      // To a tenth of its width: each change of it is painted, and there are dozens of rings.
      const ring = this.querySelectorAll("circle")[1], dashes = `${(Math.min(1, left / this.dataset.total) * RING).toFixed(1)} ${RING}`;
      if (ring && ring.getAttribute("stroke-dasharray") !== dashes) ring.setAttribute("stroke-dasharray", dashes);
      this.classList.toggle("soon", left < SOON);
      if (left === 0 && !this.over) {
        this.over = true;
        this.dispatchEvent(new CustomEvent("clock:over", { bubbles: true }));
      } else if (left > 0) this.over = false;
      if (left < MINUTE && left > 0 && this.dataset.warn !== undefined && !this.warned) {
        this.warned = true;
        document.dispatchEvent(new CustomEvent("console:say", { detail: "Under 1 minute left on this request" }));
      }
    }
  }

  const clocks = new Set();
  customElements.define("live-clock", LiveClock);
  setInterval(() => clocks.forEach((clock) => clock.tick()), 1000);
  document.addEventListener("htmx:after:request", (event) => {
    const date = Date.parse(event.detail?.ctx?.response?.headers?.get("Date") || "");
    // The Date header has whole seconds; only a difference that cannot be rounding moves the clock.
    if (date && Math.abs(date - Date.now() - offset) > 2000) offset = date - Date.now();
  });
})();
