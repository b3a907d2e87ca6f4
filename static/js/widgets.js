// Small comforts inside a page or a swapped region: countdown, copy button.

let timer = 0;

export function enliven(root) {
  root.querySelectorAll("[data-copy]").forEach(showCopy);
  clearInterval(timer);
  const countdown = root.querySelector("[data-seconds]");
  if (countdown) count(countdown);
}

function showCopy(button) {
  if (!navigator.clipboard) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.querySelector(button.dataset.copy).textContent);
    const label = button.textContent;
    button.textContent = button.dataset.done;
    setTimeout(() => (button.textContent = label), 2_000);
  });
}

// Counts from the server's figure: this device's clock may be wrong.
function count(element) {
  const endsAt = performance.now() + Number(element.dataset.seconds) * 1000;
  timer = setInterval(() => {
    const left = Math.max(0, Math.round((endsAt - performance.now()) / 1000));
    element.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    if (left > 0) return;
    clearInterval(timer);
    document.dispatchEvent(new Event("order:reread"));
  }, 500);
}
