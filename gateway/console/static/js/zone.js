// Tells the server the viewer's time zone, once; from then on pages come in it.

export function tellZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const shown = document.documentElement.dataset.zone;
  if (!zone || zone === shown) return;
  const before = document.cookie;
  document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=strict`;
  // Not where the browser keeps no cookies, nor where the server does not know the zone: it would go on for ever.
  if (document.cookie !== before && document.querySelector("time")) location.reload();
}
