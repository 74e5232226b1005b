// Classes over the cycles: the IoU of each, and its share of the annotations.

/** Indices of the classes of the head or of the tail. */
const classesOf = (tail) => page.classes.flatMap((one, i) => (one.tail === tail ? [i] : []));

/** A class's color and name. */
const classLabel = (index) => [swatch(page.classes[index].color), page.classes[index].name];

/** Show the pictures that hold a class. */
function showClass(index, more = {}) {
  choose({ class: String(index), ...more });
  byId("pictures").scrollIntoView();
  byId("class").focus({ preventScroll: true });
}

/** Values over the cycles as a small line without axes; it spans all of 0 to 1. */
function spark(values, width = 132, height = 44) {
  const x = (i) =>
    6 + (values.length > 1 ? (i * (width - 12)) / (values.length - 1) : (width - 12) / 2);
  const y = (value) => height - 5 - value * (height - 10);
  const svg = svgElement(
    "svg",
    { class: "spark line-0", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    svgElement("path", { class: "grid", d: `M0 ${y(0)}H${width}M0 ${y(1)}H${width}` }),
  );
  let way = "";
  values.forEach((value, i) => {
    if (isNumber(value)) way += `${isNumber(values[i - 1]) ? "L" : "M"}${x(i)} ${y(value)}`;
  });
  svg.append(svgElement("path", { class: "line", d: way }));
  values.forEach((value, i) => {
    if (!isNumber(value)) return;
    const now = cycles[i].number === state.cycle;
    svg.append(
      svgElement("circle", {
        class: now ? "marker now" : "marker",
        cx: x(i),
        cy: y(value),
        r: now ? 4.5 : 2.5,
      }),
    );
  });
  return svg;
}

function change(values) {
  const measured = values.filter(isNumber);
  if (measured.length < 2) return "";
  const points = 100 * (measured.at(-1) - measured[0]);
  return `${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(1)}`;
}

function iouPanel(label, values, index) {
  const at = values[cycles.findIndex((cycle) => cycle.number === state.cycle)];
  const parts = [
    element("span", { class: "panel-name" }, label),
    spark(values),
    element(
      "span",
      { class: "panel-value" },
      element("strong", {}, isNumber(at) ? percent(at) : NOT_MEASURED),
      more(change(values)),
    ),
  ];
  if (index === null) return element("div", { class: "panel mean" }, parts);
  return element(
    "button",
    { type: "button", class: "panel", "data-class": index, onclick: () => showClass(index) },
    parts,
  );
}

function iouGroup(tail, mean) {
  const members = classesOf(tail);
  if (!members.length) return null;
  const hasGroups = page.classes.some((one) => one.tail);
  const name = hasGroups ? (tail ? "Tail" : "Head") : "All classes";
  const averages = cycles.map((cycle) => cycle[mean]);
  return element(
    "div",
    { class: "group" },
    element("h4", {}, name),
    element(
      "div",
      { class: "small-multiples" },
      hasGroups ? iouPanel("mean", averages, null) : null,
      members.map((index) =>
        iouPanel(
          classLabel(index),
          cycles.map((cycle) => cycle.class_iou[index]),
          index,
        ),
      ),
    ),
  );
}

function drawIou() {
  if (!cycles.length) return byId("iou-panels").replaceChildren(note("No cycle is finished yet."));
  const focused = document.activeElement?.dataset?.class;
  byId("iou-panels").replaceChildren(
    ...[iouGroup(false, "head_iou"), iouGroup(true, "tail_iou")].filter(Boolean),
  );
  if (focused !== undefined)
    byId("iou-panels").querySelector(`[data-class="${focused}"]`)?.focus({ preventScroll: true });
}

function iouTable() {
  const rows = [...classesOf(false), ...classesOf(true)].map((index) => [
    element("span", {}, classLabel(index), page.classes[index].tail ? " (tail)" : ""),
    ...cycles.map((cycle) => cellPercent(cycle.class_iou[index])),
  ]);
  const means = [
    ["mean of the head", "head_iou"],
    ["mean of the tail", "tail_iou"],
  ].map(([name, mean]) => [name, ...cycles.map((cycle) => cellPercent(cycle[mean]))]);
  return table(
    "IoU of each class after each cycle, %",
    ["Class", ...cycles.map((cycle) => `Cycle ${cycle.number}`)],
    [...rows, ...means],
  );
}

const sum = (values) => values.reduce((a, b) => a + b, 0);

/** Shares of the classes in the annotations for a cycle, void at the end; null without any. */
function annotatedShares(cycle) {
  const all = sum(cycle.annotated);
  return all ? cycle.annotated.map((pixels) => pixels / all) : null;
}

function annotatedRow(index, most) {
  const name = index < page.classes.length ? classLabel(index) : "void";
  const bars = cycles.map((cycle, i) => {
    const share = annotatedShares(cycle)?.[index] ?? null;
    if (share === null) return null;
    const now = cycle.number === state.cycle ? " now" : "";
    const tip = `${className(index)}, cycle ${cycle.number}: ${percent(share)} of the annotated pixels, ${count(cycle.annotated[index])} pixels`;
    return element(
      "div",
      {
        class: `bar-line ${lineColor(i)}${now}`,
        tabindex: -1,
        role: "img",
        "aria-label": tip,
        "data-tip": tip,
      },
      barDrawing(share / most, i),
      element("span", { class: "bar-value", "aria-hidden": "true" }, percent(share)),
    );
  });
  return element(
    "div",
    { class: "bar-row" },
    element("div", { class: "bar-name" }, name),
    element("div", {}, bars),
  );
}

const MOST_STRIPES = 6;
/** More bars of a class than this are drawn thin, and the chosen cycle alone has its number. */
const MANY_CYCLES = 4;

/** A bar of a share; cycles differ by their stripes as well. */
function barDrawing(share, style) {
  // The smallest share can be seen; zero has no bar.
  const width = share > 0 ? Math.max(100 * share, 0.4) : 0;
  const stripes = style % (MOST_STRIPES + 1);
  return svgElement(
    "svg",
    { class: "amount", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    svgElement("rect", { width, height: 10 }),
    [...Array(stripes).keys()].map((i) =>
      svgElement("rect", {
        class: "stripe",
        width,
        y: (10 * (i + 1)) / (stripes + 1) - 0.4,
        height: 0.8,
      }),
    ),
  );
}

function drawAnnotated() {
  const annotated = cycles.filter(annotatedShares);
  if (!annotated.length)
    return byId("annotated-bars").replaceChildren(note("Nothing was annotated yet."));
  const most = Math.max(...annotated.flatMap(annotatedShares));
  const kinds = [...page.classes.keys(), page.classes.length];
  const rows = element(
    "div",
    { class: cycles.length > MANY_CYCLES ? "many" : null },
    kinds.map((index) => annotatedRow(index, most)),
  );
  byId("annotated-bars").replaceChildren(rows);
  rove(rows, ".bar-line");
  byId("annotated-legend").replaceChildren(
    ...cycles.map((cycle, i) =>
      element(
        "span",
        { class: `entry ${lineColor(i)}` },
        element("span", { class: "bar-sample" }, barDrawing(1, i)),
        annotatedShares(cycle) ? `for cycle ${cycle.number}` : `for cycle ${cycle.number}: nothing`,
      ),
    ),
  );
}

function annotatedTable() {
  const kinds = [...page.classes.keys(), page.classes.length];
  const rows = kinds.map((index) => [
    className(index),
    ...cycles.flatMap((cycle) => [
      cellPercent(annotatedShares(cycle)?.[index] ?? null),
      count(cycle.annotated[index]),
    ]),
  ]);
  return table(
    "Classes in the annotated regions",
    [
      "Class",
      ...cycles.flatMap((cycle) => [`Cycle ${cycle.number}, %`, `Cycle ${cycle.number}, pixels`]),
    ],
    rows,
  );
}

function drawClasses() {
  follow(["cycle"], drawIou);
  follow(["cycle"], drawAnnotated);
  byId("iou-table").replaceChildren(iouTable());
  byId("annotated-table").replaceChildren(annotatedTable());
}
