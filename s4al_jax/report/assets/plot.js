// A chart of lines and points, drawn again for every width, so that text keeps its size.

const MARKERS = [
  "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0z",
  "M-4-4h8v8h-8z",
  "M0-5.5L5.2 4H-5.2z",
  "M0-5.8L5.8 0 0 5.8-5.8 0z",
  "M-5.2-4H5.2L0 5.5z",
  "M-2-5h4v3h3v4h-3v3h-4v-3h-3v-4h3z",
  "M0-5.8L5.5-1.8 3.4 4.7H-3.4L-5.5-1.8z",
];
const EDGE = { top: 12, right: 14, bottom: 44, left: 52 };

const marker = (style, x, y, more = {}) =>
  svgElement("path", { d: MARKERS[style % MARKERS.length], transform: `translate(${x} ${y})`, ...more });

/** Round numbers from `low` to `high`, about `number` of them. */
function ticks(low, high, number) {
  const rough = (high - low) / Math.max(number, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i += 1)
    found.push(i * step || 0);
  return found;
}

/** For an axis whose labels double: 1, 2, 5, 10 and so on between the ends. */
function logTicks(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    for (const factor of [1, 1.5, 2, 3, 5, 7]) found.push(factor * 10 ** power);
  }
  const inside = found.filter((one) => one >= low * 0.999 && one <= high * 1.001);
  return inside.length ? inside : [low, high];
}

/** `{ at, low, high }`: data to pixels, with a margin at both ends. */
function scale(values, from, to, { log = false } = {}) {
  const forth = log ? Math.log : (value) => value;
  let low = forth(Math.min(...values));
  let high = forth(Math.max(...values));
  const margin = (high - low || Math.abs(high) || 1) * 0.06;
  [low, high] = [low - margin, high + margin];
  const at = (value) => from + ((forth(value) - low) / (high - low)) * (to - from);
  const back = log ? Math.exp : (value) => value;
  return { at, low: back(low), high: back(high) };
}

/**
 * Draws into `host` and follows its width.
 *
 * `spec.series`: [{ name, style, line, points: [{ x, y, spread, tip }] }], `spec.rules`:
 * [{ name, y, spread, style, tip, place }] across the plot, `spec.uprights`: [x]. `x` and `y` hold title
 * and format, `x` also log and ticks where they are to be at certain places.
 */
function chart(host, spec) {
  let width = 0;
  const redraw = () => {
    if (host.clientWidth === width || host.clientWidth === 0) return;
    width = host.clientWidth;
    host.replaceChildren(chartDrawing(spec, width));
    rove(host.firstChild, ".point");
  };
  host.watch?.disconnect();
  host.watch = new ResizeObserver(redraw);
  host.watch.observe(host);
  redraw();
}

function chartDrawing(spec, width) {
  const height = spec.height ?? 320;
  const points = spec.series.flatMap((one) => one.points);
  const rules = spec.rules ?? [];
  const spreads = [...points, ...rules].flatMap(({ y, spread }) => [
    y - (spread ?? 0),
    y + (spread ?? 0),
  ]);
  const x = scale(
    points.map((point) => point.x),
    EDGE.left,
    width - EDGE.right,
    spec.x,
  );
  const y = scale(spreads, height - EDGE.bottom, EDGE.top, spec.y);
  const svg = svgElement("svg", {
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: "group",
    "aria-label": spec.label,
  });
  svg.append(axes(spec, x, y, width, height));
  for (const upright of spec.uprights ?? []) {
    const at = x.at(upright);
    svg.append(
      svgElement("line", { class: "upright", x1: at, x2: at, y1: EDGE.top, y2: height - EDGE.bottom }),
    );
  }
  rules.forEach((rule) => svg.append(ruleDrawing(rule, y, width)));
  spec.series.forEach((series) => svg.append(seriesDrawing(series, x, y)));
  return svg;
}

