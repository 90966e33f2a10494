// How long there is left: [data-countdown] has the seconds that were left when the page was made.

export function countDown() {
  const part = document.querySelector("[data-countdown]");
  if (!part) return;
  const end = performance.now() + 1000 * Number(part.dataset.countdown);
  const tell = () => {
    const left = Math.ceil((end - performance.now()) / 1000);
    if (left <= 0) {
      part.textContent = ": that is now, reload the page";
      return clearInterval(timer);
    }
    const hours = Math.floor(left / 3600);
    const minutes = Math.floor((left % 3600) / 60);
    part.textContent = hours ? ` within ${hours} h ${minutes} min` : ` within ${minutes} min ${left % 60} s`;
  };
  const timer = setInterval(tell, 1000);
  tell();
}
