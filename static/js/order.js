// The order page follows its order: by push, else by polling; what it shows is always the
// server's own page, read again.

import { release } from "./forms.js";
import { enliven } from "./widgets.js";

const POLL_SECONDS = [2, 3, 5, 10];
const SOCKET_AGAIN_MS = 30_000;
// A switch is not answered yet: ask again for at most so long before the shopper has to.
const AUTO_TRIES = 6;
const FRAME_HEIGHT_MAX = 1200;

let polls = 0;
let pollTimer = 0;
let rereadTimer = 0;
let autoTimer = 0;
let etag = "";
let socketOpen = false;
let autoTries = 0;

const region = () => document.getElementById("live");

export function watchOrder() {
  if (!region()) return;
  document.addEventListener("order:reread", reread);
  window.addEventListener("message", heedFrame);
  window.addEventListener("pageshow", (event) => event.persisted && reread());
  arrange();
  if (region().dataset.watch !== "yes") return;
  connect();
  schedulePoll();
}

// --- push -----------------------------------------------------------------------------------

function connect() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/ws/orders/${region().dataset.order}/`);
  socket.addEventListener("open", () => (socketOpen = true));
  socket.addEventListener("message", reread);
  socket.addEventListener("close", () => {
    socketOpen = false;
    polls = 0;
    schedulePoll();
    if (region().dataset.watch === "yes") setTimeout(connect, SOCKET_AGAIN_MS);
  });
}

// --- polling, while no push is there ----------------------------------------------------------

function schedulePoll() {
  clearTimeout(pollTimer);
  const seconds = POLL_SECONDS[Math.min(polls, POLL_SECONDS.length - 1)];
  pollTimer = setTimeout(poll, seconds * 1000);
}

async function poll() {
  polls += 1;
  if (region().dataset.watch !== "yes") return;
  if (!socketOpen && document.visibilityState === "visible") await lookAtStatus();
  schedulePoll();
}

async function lookAtStatus() {
  try {
    const headers = etag ? { "If-None-Match": etag } : {};
    const answer = await fetch(region().dataset.statusUrl, { headers, cache: "no-store" });
    if (answer.status !== 200) return;
    const before = etag;
    etag = answer.headers.get("ETag") ?? "";
    if (before !== etag) await reread();
  } catch {
    // Offline for a moment: the next poll tries again.
  }
}

// --- the server's page, again -------------------------------------------------------------------

let reading = false;
let readAgain = false;

async function reread() {
  if (reading) {
    readAgain = true;
    return;
  }
  reading = true;
  try {
    do {
      readAgain = false;
      await readPage();
    } while (readAgain);
  } finally {
    reading = false;
  }
}

async function readPage() {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (!answer.ok) return;
    show(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    schedulePoll();
  }
}

function show(page) {
  const fresh = page.getElementById("live");
  const old = region();
  if (!fresh) return;
  if (fresh.dataset.version === old.dataset.version) {
    Object.assign(old.dataset, fresh.dataset);
    arrange();
    return;
  }
  // A frame or a foreign form needs the policy in the new page's own header.
  if (fresh.querySelector("[data-frame], [data-foreign]")) {
    location.reload();
    return;
  }
  const wanted = old.querySelector("form[data-auto] [name=method]")?.value;
  const hadFocus = old.contains(document.activeElement);
  document.title = page.title;
  old.replaceWith(document.adoptNode(fresh));
  enliven(fresh);
  arrange();
  const heading = document.getElementById("heading");
  document.getElementById("announce").textContent = heading.textContent;
  if (hadFocus) heading.focus();
  markSteps(page);
  goOn(fresh, wanted);
}

// The old payment was closed while we waited to switch: open the one that was asked for.
function goOn(fresh, wanted) {
  const chosen = fresh.querySelector("[name=method]:checked");
  if (wanted && chosen?.value === wanted) chosen.form.requestSubmit();
}

function markSteps(page) {
  const old = document.querySelector(".steps");
  const fresh = page.querySelector(".steps");
  if (old && !fresh) old.remove();
}

// What this version of the page asks for: another look later, a form that goes on by itself.
function arrange() {
  clearTimeout(rereadTimer);
  clearTimeout(autoTimer);
  const seconds = Number(region().dataset.reread);
  if (seconds) rereadTimer = setTimeout(reread, seconds * 1000);
  const auto = region().querySelector("form[data-auto]");
  if (auto && autoTries < AUTO_TRIES) {
    autoTries += 1;
    autoTimer = setTimeout(() => auto.requestSubmit(), Number(auto.dataset.auto) * 1000);
  }
}

// --- the payment service's frame --------------------------------------------------------------------

// The frame says how tall it is and that something happened. We ask the bank, and read our own
// page: a message from anywhere else is not heard, and none is believed.
async function heedFrame(event) {
  const frame = document.querySelector("iframe[data-frame]");
  if (!frame || event.source !== frame.contentWindow) return;
  if (event.origin !== new URL(frame.src).origin) return;
  const height = Number(event.data?.height);
  if (height > 0) frame.style.height = `${Math.min(height + 2, FRAME_HEIGHT_MAX)}px`;
  if (event.data?.state === "open") return;
  const form = document.querySelector("form[data-check]");
  try {
    await fetch(form.action, { method: "POST", body: new FormData(form), redirect: "manual" });
  } finally {
    release(form);
    await reread();
  }
}
