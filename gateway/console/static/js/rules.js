// The order of rules: drag a row, or Alt+↑ and Alt+↓ on it. Both press the buttons that the page has anyway.

let dragged = null;

export function orderRules() {
  editRows();
  keepPlace();
  document.addEventListener("keydown", (event) => {
    if (!event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
    const row = event.target.closest("tr[data-rule]");
    if (!row) return;
    event.preventDefault();
    act(row.closest("form"), `${event.key === "ArrowUp" ? "up" : "down"}:${row.dataset.rule}`, row.dataset.rule);
  });
  document.addEventListener("dragstart", (event) => {
    const row = event.target.closest?.("tr[data-rule]");
    if (!row) return;
    dragged = row;
    row.classList.add("dragged");
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", row.dataset.rule);
  });
  document.addEventListener("dragover", (event) => {
    const row = over(event);
    if (!row) return;
    event.preventDefault();
    unmark();
    row.classList.add(isAbove(event, row) ? "over-before" : "over-after");
  });
  document.addEventListener("drop", (event) => {
    const row = over(event);
    if (!row) return;
    event.preventDefault();
    const side = isAbove(event, row) ? "before" : "after";
    act(row.closest("form"), `${side}:${dragged.dataset.rule}:${row.dataset.rule}`, dragged.dataset.rule);
  });
  document.addEventListener("dragend", () => {
    unmark();
    dragged?.classList.remove("dragged");
    dragged = null;
  });
}

// The row that a dragged one is over.
function over(event) {
  const row = dragged && event.target.closest?.("tr[data-rule]");
  return row && row !== dragged ? row : null;
}

function isAbove(event, row) {
  const box = row.getBoundingClientRect();
  return event.clientY < box.top + box.height / 2;
}

function unmark() {
  for (const row of document.querySelectorAll(".over-before, .over-after")) row.classList.remove("over-before", "over-after");
}

// Send the form with this act, and give the focus back to the rule's name when the table is there again.
function act(form, value, rule) {
  const button = document.createElement("button");
  button.name = "act";
  button.value = value;
  button.hidden = true;
  form.append(button);
  form.requestSubmit(button);
  document.addEventListener("htmx:after:swap", () => document.querySelector(`#rule-${CSS.escape(rule)} a`)?.focus(), {once: true});
}

// Who presses a row's button by keyboard goes on from there: the same button has the focus in the table that comes.
function keepPlace() {
  document.addEventListener("submit", (event) => {
    const pressed = event.submitter?.closest("tr[data-rule] .acts") && event.submitter.value;
    if (!pressed) return;
    const again = () => document.querySelector(`[data-rules] .acts [value="${CSS.escape(pressed)}"]`)?.focus();
    document.addEventListener("htmx:after:swap", again, {once: true});
  });
}

// A row is edited where it stands: F2 or a double click on it; Escape leaves it as it was.
function editRows() {
  document.addEventListener("keydown", (event) => {
    if (event.key === "F2") event.target.closest("tr[data-rule]")?.querySelector("[data-edit]")?.click();
    if (event.key === "Escape") event.target.closest("[data-editing]")?.querySelector("[data-cancel]")?.click();
  });
  document.addEventListener("dblclick", (event) => {
    if (!event.target.closest("a, button")) event.target.closest("tr[data-rule]")?.querySelector("[data-edit]")?.click();
  });
  document.addEventListener("click", (event) => {
    const row = event.target.closest("[data-cancel], [value^='cells:']") && document.querySelector("[data-editing]");
    if (row) document.addEventListener("htmx:after:swap", () => refocus(row.id), {once: true});
  });
}

// Where the keyboard was before the row was edited, unless the row is still there with a mistake.
function refocus(id) {
  if (!document.querySelector("[data-editing]")) document.getElementById(id)?.querySelector("a")?.focus();
}
