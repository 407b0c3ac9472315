// The live view: when the server says that something changed, fetch this page again and take over its parts that are
// marked `data-live`. Without this script the pages do everything but that.
"use strict";

const sign = document.getElementById("live");
const told = document.getElementById("told");
let source = null;
let busy = false;
let again = false;
let ahead = Date.now() - 1000 * Number(document.body.dataset.now); // our clock before the server's, in ms

// The same words as `words.py`.
const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

function duration(seconds) {
  for (let index = 0; index < 3; index += 1) {
    const [size, unit] = units[index];
    if (seconds >= size) {
      const [smaller, name] = units[index + 1];
      const rest = Math.floor((seconds % size) / smaller);
      return `${Math.floor(seconds / size)} ${unit}${rest ? ` ${rest} ${name}` : ""}`;
    }
  }
  return `${seconds} s`;
}

function age(seconds) {
  if (seconds < 0) return `in ${duration(Math.max(1, Math.round(-seconds)))}`;
  if (seconds < 1) return "just now";
  const [size, unit] = units.find(([least]) => seconds >= least);
  return `${Math.floor(seconds / size)} ${unit} ago`;
}

function countOn() {
  for (const time of document.querySelectorAll("time[data-age]")) {
    const seconds = (Date.now() - ahead - Date.parse(time.dateTime)) / 1000;
    const text = time.dataset.age === "for" ? duration(Math.max(0, Math.floor(seconds))) : age(seconds);
    if (time.textContent !== text) time.textContent = text;
  }
}

function show(state, words) {
  sign.hidden = false;
  sign.dataset.state = state;
  sign.textContent = words;
}

// Somebody types or selects here: not now.
function inUse(part) {
  const active = document.activeElement;
  const chosen = document.getSelection();
  return (part.contains(active) && active.matches("input, textarea, select"))
    || (chosen && !chosen.isCollapsed && part.contains(chosen.anchorNode));
}

function place(element) {
  for (const name of ["id", "href", "action", "aria-label"]) {
    const value = element.getAttribute(name);
    if (value) return `[${name}="${CSS.escape(value)}"]`;
  }
  const form = element.closest("form");
  return form ? `form[action="${CSS.escape(form.getAttribute("action"))}"] ${element.localName}` : null;
}

function takeOver(old, fresh) {
  if (inUse(old) || old.isEqualNode(fresh)) return;
  const focused = old.contains(document.activeElement) ? place(document.activeElement) : null;
  const scrolled = [...old.querySelectorAll(".scroll, .block")].map((box) => [box.scrollLeft, box.scrollTop]);
  const said = new Map([...old.querySelectorAll("[data-announce]")].map((node) => [node.id, node.textContent]));
  const isFocused = old === document.activeElement;
  old.replaceWith(fresh);
  [...fresh.querySelectorAll(".scroll, .block")].forEach((box, index) => {
    if (scrolled[index]) [box.scrollLeft, box.scrollTop] = scrolled[index];
  });
  if (isFocused) fresh.focus({ preventScroll: true });
  else if (focused) fresh.querySelector(focused)?.focus({ preventScroll: true });
  for (const node of fresh.querySelectorAll("[data-announce]")) {
    if (said.get(node.id) !== node.textContent) told.textContent = node.textContent;
  }
}

async function lookAgain() {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  try {
    const answer = await fetch(location.href, { headers: { "X-Live": "1" } });
    if (answer.redirected) {
      source?.close();
      show("off", "Signed out: reload the page");
    } else if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      ahead = Date.now() - 1000 * Number(page.body.dataset.now);
      for (const old of document.querySelectorAll("[data-live]")) {
        const fresh = page.getElementById(old.id);
        if (fresh) takeOver(old, document.adoptNode(fresh));
      }
      countOn();
    }
  } catch {
    // The event stream notices, and tries again.
  } finally {
    busy = false;
    if (again) {
      again = false;
      lookAgain();
    }
  }
}

function listen() {
  source = new EventSource("/events");
  source.addEventListener("open", () => {
    show("on", "Live");
    lookAgain();
  });
  source.addEventListener("change", lookAgain);
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) show("off", "Not live: reload the page");
    else show("wait", "Reconnecting");
  });
}

// A page that nobody sees needs no stream: browsers keep only six connections to a server.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) source.close();
  else listen();
});
window.addEventListener("pagehide", () => source?.close());
window.addEventListener("pageshow", (event) => {
  if (event.persisted) listen();
});
setInterval(countOn, 1000);
listen();
