// The accuracy of pseudo-labels of pool images, in all and by class.

function teacherSeries(measured) {
  const lines = [
    ["all pixels", "accuracy", "right among all pixels"],
    [
      "above the threshold",
      "confident_accuracy",
      "right among those above the threshold of confidence",
    ],
    [
      "share above the threshold",
      "confident_share",
      "of all pixels are above the threshold of confidence",
    ],
  ];
  return lines.map(([name, kind, description], style) => ({
    name,
    style,
    line: true,
    points: measured
      .filter((cycle) => isNumber(cycle.pseudo_labels[kind]))
      .map((cycle) => ({
        x: cycle.number,
        y: cycle.pseudo_labels[kind],
        tip: `Cycle ${cycle.number}: ${percent(cycle.pseudo_labels[kind])} ${description}`,
      })),
  }));
}

function teacherTable(measured) {
  const row = (name, value) => [
    name,
    ...measured.map((cycle) => cellPercent(value(cycle.pseudo_labels))),
  ];
  return table(
    "Accuracy of the pseudo-labels, %",
    ["", ...measured.map((cycle) => `Cycle ${cycle.number}`)],
    [
      row("all pixels", (one) => one.accuracy),
      row("above the threshold", (one) => one.confident_accuracy),
      row("share above the threshold", (one) => one.confident_share),
      ...page.classes.map((one, i) =>
        row(element("span", {}, classLabel(i)), (labels) => labels.class_accuracy[i]),
      ),
      ["images looked at", ...measured.map((cycle) => count(cycle.pseudo_labels.images))],
    ],
  );
}

/** The accuracy of each class in the chosen cycle. */
function teacherBars() {
  const labels = currentCycle()?.pseudo_labels;
  if (!labels) return note(`Not measured for cycle ${state.cycle}.`);
  return element(
    "div",
    {},
    page.classes.map((one, i) => {
      const share = labels.class_accuracy[i];
      return element(
        "div",
        { class: "bar-row" },
        element("div", { class: "bar-name" }, classLabel(i)),
        element(
          "div",
          { class: "bar-line line-2" },
          isNumber(share) ? barDrawing(share, 0) : element("span", { class: "amount" }),
          element("span", { class: "bar-value" }, isNumber(share) ? percent(share) : NOT_MEASURED),
        ),
      );
    }),
  );
}

function drawTeacher() {
  const measured = cycles.filter((cycle) => cycle.pseudo_labels);
  if (!measured.length) {
    byId("teacher-body").replaceChildren(
      note("Not measured: no cycle of this run has pseudo-labels beside a truth."),
    );
    return;
  }
  const series = teacherSeries(measured).filter((one) => one.points.length);
  const plot = element("div", { class: "plot" });
  const bars = element("div", {});
  byId("teacher-body").replaceChildren(
    element(
      "div",
      { class: "pair" },
      element("div", {}, plot, legend(series.map((one) => legendEntry(one.style, one.name, true)))),
      element(
        "div",
        {},
        element("h4", {}, "Accuracy by true class ", element("span", { class: "cycle-name" })),
        bars,
      ),
    ),
    element(
      "details",
      {},
      element("summary", {}, "Table"),
      element("div", { class: "scroll" }, teacherTable(measured)),
    ),
  );
  chart(plot, {
    label: "Accuracy of the pseudo-labels over the cycles; arrow keys go from point to point",
    height: 260,
    series,
    x: { title: "cycle", format: String, ticks: measured.map((cycle) => cycle.number) },
    y: { title: "%", format: PERCENT_AXIS },
  });
  follow(["cycle"], () => bars.replaceChildren(teacherBars()));
}
