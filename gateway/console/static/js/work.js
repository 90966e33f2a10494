// Work that takes a while: <form data-work> shows how far it is, first of a file on its way, then of what the server does.
//
// The server answers with JSON lines: steps, and at last where to go on, or the page that says what is wrong.

export function followWork() {
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-work]");
    const file = form?.querySelector("[type=file]");
    if (!form || (file && !file.files.length)) return;
    event.preventDefault();
    const fields = new FormData(form, event.submitter);
    send(form, file ? fields : new URLSearchParams(fields));
  });
}

function send(form, fields) {
  const request = new XMLHttpRequest();
  const box = form.querySelector("[data-progress]");
  const buttons = form.querySelectorAll("button:enabled:not([data-stop])");
  const rest = (resting) => buttons.forEach((button) => (button.disabled = resting));
  const tell = (text, done = 0, of = 1) => {
    box.hidden = false;
    box.querySelector("progress").value = of && done / of;
    box.querySelector("[role=status]").textContent = text;
  };
  let read = 0;
  const follow = () => {
    const whole = request.responseText.lastIndexOf("\n") + 1;
    const lines = request.responseText.slice(read, whole).split("\n").filter(Boolean);
    read = whole;
    for (const line of lines) take(JSON.parse(line), tell);
  };

  rest(true);
  tell("Sending");
  request.open("POST", form.action);
  request.setRequestHeader("accept", "application/jsonl, text/html");
  request.upload.addEventListener("progress", ({loaded, total}) => tell(`Sending: ${percent(loaded, total)}`, loaded, total));
  request.addEventListener("progress", () => isSteps(request) && follow());
  request.addEventListener("load", () => {
    if (isSteps(request)) follow();
    else if (request.status < 400) location.assign(request.responseURL);
    else if (request.status === 401) {
      rest(false); // the form stays as it is, with its file, to be sent again
      tell(middle(request.responseText).querySelector("#problem p").textContent);
    }
    else show(request.responseText);
  });
  request.addEventListener("abort", () => {
    rest(false);
    box.hidden = true;
  });
  request.addEventListener("error", () => {
    rest(false);
    tell("The connection broke. Try again.");
  });
  box.querySelector("[data-stop]").onclick = () => request.abort();
  request.send(fields);
}

function take({go, notice, page, told, done, of}, tell) {
  if (page) return show(page);
  if (!go) return tell(of > 100 ? `${told}: ${percent(done, of)}` : told, done, of);
  if (notice) document.cookie = `notice=${notice}; path=/; max-age=60; samesite=strict`;
  location.assign(go);
}

const percent = (done, of) => `${Math.floor((100 * done) / (of || 1))} %`;
const isSteps = (request) => request.getResponseHeader("content-type")?.startsWith("application/jsonl");

// The page that says what is wrong takes the place of this one's middle.
function show(html) {
  const page = middle(html);
  if (page) document.querySelector("main").replaceWith(page);
}

const middle = (html) => new DOMParser().parseFromString(html, "text/html").querySelector("main");
