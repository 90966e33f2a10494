// A page that goes on by itself: [data-live] is fetched again when the stream says that calls have moved.

export function livePage() {
  const part = document.querySelector("[data-live]");
  const badge = document.querySelector("[data-live-badge]");
  if (!part || !badge) return;
  let stream = null;
  let paused = false;

  const tell = (state, text) => {
    badge.dataset.state = state;
    badge.textContent = text;
    badge.setAttribute("aria-pressed", String(paused));
  };

  const refresh = async () => {
    const answer = await fetch(location.href, {headers: {accept: "text/html"}});
    if (!answer.ok || answer.redirected) return stop("Reload the page");
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-live]");
    // Not under somebody's hands: what is open, the keyboard's focus and a selection stay as they are.
    const hands = part.querySelector(":focus:not([id]), details[open]:not([id])");
    const busy = hands || !getSelection().isCollapsed;
    if (fresh && !busy && !paused) replace(part, fresh);
  };

  const start = () => {
    if (stream || paused || document.hidden) return;
    stream = new EventSource("/live");
    stream.addEventListener("open", () => tell("live", "Live"));
    stream.addEventListener("moved", () => refresh().catch(() => tell("waiting", "Reconnecting")));
    stream.addEventListener("error", () => {
      if (stream.readyState === EventSource.CLOSED) stop("Reload the page");
      else tell("waiting", "Reconnecting");
    });
  };

  const stop = (text) => {
    stream?.close();
    stream = null;
    tell("paused", text);
  };

  badge.hidden = false;
  badge.addEventListener("click", () => {
    paused = !paused;
    if (paused) return stop("Paused");
    start();
    refresh();
  });
  // A page that nobody sees asks for nothing; what it missed it reads when it is looked at again.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && !paused) stop("Paused");
    else if (!paused) {
      start();
      refresh();
    }
  });
  tell("waiting", "Connecting");
  start();
}

// What has an id stays open, and keeps the focus; what scripts drew ([data-keep]) stays itself. "refreshed" tells them.
function replace(part, fresh) {
  const focused = part.querySelector(":focus")?.id;
  for (const {id} of part.querySelectorAll("details[open][id]")) fresh.querySelector(`#${id}`)?.setAttribute("open", "");
  for (const kept of part.querySelectorAll("[data-keep]")) fresh.querySelector(`#${kept.id}`)?.replaceWith(kept);
  part.replaceChildren(...fresh.childNodes);
  if (focused) document.getElementById(focused)?.focus({preventScroll: true});
  part.dispatchEvent(new Event("refreshed", {bubbles: true}));
}
