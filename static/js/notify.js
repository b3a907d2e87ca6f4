// "Tell me when it is paid": offered only where the browser can do it, asked only on a click.

export function offerNotifications() {
  const form = document.querySelector("form[data-push-key]");
  if (!form || !("serviceWorker" in navigator) || !("PushManager" in window)) return;
  if (Notification.permission === "denied") return;
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    subscribe(form);
  });
}

async function subscribe(form) {
  const words = form.querySelector("[role=status]");
  words.textContent = "";
  try {
    const worker = await navigator.serviceWorker.register(form.dataset.worker);
    await navigator.serviceWorker.ready;
    const asked = { userVisibleOnly: true, applicationServerKey: form.dataset.pushKey };
    const subscription = await worker.pushManager.subscribe(asked);
    const answer = await fetch(form.action, { method: "POST", body: filled(form, subscription) });
    if (!answer.ok) throw new Error(String(answer.status));
    words.textContent = form.dataset.done;
    form.querySelector("button").hidden = true;
  } catch {
    // Refused by the shopper, the browser or us: the page and the mail tell all the same.
    words.textContent = form.dataset.failed;
  }
}

function filled(form, subscription) {
  const { endpoint, keys } = subscription.toJSON();
  const body = new FormData(form);
  for (const [name, value] of Object.entries({ endpoint, ...keys })) body.set(name, value);
  return body;
}
