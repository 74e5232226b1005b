// The result: a sentence, a few numbers, the learning curve.

const lastMean = study.means.at(-1) ?? null;
const PERCENT_AXIS = (share) => `${Number((100 * share).toFixed(1))}`;
const ALL_LABELS = 0.999;

/** The result in one sentence. */
function verdict() {
  if (!lastMean) return "No cycle is finished yet.";
  const reached = `${percent(lastMean.miou)} mIoU with ${labelShare(lastMean.labeled_share)} of the labels`;
  const { goal } = page;
  if (study.fully_supervised) return `${percent(lastMean.miou)} mIoU with all labels.`;
  if (!goal) return `${reached}; there is no run on all labels to compare it with.`;
  if (isNumber(goal.reached_share)) {
    return `95\u00a0% of full supervision was reached with ${labelShare(goal.reached_share)} of the labels.`;
  }
  const best = study.means.reduce((a, b) => (b.miou > a.miou ? b : a));
  const gap = (100 * (goal.line - best.miou)).toFixed(1);
  return (
    `95\u00a0% of full supervision is not reached: ${percent(best.miou)} mIoU with ` +
    `${labelShare(best.labeled_share)} of the labels is ${gap} points below the line.`
  );
}

function amount(term, value, more) {
  return element(
    "div",
    {},
    element("dt", {}, term),
    element("dd", {}, value),
    element("dd", { class: "more" }, more),
  );
}

function amounts() {
  const { goal } = page;
  const of = page.runs.filter((one) => one.study === run.study).length;
  const budget = isNumber(run.budget_share)
    ? `the budget is ${labelShare(run.budget_share)}`
    : "the budget is not known";
  const seeds = lastMean ? plural(lastMean.runs, "run") : plural(of, "run");
  const found = [
    amount(
      "Labeled pixels",
      labelShare(lastCycle?.labeled_share ?? null),
      lastCycle ? `${roughly(lastCycle.labeled_pixels)} pixels; ${budget}` : "no cycle is finished",
    ),
    amount("Regions annotated", count(lastCycle?.regions), "besides the initial labels"),
    amount(
      "mIoU now",
      percentAndSpread(lastMean?.miou, lastMean?.std),
      isNumber(lastMean?.std) ? `mean of ${seeds}` : `${seeds}: no spread`,
    ),
    amount(
      "Of full supervision",
      goal && lastMean ? percent(lastMean.miou / goal.full) : "not known",
      goal
        ? `${percentAndSpread(goal.full, goal.std)}, ${goal.source}`
        : "no run on all labels was given",
    ),
    amount(
      "Cycles",
      count(cycles.length),
      `${run.finished ? "finished" : "not finished"}; ${isNumber(run.hours) ? duration(3600 * run.hours) : "time not measured"}`,
    ),
  ];
  return found;
}

function studySeries(one, style) {
  return {
    name: one.name,
    style,
    line: true,
    points: one.means.map((mean) => ({
      x: mean.labeled_share,
      y: mean.miou,
      spread: mean.std,
      tip: `${one.name}: ${percentAndSpread(mean.miou, mean.std)} mIoU with ${labelShare(mean.labeled_share)} of the labels, ${plural(mean.runs, "run")}`,
    })),
  };
}

function publishedSeries(method, points, style) {
  const name = `${method} (published)`;
  return {
    name,
    style,
    line: false,
    points: points.map((point) => ({
      x: point.labeled_share,
      y: point.miou,
      spread: point.std,
      tip: `${name}: ${percentAndSpread(point.miou, point.std)} with ${labelShare(point.labeled_share)} of the labels; ${point.source}`,
    })),
  };
}

