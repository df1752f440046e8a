// Dialogs: a button opens one, and tells it what it is about.

/** Opens the dialog that `opener` names, filled with what `opener` says. */
function open(opener) {
  const dialog = document.getElementById(opener.dataset.opens);
  const form = dialog.querySelector("form");
  for (const slot of dialog.querySelectorAll("[data-slot]")) slot.textContent = opener.dataset[slot.dataset.slot] ?? "";
  for (const name of ["method", "path", "body", "then", "shows"]) {
    if (opener.dataset[name] !== undefined) form.dataset[name] = opener.dataset[name];
    else if (dialog.id === "confirm") delete form.dataset[name];
  }
  const problem = dialog.querySelector(".problem");
  if (problem) problem.hidden = true;
  dialog.showModal();
}

/** Shows a dialog whose content is gone when it is closed. */
export function showOnce(dialog) {
  for (const other of document.querySelectorAll("dialog[open]")) other.close();
  dialog.addEventListener("close", () => location.reload(), { once: true });
  dialog.showModal();
}

export function begin() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) open(opener);
    event.target.closest("[data-closes]")?.closest("dialog").close();
  });
}
