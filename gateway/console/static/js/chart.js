// A table, drawn: <figure data-chart="ID of the table">. Each row is an hour, each column an outcome.
//
// The table is what one reads without scripts, or without eyes, so the chart has no numbers of its own: it reads the rows,
// and reads them again when the page went on by itself. A click on an hour opens its calls. Dragging over some hours
// narrows chart and table to them, and offers their calls; a double click, or the button, shows the whole day again.

import {columns, sizeOf, stacked} from "./columns.js";

const night = matchMedia("(prefers-color-scheme: dark)");

for (const figure of document.querySelectorAll("[data-chart]")) draw(figure);

function draw(figure) {
  const place = figure.querySelector("[data-plot]");
  const told = figure.querySelector("[data-zoom]");
  const chart = {heads: [], hours: [], zoom, open};
  let zoomed = null; // the first and the last hour that are shown; null: all are
  let plot = null;

  function refresh() {
    const day = chart.hours[0]?.since;
    Object.assign(chart, read(document.getElementById(figure.dataset.chart)));
    if (chart.hours[0].since !== day) zoomed = null;
    figure.hidden = !chart.hours.some((hour) => hour.total);
    if (figure.hidden) return;
    plot ??= figure.plot = new uPlot(columns(place, chart), stacked(chart.hours), place);
    plot.setData(stacked(chart.hours), false);
    show();
  }

  function zoom(first, last) {
    zoomed = first === 0 && last === chart.hours.length - 1 ? null : [first, last];
    show();
  }

  function show() {
    const [first, last] = zoomed ?? [0, chart.hours.length - 1];
    plot.setScale("x", {min: first - 0.5, max: last + 0.5});
    chart.hours.forEach((hour, index) => (hour.row.hidden = !hour.total || index < first || index > last));
    told.hidden = !zoomed;
    const [{name, since}, {end, until}] = [chart.hours[first], chart.hours[last]];
    const calls = told.querySelector("a");
    calls.textContent = `The calls from ${name} to ${end}`;
    calls.href = `/calls?${new URLSearchParams({since, until})}`;
  }

  function open(hour) {
    if (hour.total) location.assign(hour.address);
  }

  told.querySelector("button").addEventListener("click", () => zoom(0, chart.hours.length - 1));
  night.addEventListener("change", () => plot?.redraw());
  document.addEventListener("refreshed", refresh);
  new ResizeObserver(() => plot?.setSize(sizeOf(place))).observe(place);
  refresh();
}

function read(table) {
  const heads = [...table.tHead.querySelectorAll("[data-tone]")];
  const hours = [...table.tBodies[0].rows].map((row) => {
    const [name, ...cells] = [...row.cells].map((cell) => cell.textContent.trim());
    const counts = cells.map((count) => Number(count.replace(/\D/g, "")));
    const total = counts.pop();
    return {...row.dataset, row, name, counts, total, address: row.querySelector("a").href};
  });
  return {heads, hours};
}
