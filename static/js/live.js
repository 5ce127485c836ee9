/* The live feed. The socket says what changed, the page fetches the changed fragments over HTTP from the same views.
   The cursor is the log's index: each message names the cursor before it, so that a gap is noticed and replayed. */
(() => {
  "use strict";
  const root = document.body;
  if (!root.dataset.n || !window.htmx) return;
  const MERGE = 250, RAIN = 1000, SPARED = 3000, STALE = 3000, BANNER = 30_000, POLL = 15_000, SILENT = 45_000, GREETING = 12_000;
  const foot = document.getElementById("live");
  const banner = document.getElementById("stale");
  let cursor = Number(root.dataset.n);
  let socket = null, asked = 0, delay = 250, timer = 0, heard = Date.now(), lost = Date.now(), polled = 0, ended = "", everLive = false;

  // Regions ------------------------------------------------------------------------------------------------------
  const state = new WeakMap();
  const of = (region) => { if (!state.has(region)) state.set(region, { timer: 0, calm: 0, last: 0, took: 0, busy: false, wanted: 0, since: 0, rev: 0, came: -1, news: 0, putOff: 0, missed: 0 }); return state.get(region); };
  const regions = () => document.querySelectorAll("[data-live-url]");
  const matches = (pattern, type) => pattern === "*" || pattern === type || (pattern.endsWith(".*") && type.startsWith(pattern.slice(0, -1)));
  const concerns = (region, message) => {
    if (!(region.dataset.live || "").split(/\s+/).some((pattern) => matches(pattern, message.type))) return false;
    const ids = (region.dataset.liveIds || "").split(/\s+/).filter(Boolean);
    return !ids.length || (message.ids || []).some((id) => ids.includes(id));
  };

  const refresh = (region, n = Infinity) => {
    const mine = of(region);
    if (region.hasAttribute("data-still")) return;
    mine.wanted = Math.max(mine.wanted, n);
    mine.since = Math.min(mine.since || n, n);
    const idle = Date.now() - mine.last;
    const every = 1000 * Number(region.dataset.liveEvery || 0); // what adds up an hour needs no look at each event
    const merge = Math.max(every, Math.min(Math.max(RAIN, 4 * mine.took), SPARED)); // a server that is slow to answer is asked less often
    const jitter = Math.random() * (document.hidden ? 1000 : 60);
    mine.timer ||= setTimeout(() => fetchRegion(region, mine.since || Infinity), Math.max(0, merge - idle) + jitter);
    clearTimeout(mine.calm); // and asked soon when it rains no more
    mine.calm = setTimeout(() => fetchRegion(region), Math.max(MERGE, mine.took / 4, every - idle) + jitter);
  };

  // A form that is being sent takes the page with it. What is asked meanwhile could find the session under another name.
  let leaving = 0;
  window.addEventListener("submit", (event) => { if (!event.defaultPrevented) leaving = Date.now() + 10_000; });
  window.addEventListener("pageshow", () => { leaving = 0; });
  document.addEventListener("console:proving", (event) => { leaving = event.detail ? Date.now() + 10_000 : 0; });

  // While it rains, a page that is `since` an event without an answer takes one as of that event or later, which others share,
  // and asks again; once it rains no more it wants everything that it knows of.
  const fetchRegion = async (region, since = Infinity) => {
    const mine = of(region);
    clearTimeout(mine.timer);
    clearTimeout(mine.calm);
    mine.timer = 0;
    if (!region.isConnected) return;
    if (Date.now() < leaving) { mine.timer = setTimeout(() => fetchRegion(region), Math.min(500, leaving - Date.now())); return; }
    if (mine.busy) return;
    const hoped = mine.wanted, from = Number.isFinite(hoped) ? Math.min(since, cursor) : cursor;
    Object.assign(mine, { busy: true, wanted: 0, since: 0, came: -1, last: Date.now() });
    const known = { "Live-Cursor": String(from) }; // what many see alike may come from before this request, not from before this event
    await htmx.ajax("GET", region.dataset.liveUrl, { target: region, source: region, swap: "innerMorph", headers: known }).catch(() => {});
    mine.busy = false;
    mine.took = Date.now() - mine.last;
    if (mine.came >= 0 && Number.isFinite(hoped)) mine.wanted = Math.max(mine.wanted, hoped);
    if (mine.wanted > mine.rev) { refresh(region, mine.wanted); return; }
    clearTimeout(mine.timer); // what came meanwhile was in the answer
    clearTimeout(mine.calm);
    mine.timer = mine.since = 0;
  };

  const refreshAll = () => { for (const region of regions()) refresh(region); if (!counted()) counts(); };
  document.addEventListener("console:refresh", (event) => refresh(event.target));

  // Who reads a session in peace stops following it; what happened meanwhile comes when it is followed again.
  const mark = (button) => {
    const still = button.closest("[data-live-url]").hasAttribute("data-still");
    const { missed } = of(button.closest("[data-live-url]"));
    const words = still ? "Not following" : "Following live", since = still && missed ? `, ${group(missed)} event${missed > 1 ? "s" : ""} since` : "";
    button.classList.toggle("ok", !still);
    button.querySelector("span").textContent = words + since;
    button.setAttribute("aria-label", `${words}${since}, turn ${still ? "on" : "off"}`);
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-follow]");
    if (!button) return;
    const region = button.closest("[data-live-url]");
    of(region).missed = 0;
    if (!region.toggleAttribute("data-still")) refresh(region);
    mark(button);
  });
  document.addEventListener("htmx:after:swap", () => { for (const button of document.querySelectorAll("[data-still] [data-follow]")) mark(button); });

  const miss = (region) => {
    if (!region.hasAttribute("data-still")) return;
    of(region).missed += 1;
    for (const button of region.querySelectorAll("[data-follow]")) mark(button);
  };

  // What comes back is put in place unless it is older than what stands there, or no fragment at all.
  document.addEventListener("htmx:before:swap", (event) => {
    const { ctx, tasks } = event.detail;
    const region = ctx.sourceElement;
    if (!region?.matches?.("[data-live-url]") || ctx.request.method !== "GET") return;
    const fragment = tasks[0]?.fragment;
    if (ctx.response.status === 503 && soon(region)) { event.preventDefault(); return; } // busy: it asks again by itself
    if (ctx.response.status >= 400 || !fragment?.querySelector?.("[data-rev]")) {
      event.preventDefault();
      broken(region, ctx.response.status);
      return;
    }
    of(region).putOff = 0;
    of(region).rev = Number(fragment.querySelector("[data-rev]").dataset.rev);
    of(region).came = of(region).rev;
    const numbers = fragment.querySelector("[data-counted]");
    numbers?.remove();
    const standing = Number(region.querySelector("[data-rev]")?.dataset.rev || 0);
    if (of(region).rev < standing) { event.preventDefault(); return; }
    if (numbers) put(numbers);
    if (region.hasAttribute("data-live-list") && occupied(region)) { event.preventDefault(); patch(region, fragment); return; }
    if (region.hasAttribute("data-live-list")) { of(region).news = 0; keepDecided(region, fragment); }
    carry(region, fragment);
  });

  const MANY = 5;
  const soon = (region) => {
    const mine = of(region);
    mine.putOff += 1;
    if (mine.putOff > MANY) { mine.putOff = 0; return false; }
    setTimeout(() => refresh(region), SPARED * (0.5 + Math.random()));
    return true;
  };

  const broken = (region, status) => {
    if (region.querySelector(":scope > .notice")) return;
    const box = document.createElement("div");
    box.className = "notice warn";
    const words = document.createElement("span");
    words.textContent = `This part could not be refreshed (${status}). What you see may be out of date.`;
    const retry = document.createElement("button");
    Object.assign(retry, { className: "btn sm", type: "button", textContent: "Retry" });
    retry.addEventListener("click", () => { box.remove(); refresh(region); });
    box.append(words, retry);
    region.prepend(box);
  };

  // What a person has opened stays open.
  const carry = (region, fragment) => {
    const same = region.querySelector("[name=digest]")?.value === fragment.querySelector("[name=digest]")?.value;
    const next = fragment.querySelectorAll("details");
    region.querySelectorAll("details").forEach((details, index) => {
      if (details.open && next[index] && (same || !details.closest(".bar"))) next[index].open = true;
    });
    const streaming = region.querySelector("[data-stream-box]:not([hidden])");
    if (streaming) fragment.querySelector("[data-stream-box]")?.removeAttribute("hidden");
    if (!same) return;
    for (const panel of region.querySelectorAll(".confirm[id]:not([hidden])")) fragment.getElementById(panel.id)?.removeAttribute("hidden");
  };

  // Do not move what people are reading: while the pointer or the focus is in a list, rows change in place,
  // new ones wait behind a button, and what was decided stays where it is.
  const occupied = (region) => region.matches(":hover") || region.contains(document.activeElement);
  const rowsOf = (place) => [...place.querySelectorAll("[id^='row-'], [id^='entry-']")];
  // What a row was drawn from. Clocks run in rows and people come and go, so that no row is what was sent; one that is sent
  // again as it was needs nothing.
  const drawn = new WeakMap();
  document.addEventListener("htmx:before:morph:node", (event) => {
    const { oldNode, newNode } = event.detail;
    if (newNode.nodeType !== Node.ELEMENT_NODE || !/^(row|entry)-/.test(newNode.id)) return;
    const html = newNode.outerHTML;
    if (oldNode.id === newNode.id && drawn.get(oldNode) === html) event.preventDefault();
    drawn.set(oldNode, html);
  });
  const done = (row) => {
    drawn.delete(row);
    row.querySelector("[data-held]")?.remove(); // what left the list can be undone no more
    if (row.classList.contains("done")) return;
    row.classList.add("done");
    const clock = row.querySelector("live-clock");
    if (clock) { const words = document.createElement("span"); words.className = "clock"; words.textContent = "Decided"; clock.replaceWith(words); }
  };
  const patch = (region, fragment) => {
    const here = new Set(rowsOf(region).map((row) => row.id));
    for (const row of rowsOf(region)) {
      const next = fragment.getElementById(row.id);
      if (!next) { if (region.id === "queue") done(row); continue; }
      const html = next.outerHTML;
      if (drawn.get(row) === html) continue;
      drawn.delete(row);
      row.classList.toggle("done", next.classList.contains("done"));
      if (row.contains(document.activeElement)) continue;
      row.replaceChildren(...next.childNodes);
      drawn.set(row, html);
    }
    const fresh = rowsOf(fragment).filter((row) => !here.has(row.id)).length;
    of(region).news = fresh;
    offer(region, fresh);
    document.dispatchEvent(new Event("console:patched"));
  };
  const offer = (region, count) => {
    let button = region.querySelector(":scope > .fresh");
    if (!count) { button?.remove(); return; }
    if (!button) {
      button = document.createElement("button");
      button.className = "btn sm primary fresh";
      button.type = "button";
      button.addEventListener("click", () => { button.remove(); document.activeElement?.blur?.(); region.dispatchEvent(new Event("console:flush")); });
      region.addEventListener("console:flush", () => { region.setAttribute("data-flush", ""); fetchNow(region); }, { once: true });
      region.prepend(button);
    }
    button.textContent = `${count} new`;
    announceNew(count);
  };
  const fetchNow = async (region) => {
    const list = region.hasAttribute("data-live-list");
    of(region).wanted = Infinity;
    region.removeAttribute("data-live-list");
    await fetchRegion(region);
    if (list) region.setAttribute("data-live-list", "");
    region.removeAttribute("data-flush");
  };
  const keepDecided = (region, fragment) => {
    if (region.id !== "queue") return;
    let before = null;
    for (const row of rowsOf(region)) {
      if (!fragment.getElementById(row.id)) {
        const kept = row.cloneNode(true);
        done(kept);
        const anchor = before && fragment.getElementById(before);
        const list = fragment.querySelector("ul");
        if (anchor) anchor.after(kept);
        else if (list) list.prepend(kept);
        else { const made = document.createElement("ul"); made.append(kept); fragment.querySelector("[data-rev]").append(made); }
      }
      before = row.id;
    }
  };
  let announced = 0;
  const announceNew = (count) => {
    if (Date.now() - announced < 30_000) return;
    announced = Date.now();
    say(`${count} new in the list`);
  };

  // Counts in the menu and the title ---------------------------------------------------------------------------
  // The facets are put anew while nobody looks at them; under somebody's eyes only their numbers change.
  const facets = (fresh) => {
    const here = document.querySelector("#filter [data-facets]");
    if (!here) return;
    const open = here.closest("#filter").matches(":popover-open");
    if (!open && here.innerHTML !== fresh.innerHTML) here.replaceChildren(...fresh.childNodes);
    if (!open) return;
    const counted = new Set([...fresh.querySelectorAll("[data-count]")].map((span) => span.dataset.count));
    for (const span of here.querySelectorAll("[data-count]")) if (!counted.has(span.dataset.count)) span.textContent = "0";
  };
  let counting = 0, calm = 0;
  const approvals = document.querySelector('a[data-go="a"]')?.getAttribute("href");
  const counts = () => {
    if (!approvals) return;
    counting ||= setTimeout(count, RAIN * (1 + Math.random() / 2));
    clearTimeout(calm);
    calm = setTimeout(count, MERGE * (1 + Math.random()));
  };
  const count = async () => {
    clearTimeout(counting);
    clearTimeout(calm);
    counting = 0;
    if (Date.now() < leaving) { counts(); return; }
    const asked = document.querySelector("[data-counts]")?.dataset.counts || `${approvals}?`;
    const known = { "HX-Request": "true", "Live-Cursor": String(cursor) };
    const answer = await fetch(`${asked}&fragment=counts`, { headers: known }).catch(() => null);
    if (answer?.ok) put(new DOMParser().parseFromString(await answer.text(), "text/html"));
  };
  const counted = () => document.querySelector("[data-live-counts]:not([data-still])"); // its answers bring the numbers along
  const put = (fresh) => {
    const numbers = new Map([...fresh.querySelectorAll("[data-count]")].map((span) => [span.dataset.count, span.textContent]));
    for (const shown of document.querySelectorAll("[data-count]")) {
      const number = numbers.get(shown.dataset.count);
      if (number !== undefined && shown.textContent !== number) shown.textContent = number;
    }
    const choices = fresh.querySelector("[data-facets]");
    if (choices) facets(choices);
  };

  // The socket ---------------------------------------------------------------------------------------------------
  const say = (text) => document.dispatchEvent(new CustomEvent("console:say", { detail: text }));
  const connect = () => {
    clearTimeout(timer);
    timer = 0;
    if (ended || (socket && socket.readyState <= WebSocket.OPEN)) return;
    const mine = new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws/live/?since=${cursor}`);
    socket = mine;
    asked = Date.now();
    mine.addEventListener("message", (event) => { for (const message of [JSON.parse(event.data)].flat()) if (socket === mine) receive(message); });
    mine.addEventListener("close", (event) => { if (socket === mine) closed(event.code); });
  };
  const wish = (what) => { if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(what)); };
  document.addEventListener("console:wish", (event) => wish(event.detail));
  const closed = (code) => {
    socket = null;
    document.dispatchEvent(new Event("live:lost"));
    lost ||= Date.now();
    if (code === 4401) { ended = "Signed out. Reload to sign in again."; show(); return; }
    if (code === 4403) { ended = "No live updates for your role."; show(); return; }
    timer = setTimeout(connect, delay * (0.7 + Math.random() * 0.6));
    delay = Math.min(delay * 2, 15_000);
    show();
  };
  const again = () => {
    const old = socket;
    socket = null;
    lost ||= Date.now();
    old?.close();
    document.dispatchEvent(new Event("live:lost"));
    delay = 250;
    connect();
  };

  const receive = (message) => {
    heard = Date.now();
    if (message.type === "hello") return greeted(message);
    if (message.type === "resync") { cursor = message.n ?? cursor; refreshAll(); show(); return; }
    if (message.type === "session.delta") { document.dispatchEvent(new CustomEvent("live:delta", { detail: message })); return; }
    if (message.type === "presence") { document.dispatchEvent(new CustomEvent("live:presence", { detail: message.at })); return; }
    if (message.n <= cursor && message.type !== "ping") return;
    if (message.prev !== cursor) { again(); return; }
    cursor = message.n;
    if (message.type !== "ping") changed(message);
    showing ||= setTimeout(show, RAIN / 2); // a number that runs is read by nobody, and each of its steps is painted
  };
  const greeted = (message) => {
    delay = 250;
    if (message.n < cursor) { cursor = message.n; refreshAll(); }
    if (lost && everLive && Date.now() - lost > STALE) say("Live updates are back");
    lost = 0;
    everLive = true;
    banner.hidden = true;
    if (message.build && root.dataset.build && message.build !== root.dataset.build) newBuild();
    document.dispatchEvent(new Event("live:hello"));
    show();
  };
  const changed = (message) => {
    document.dispatchEvent(new CustomEvent(`live:${message.type}`, { detail: message }));
    for (const region of regions()) if (concerns(region, message)) { refresh(region, message.n); miss(region); }
    const bringing = counted();
    if (/^(approval|session)\./.test(message.type) && !(bringing && concerns(bringing, message))) counts();
    document.dispatchEvent(new CustomEvent("live:event", { detail: message }));
  };

  // How fresh the page is, said honestly ------------------------------------------------------------------------
  const group = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, "\u202f");
  let showing = 0;
  const show = () => {
    clearTimeout(showing);
    showing = 0;
    if (!foot) return;
    const dot = foot.querySelector(".dot");
    const away = lost ? Date.now() - lost : 0;
    const look = ended ? "bad" : !lost ? "" : away > STALE ? "warn" : everLive ? "" : "off";
    dot.className = `dot ${look}`.trim();
    const text = ended || (!lost ? `Live, up to event ${group(cursor)}` : away > STALE ? `Reconnecting, last update ${Math.round((Date.now() - heard) / 1000)} s ago` : `Up to event ${group(cursor)}`);
    const words = foot.querySelector(".live-text");
    if (words.textContent !== text) words.textContent = text;
    foot.dataset.state = ended ? "ended" : lost ? (away > STALE ? "stale" : "connecting") : "live";
    for (const chip of document.querySelectorAll("[data-live-chip]")) chip.hidden = Boolean(lost && away > STALE) || Boolean(ended);
  };
  const newBuild = () => {
    if (document.getElementById("new-build")) return;
    const note = document.createElement("div");
    note.className = "notice";
    note.id = "new-build";
    const link = document.createElement("a");
    Object.assign(link, { className: "btn sm", href: "", textContent: "Reload" });
    note.append("A new version of the console is running.", link);
    banner.before(note);
  };
  setInterval(() => {
    if (!lost && Date.now() - heard > SILENT) { lost = heard; say("Connection lost"); again(); }
    if (lost && socket && !ended && Date.now() - asked > GREETING) again(); // a line on which nobody answers
    if (lost && !ended && Date.now() - lost > BANNER) {
      if (banner.hidden) { banner.hidden = false; say("Live updates are interrupted"); }
      if (Date.now() - polled > POLL) { polled = Date.now(); refreshAll(); }
    }
    show();
  }, 1000);
  addEventListener("online", () => { if (lost) again(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && lost && !ended) again(); });
  addEventListener("pagehide", () => { ended ||= "Left"; if (socket?.readyState === WebSocket.OPEN) socket.close(); });
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  connect();
})();
