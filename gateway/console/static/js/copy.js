// Buttons that copy what stands beside them: <button data-copy="text">.

export function copyButtons() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const label = button.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select it, please"; // the browser allows copying only over TLS or on this machine
    }
    setTimeout(() => (button.textContent = label), 1500);
  });
}
