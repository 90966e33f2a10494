// Stacked columns by uPlot, which draws on a canvas: what it is told of numbers, labels, colours and the pointer.
//
// Places on the axis are the rows of the table, not moments: so a day on which the clocks change has 23 or 25 columns.
// Colours are asked of the page with every drawing, and are therefore the style sheet's, by day and by night.

const HEIGHT = 176; // px, with the legend below it
const DRAGGED = 6; // px from where a click becomes a drag
const STEPS = [0, 1, 2, 3, 4, 5, 6].flatMap((zeros) => [1, 2, 5].map((digit) => digit * 10 ** zeros));

export const sizeOf = (place) => ({width: place.clientWidth, height: HEIGHT});

// Each outcome's column begins on the ground and ends on top of those before it. The tallest is drawn first, so that of
// each remains what the next leaves free.
export function stacked(hours) {
  const tops = hours.map(({counts}) => counts.map((_, index) => sum(counts.slice(0, index + 1))));
  const outcomes = hours[0].counts.map((_, index) => tops.map((top) => top[index]));
  return [hours.map((_, place) => place), ...outcomes.reverse()];
}

// `chart` has the table's heads and hours, and what happens: zoom(first, last) and open(hour).
export function columns(place, chart) {
  const style = getComputedStyle(place);
  const axis = {font: `11px ${style.fontFamily}`, stroke: () => style.color, ticks: {show: false}, gap: 6};
  return {
    ...sizeOf(place),
    padding: [8, 0, 0, 0],
    scales: {
      x: {time: false, range: (_, first, last) => [first, last]},
      y: {range: (_, __, highest) => [0, 1.04 * Math.max(highest, 1)]},
    },
    axes: [
      {
        ...axis,
        size: 26,
        space: 40,
        incrs: [1, 2, 3, 6, 12],
        grid: {show: false},
        values: (_, places) => places.map((one) => chart.hours[one]?.name),
      },
      {
        ...axis,
        size: widest,
        space: 30,
        incrs: STEPS,
        grid: {stroke: () => style.borderTopColor, width: 1},
        values: (_, counts) => counts.map(thousands),
      },
    ],
    series: [{label: "", value: (plot, _, __, at) => named(chart, shown(plot, chart, at))}, ...outcomes(chart)],
    legend: {markers: {width: 0, fill: () => ""}},
    cursor: pointer(chart),
    hooks: {
      ready: [(plot) => openOnClick(plot, chart)],
      draw: [(plot) => plot.root.style.setProperty("--hour", `${plot.valToPos(1, "x") - plot.valToPos(0, "x")}px`)],
      setCursor: [(plot) => plot.over.classList.toggle("opens", Boolean(chart.hours[plot.cursor.idx]?.total))],
      setSelect: [(plot) => select(plot, chart)],
    },
  };
}

function outcomes(chart) {
  return chart.heads
    .map((head, index) => ({
      label: head.textContent,
      class: head.dataset.tone,
      fill: (plot) => getComputedStyle(plot.root.querySelector(`.${head.dataset.tone} .u-marker`)).backgroundColor,
      width: 0,
      points: {show: false},
      paths: uPlot.paths.bars({size: [0.72, 56]}),
      // The legend tells the hour under the pointer, else all that are shown.
      value: (plot, _, __, at) => thousands(sum(shown(plot, chart, at).map((hour) => hour.counts[index]))),
    }))
    .reverse();
}

function pointer(chart) {
  return {
    y: false,
    points: {show: false},
    drag: {x: true, y: false, setScale: false, dist: DRAGGED, click: () => {}},
    move: (plot, left, top) => [left < 0 ? left : plot.valToPos(Math.round(plot.posToVal(left, "x")), "x"), top],
    bind: {dblclick: () => () => chart.zoom(0, chart.hours.length - 1)},
  };
}

function openOnClick({over, cursor}, chart) {
  let pressed = 0;
  over.addEventListener("mousedown", (event) => (pressed = event.clientX));
  over.addEventListener("click", (event) => {
    if (Math.abs(event.clientX - pressed) < DRAGGED && cursor.idx != null) chart.open(chart.hours[cursor.idx]);
  });
}

function select(plot, chart) {
  const {left, width} = plot.select;
  if (!width) return;
  plot.setSelect({left: 0, top: 0, width: 0, height: 0}, false);
  chart.zoom(Math.round(plot.posToVal(left, "x")), Math.round(plot.posToVal(left + width, "x")));
}

function shown(plot, chart, at) {
  if (at != null) return [chart.hours[at]];
  return chart.hours.slice(Math.ceil(plot.scales.x.min), Math.floor(plot.scales.x.max) + 1);
}

function named(chart, hours) {
  return hours.length === chart.hours.length ? "Whole day" : `${hours[0].name}–${hours.at(-1).end}`;
}

const widest = (_, told) => 12 + 7 * Math.max(1, ...(told ?? []).map((one) => one.length));
const sum = (numbers) => numbers.reduce((total, one) => total + one, 0);
const thousands = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, "\u2009");
