// Colors that all eyes tell apart: viridis for amounts; lines (in the style sheet) are Okabe and Ito's.

const LINE_COLORS = 6;

/** The class that gives the color of a line or a bar by its number. */
const lineColor = (style) => `line-${style % LINE_COLORS}`;

const VIRIDIS = [
  [68, 1, 84],
  [72, 36, 117],
  [65, 68, 135],
  [53, 95, 141],
  [42, 120, 142],
  [33, 145, 140],
  [34, 168, 132],
  [68, 191, 112],
  [122, 209, 81],
  [189, 223, 38],
  [253, 231, 37],
];

/** From dark violet at 0 to yellow at 1. */
function viridis(share) {
  const place = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1);
  const below = Math.min(Math.floor(place), VIRIDIS.length - 2);
  const channel = (i) =>
    Math.round(VIRIDIS[below][i] + (place - below) * (VIRIDIS[below + 1][i] - VIRIDIS[below][i]));
  return `rgb(${channel(0)} ${channel(1)} ${channel(2)})`;
}

/** The filter in the page that turns gray into the same colors. */
function prepareHeat() {
  [...byId("heat-tables").children].forEach((table, i) => {
    table.setAttribute(
      "tableValues",
      VIRIDIS.map((color) => (color[i] / 255).toFixed(4)).join(" "),
    );
  });
}

/** A bar from `low` to `high` in viridis, with its words. */
function heatKey(low, high) {
  const bar = svgElement(
    "svg",
    {
      class: "heat-key",
      viewBox: "0 0 110 10",
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    },
    VIRIDIS.map((_, i) =>
      svgElement("rect", { x: 10 * i, y: 0, width: 10.5, height: 10, fill: viridis(i / 10) }),
    ),
  );
  return element("span", { class: "key-row" }, low, bar, high);
}

/** A class's color as a small square. */
function swatch(color) {
  return svgElement(
    "svg",
    { class: "swatch", viewBox: "0 0 10 10", "aria-hidden": "true" },
    svgElement("rect", { width: 10, height: 10, rx: 2, fill: color }),
  );
}
