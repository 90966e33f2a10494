// The rule editor: another empty header row whenever the last one is used, and how a number will be compared.

export function ruleEditor() {
  document.addEventListener("input", (event) => {
    const rows = event.target.closest("[data-rows]");
    if (rows) addRow(rows);
    if (event.target.matches("[data-number]")) readNumber(event.target);
  });
}

function addRow(rows) {
  const all = rows.querySelectorAll(".header-row");
  const last = all[all.length - 1];
  if (![...last.querySelectorAll("input")].some((input) => input.value)) return;
  const fresh = last.cloneNode(true);
  for (const input of fresh.querySelectorAll("input")) input.value = "";
  last.after(fresh);
}

const waiting = new WeakMap();

// What the last line that is being typed stands for, told below the field.
function readNumber(field) {
  clearTimeout(waiting.get(field));
  waiting.set(
    field,
    setTimeout(async () => {
      const text = field.value.trim().split("\n").pop().trim();
      const plain = text && /^\+?[\d ()./-]+$/.test(text);
      let told = field.parentElement.querySelector("[data-told]");
      if (!told) {
        told = document.createElement("p");
        told.dataset.told = "";
        told.setAttribute("role", "status");
        field.after(told);
      }
      told.innerHTML = "";
      if (!plain) return;
      const answer = await fetch(`/rules/number?text=${encodeURIComponent(text)}`);
      if (answer.ok) told.innerHTML = await answer.text(); // a page of ours, escaped there
    }, 200),
  );
}
