/* A session's answer as it is written: shown until the stored one comes. While the page says that it watches, the worker
   streams; pieces may be lost, and are then seen to be missing. */
(() => {
  "use strict";
  const WATCH = 20_000;
  const box = () => document.querySelector("[data-stream]");
  const meant = (message) => { const place = box(); return place && (message.ids || []).includes(place.dataset.stream) ? place : null; };
  let streamed = 0; // characters of the present answer up to the end of what was shown last

  const watch = () => { if (box()) document.dispatchEvent(new CustomEvent("console:wish", { detail: { watch: box().dataset.stream } })); };
  document.addEventListener("live:hello", watch);
  setInterval(watch, WATCH);

  document.addEventListener("live:delta", ({ detail }) => {
    const place = meant(detail);
    if (!place || place.closest("[data-still]")) return;
    place.closest("[data-stream-box]").hidden = false;
    if (detail.at < streamed) place.replaceChildren(); // asked again: the answer begins anew
    else if (detail.at > streamed) place.append("… "); // who came late, or missed a piece, sees that something is missing
    place.append(detail.text);
    streamed = detail.at + [...detail.text].length;
  });

  document.addEventListener("live:event", ({ detail }) => {
    const place = /^(message\.answered|turn\.)/.test(detail.type) ? meant(detail) : null;
    if (!place) return;
    streamed = 0;
    place.replaceChildren();
    place.closest("[data-stream-box]").hidden = true;
  });
})();
