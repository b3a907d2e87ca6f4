// Double clicks: the first one is seen, the second one does nothing. The server guards too.

// A form whose answer never came must not stay shut for ever.
const GIVE_UP_AFTER_MS = 20_000;

export function guardForms() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-once]")) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    markSent(form);
    setTimeout(() => release(form), GIVE_UP_AFTER_MS);
  });
  // A page that comes back from the browser's memory comes back usable.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelectorAll("[data-once]").forEach(release);
  });
}

function markSent(form) {
  form.dataset.sent = "yes";
  for (const button of form.querySelectorAll("button[data-busy]")) {
    button.dataset.label = button.textContent;
    button.textContent = button.dataset.busy;
    // Not `disabled`: the button keeps the focus and is still read out.
    button.setAttribute("aria-disabled", "true");
  }
}

export function release(form) {
  delete form.dataset.sent;
  for (const button of form.querySelectorAll("button[data-label]")) {
    button.textContent = button.dataset.label;
    delete button.dataset.label;
    button.removeAttribute("aria-disabled");
  }
}