function axes(spec, x, y, width, height) {
  const group = svgElement("g", { class: "axes", "aria-hidden": "true" });
  const [right, bottom] = [width - EDGE.right, height - EDGE.bottom];
  for (const tick of ticks(y.low, y.high, height / 60)) {
    const at = y.at(tick);
    group.append(
      svgElement("line", { class: "grid", x1: EDGE.left, x2: right, y1: at, y2: at }),
      svgElement("text", { x: EDGE.left - 8, y: at + 4, "text-anchor": "end" }, spec.y.format(tick)),
    );
  }
  const columns = spec.x.log
    ? logTicks(x.low, x.high)
    : (spec.x.ticks ?? ticks(x.low, x.high, width / 90));
  for (const tick of columns) {
    const at = x.at(tick);
    group.append(
      svgElement("line", { class: "tick", x1: at, x2: at, y1: bottom, y2: bottom + 5 }),
      svgElement("text", { x: at, y: bottom + 19, "text-anchor": "middle" }, spec.x.format(tick)),
    );
  }
  group.append(
    svgElement("line", { class: "axis", x1: EDGE.left, x2: right, y1: bottom, y2: bottom }),
    svgElement(
      "text",
      { class: "axis-title", x: (EDGE.left + right) / 2, y: height - 6, "text-anchor": "middle" },
      spec.x.title,
    ),
    svgElement(
      "text",
      {
        class: "axis-title",
        x: 12,
        y: (EDGE.top + bottom) / 2,
        "text-anchor": "middle",
        transform: `rotate(-90 12 ${(EDGE.top + bottom) / 2})`,
      },
      spec.y.title,
    ),
  );
  return group;
}

/** The label stands above its line at the right end, or where `place` says, so that none overlap. */
function ruleDrawing({ name, y: value, spread, style, tip, place = "above" }, y, width) {
  const right = width - EDGE.right;
  const words = {
    above: { x: right - 4, y: y.at(value) - 5, "text-anchor": "end" },
    below: { x: right - 4, y: y.at(value) + 14, "text-anchor": "end" },
    left: { x: EDGE.left + 4, y: y.at(value) - 5 },
  };
  const group = svgElement("g", { class: `rule ${style}` });
  if (isNumber(spread)) {
    group.append(
      svgElement("rect", {
        class: "band",
        x: EDGE.left,
        width: right - EDGE.left,
        y: y.at(value + spread),
        height: y.at(value - spread) - y.at(value + spread),
      }),
    );
  }
  group.append(
    svgElement("line", { x1: EDGE.left, x2: right, y1: y.at(value), y2: y.at(value) }),
    svgElement(
      "g",
      { class: "point", role: "img", "aria-label": tip, "data-tip": tip },
      svgElement("rect", {
        class: "hit",
        x: EDGE.left,
        y: y.at(value) - 8,
        width: right - EDGE.left,
        height: 16,
      }),
      svgElement("text", words[place], name),
    ),
  );
  return group;
}

function seriesDrawing({ style, line, points, marked = points }, x, y) {
  const group = svgElement("g", { class: `series ${lineColor(style)}${line ? "" : " alone"}` });
  if (line) {
    const way = points.map(
      (point, i) => `${i ? "L" : "M"}${x.at(point.x).toFixed(1)} ${y.at(point.y).toFixed(1)}`,
    );
    group.append(svgElement("path", { class: "line", d: way.join("") }));
  }
  for (const point of marked) {
    const [left, top] = [x.at(point.x), y.at(point.y)];
    const one = svgElement("g", {
      class: "point",
      role: "img",
      "aria-label": point.tip,
      "data-tip": point.tip,
    });
    if (isNumber(point.spread)) {
      const [high, low] = [y.at(point.y + point.spread), y.at(point.y - point.spread)];
      one.append(
        svgElement("path", {
          class: "whisker",
          d: `M${left} ${high}V${low}M${left - 5} ${high}h10M${left - 5} ${low}h10`,
        }),
      );
    }
    one.append(
      svgElement("circle", { class: "hit", cx: left, cy: top, r: 11 }),
      marker(style, left, top, { class: "marker" }),
    );
    group.append(one);
  }
  return group;
}

/** A legend's entry for a series, as it looks in the plot. */
function legendEntry(style, name, line) {
  return element(
    "span",
    { class: "entry" },
    svgElement(
      "svg",
      {
        class: `sample ${lineColor(style)}${line ? "" : " alone"}`,
        viewBox: "0 0 34 14",
        "aria-hidden": "true",
      },
      line ? svgElement("path", { class: "line", d: "M1 7H33" }) : null,
      marker(style, 17, 7, { class: "marker" }),
    ),
    name,
  );
}

function ruleEntry(style, name) {
  return element(
    "span",
    { class: "entry" },
    svgElement(
      "svg",
      { class: `sample rule ${style}`, viewBox: "0 0 34 14", "aria-hidden": "true" },
      svgElement("line", { x1: 1, x2: 33, y1: 7, y2: 7 }),
    ),
    name,
  );
}
