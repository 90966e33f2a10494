// A file on its way: <form data-upload> shows how much of it has arrived. The server reads it as it comes.

export function followUploads() {
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-upload]");
    const box = form?.querySelector("[data-progress]");
    if (!box || !form.querySelector("[type=file]").files.length) return;
    event.preventDefault();
    send(form, box.querySelector("progress"), box.querySelector("[data-progress-told]"), box);
  });
}

function send(form, bar, told, box) {
  const request = new XMLHttpRequest();
  const button = form.querySelector("button");
  box.hidden = false;
  button.disabled = true;
  request.open("POST", form.action);
  request.upload.addEventListener("progress", (event) => {
    if (!event.lengthComputable) return;
    bar.value = (100 * event.loaded) / event.total;
    told.textContent = event.loaded < event.total ? `${Math.floor(bar.value)} % sent` : "Reading its last lines";
  });
  request.addEventListener("load", () => {
    if (request.status < 400) return location.assign(request.responseURL);
    // The page says what is wrong with the file.
    const page = new DOMParser().parseFromString(request.responseText, "text/html").querySelector("main");
    if (page) document.querySelector("main").replaceWith(page);
  });
  request.addEventListener("error", () => {
    box.hidden = true;
    button.disabled = false;
    form.submit(); // the browser tells what is wrong with the connection
  });
  request.send(new FormData(form));
}