/** Full supervision is far beyond an axis of a few percent: it is a line across. */
function fullRules(published) {
  const rules = page.studies
    .filter((one) => one.fully_supervised && one.means.length)
    .map((one) => {
      const { miou, std, runs } = one.means.at(-1);
      return {
        name: "all labels",
        long: one.name,
        y: miou,
        spread: std,
        style: "rule-full",
        tip: `${one.name}, all labels: ${percentAndSpread(miou, std)} mIoU, ${plural(runs, "run")}`,
      };
    });
  const { goal } = page;
  if (goal && !rules.length) {
    rules.push({
      name: "all labels",
      long: `all labels: ${goal.source}`,
      y: goal.full,
      spread: goal.std,
      style: "rule-full",
      tip: `all labels: ${percentAndSpread(goal.full, goal.std)} mIoU; ${goal.source}`,
    });
  }
  if (goal) {
    rules.push({
      name: "95\u00a0% of it",
      long: "95\u00a0% of full supervision",
      y: goal.line,
      style: "rule-goal",
      place: "below",
      tip: `95\u00a0% of full supervision: ${percent(goal.line)} mIoU`,
    });
  }
  for (const point of published.filter((one) => one.labeled_share >= ALL_LABELS)) {
    rules.push({
      name: "published, all labels",
      long: `${point.method}, all labels (published)`,
      y: point.miou,
      style: "rule-published",
      place: "left",
      tip: `${point.method}, all labels, published: ${percent(point.miou)}; ${point.source}`,
    });
  }
  return rules;
}

function curveSpec({ log, withPublished }) {
  const published = withPublished ? page.published : [];
  const own = page.studies.filter((one) => !one.fully_supervised && one.means.length);
  const series = own.map((one, i) => studySeries(one, i));
  const methods = new Set(
    published.filter((one) => one.labeled_share < ALL_LABELS).map((one) => one.method),
  );
  for (const method of methods) {
    const points = published.filter(
      (one) => one.method === method && one.labeled_share < ALL_LABELS,
    );
    series.push(publishedSeries(method, points, series.length));
  }
  // There is no logarithm of zero: some runs begin without any label.
  const positive = series.every(({ points }) => points.every((point) => point.x > 0));
  return {
    label: "mIoU over the share of labeled pixels; arrow keys go from point to point",
    height: 380,
    series,
    rules: fullRules(published),
    uprights: isNumber(page.goal?.reached_share) ? [page.goal.reached_share] : [],
    x: { title: "labeled pixels, % of the pool", format: PERCENT_AXIS, log: log && positive },
    y: { title: "mIoU, %", format: PERCENT_AXIS },
  };
}

function drawCurve(choices) {
  const spec = curveSpec(choices);
  if (!spec.series.length) {
    byId("curve-plot").replaceChildren(note("No measured point to draw yet."));
    return;
  }
  byId("curve-plot").replaceChildren();
  chart(byId("curve-plot"), spec);
  byId("curve-legend").replaceChildren(
    ...spec.series.map((one) => legendEntry(one.style, one.name, one.line)),
    ...spec.rules.map((one) => ruleEntry(one.style, one.long)),
  );
}

function curveTable() {
  const own = page.studies.flatMap((one) =>
    one.means.map((mean) => [
      one.name,
      labelShare(mean.labeled_share),
      cellPercent(mean.miou),
      cellPercent(mean.std),
      count(mean.runs),
      "measured here",
    ]),
  );
  const published = page.published.map((one) => [
    one.method,
    labelShare(one.labeled_share),
    cellPercent(one.miou),
    cellPercent(one.std),
    missing(),
    `published: ${one.source}`,
  ]);
  return table(
    "mIoU over the share of labeled pixels",
    ["Study", "Labels", "mIoU %", "± %", "Runs", "From"],
    [...own, ...published],
  );
}

function drawHeadline() {
  document.title = page.title;
  byId("title").textContent = page.title;
  byId("about").textContent =
    `${page.dataset} · ${page.height} × ${page.width} pixels · ${plural(page.classes.length, "class", "classes")} · run ${run.name}`;
  byId("headline").textContent = verdict();
  byId("tiles").replaceChildren(...amounts());
  byId("curve-table").replaceChildren(curveTable());
  const shares = [
    ...page.studies.flatMap((one) => (one.fully_supervised ? [] : one.means)),
    ...page.published,
  ]
    .map((one) => one.labeled_share)
    .filter((share) => share > 0 && share < ALL_LABELS);
  const choices = { log: Math.max(...shares) > 2.5 * Math.min(...shares), withPublished: true };
  const tool = (id, name, words) =>
    element(
      "label",
      { class: "check" },
      element("input", {
        type: "checkbox",
        id,
        checked: choices[name],
        onchange: (event) => {
          choices[name] = event.target.checked;
          drawCurve(choices);
        },
      }),
      words,
    );
  byId("curve-tools").replaceChildren(
    tool("curve-log", "log", "Logarithmic axis of labels"),
    ...(page.published.length
      ? [tool("curve-published", "withPublished", "Published results")]
      : []),
  );
  drawCurve(choices);
}
