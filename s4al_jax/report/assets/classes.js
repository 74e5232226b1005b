// Classes over the cycles: how well each is known, and how much of it was bought.

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
  const svg = drawn(
    "svg",
    { class: "spark line-0", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    drawn("path", { class: "grid", d: `M0 ${y(0)}H${width}M0 ${y(1)}H${width}` }),
  );
  let way = "";
  values.forEach((value, i) => {
    if (isNumber(value)) way += `${isNumber(values[i - 1]) ? "L" : "M"}${x(i)} ${y(value)}`;
  });
  svg.append(drawn("path", { class: "line", d: way }));
  values.forEach((value, i) => {
    if (!isNumber(value)) return;
    const now = cycles[i].number === state.cycle;
    svg.append(
      drawn("circle", {
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
  const told = page.classes.some((one) => one.tail);
  const name = told ? (tail ? "Tail" : "Head") : "All classes";
  const averages = cycles.map((cycle) => cycle[mean]);
  return element(
    "div",
    { class: "group" },
    element("h4", {}, name),
    element(
      "div",
      { class: "small-multiples" },
      told ? iouPanel("mean", averages, null) : null,
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

/** Shares of the classes among what was bought for a cycle, void at the end; null where nothing was. */
function askedShares(cycle) {
  const all = sum(cycle.asked);
  return all ? cycle.asked.map((pixels) => pixels / all) : null;
}

function askedRow(index, most) {
  const name = index < page.classes.length ? classLabel(index) : "void";
  const bars = cycles.map((cycle, i) => {
    const share = askedShares(cycle)?.[index] ?? null;
    if (share === null) return null;
    const now = cycle.number === state.cycle ? " now" : "";
    const say = `${className(index)}, cycle ${cycle.number}: ${percent(share)} of the bought pixels, ${count(cycle.asked[index])} pixels`;
    return element(
      "div",
      {
        class: `bar-line ${lineColor(i)}${now}`,
        tabindex: -1,
        role: "img",
        "aria-label": say,
        "data-say": say,
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
/** More bars a class than this are drawn thin, and the chosen cycle alone says its number. */
const MANY_CYCLES = 4;

/** A bar of a share of the room; cycles differ by their stripes as well. */
function barDrawing(share, style) {
  // The least that there is can be seen; nothing shows nothing.
  const width = share > 0 ? Math.max(100 * share, 0.4) : 0;
  const stripes = style % (MOST_STRIPES + 1);
  return drawn(
    "svg",
    { class: "amount", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    drawn("rect", { width, height: 10 }),
    [...Array(stripes).keys()].map((i) =>
      drawn("rect", {
        class: "stripe",
        width,
        y: (10 * (i + 1)) / (stripes + 1) - 0.4,
        height: 0.8,
      }),
    ),
  );
}

function drawAsked() {
  const bought = cycles.filter(askedShares);
  if (!bought.length) return byId("asked-bars").replaceChildren(note("Nothing was bought yet."));
  const most = Math.max(...bought.flatMap(askedShares));
  const kinds = [...page.classes.keys(), page.classes.length];
  const rows = element(
    "div",
    { class: cycles.length > MANY_CYCLES ? "many" : null },
    kinds.map((index) => askedRow(index, most)),
  );
  byId("asked-bars").replaceChildren(rows);
  rove(rows, ".bar-line");
  byId("asked-legend").replaceChildren(
    ...cycles.map((cycle, i) =>
      element(
        "span",
        { class: `entry ${lineColor(i)}` },
        element("span", { class: "bar-sample" }, barDrawing(1, i)),
        askedShares(cycle) ? `for cycle ${cycle.number}` : `for cycle ${cycle.number}: nothing`,
      ),
    ),
  );
}

function askedTable() {
  const kinds = [...page.classes.keys(), page.classes.length];
  const rows = kinds.map((index) => [
    className(index),
    ...cycles.flatMap((cycle) => [
      cellPercent(askedShares(cycle)?.[index] ?? null),
      count(cycle.asked[index]),
    ]),
  ]);
  return table(
    "Classes among the bought regions",
    [
      "Class",
      ...cycles.flatMap((cycle) => [`Cycle ${cycle.number}, %`, `Cycle ${cycle.number}, pixels`]),
    ],
    rows,
  );
}

function drawClasses() {
  follow(["cycle"], drawIou);
  follow(["cycle"], drawAsked);
  byId("iou-table").replaceChildren(iouTable());
  byId("asked-table").replaceChildren(askedTable());
}
