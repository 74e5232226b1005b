// Training metrics: losses, the weight of pseudo-labels and whatever else a method logs.

const MARKED = 10;

/** [title, names of metrics] of each chart: all losses, all weights, everything else alone. */
function metricGroups() {
  const names = [...new Set(run.losses.flatMap((row) => Object.keys(row.metrics)))];
  const begins = (word) => names.filter((name) => name === word || name.startsWith(`${word}_`));
  const [losses, weights] = [begins("loss"), begins("eta")];
  const others = names.filter((name) => !losses.includes(name) && !weights.includes(name));
  return [
    ["Losses", losses],
    ["η, the weight of the pseudo-labels", weights],
    ...others.map((name) => [metricName(name), [name]]),
  ].filter(([, members]) => members.length);
}

/** "loss_replay" -> "Loss replay"; η stays lowercase: its capital looks like an H. */
function metricName(name) {
  const words = name.replaceAll("_", " ");
  return words.startsWith("eta")
    ? words.replace(/^eta/, "η")
    : words[0].toUpperCase() + words.slice(1);
}

function metricSeries(name, style) {
  const points = run.losses
    .filter((row) => isNumber(row.metrics[name]))
    .map((row) => ({
      x: row.step,
      y: row.metrics[name],
      tip: `${metricName(name)}: ${short(row.metrics[name])} at step ${count(row.step)} (cycle ${row.cycle}, ${row.stage})`,
    }));
  const every = Math.max(1, Math.ceil(points.length / MARKED));
  const marked = points.filter(
    (_, i) => i % every === Math.floor(every / 2) || points.length === 1,
  );
  return { name: metricName(name), style, line: true, points, marked };
}

function drawMetrics(host, title, names) {
  const series = names.map(metricSeries).filter((one) => one.points.length);
  if (!series.length) return;
  const plot = element("div", { class: "plot" });
  host.append(
    element(
      "div",
      {},
      element("h4", {}, title),
      plot,
      series.length > 1
        ? legend(series.map((one) => legendEntry(one.style, one.name, true)))
        : null,
    ),
  );
  const begins = cycles
    .map((cycle) => run.losses.find((row) => row.cycle === cycle.number)?.step)
    .filter(isNumber);
  chart(plot, {
    label: `${title} over the steps; arrow keys go from point to point`,
    height: 220,
    series,
    uprights: begins.slice(1),
    x: { title: "step", format: roughly },
    y: { title: "", format: short },
  });
}

/** The last row of each cycle. */
function stepsTable() {
  const last = cycles
    .map((cycle) => run.losses.filter((row) => row.cycle === cycle.number).at(-1))
    .filter(Boolean);
  const names = metricGroups().flatMap(([, members]) => members);
  return table(
    "At the last journal row of each cycle",
    ["Metric", ...last.map((row) => `Cycle ${row.cycle}, step ${count(row.step)}`)],
    names.map((name) => [
      metricName(name),
      ...last.map((row) => (isNumber(row.metrics[name]) ? short(row.metrics[name]) : missing())),
    ]),
  );
}

function drawSteps() {
  const host = byId("steps-panels");
  if (!run.losses.length) {
    host.replaceChildren(note("The journal of this run has no rows of training."));
    return;
  }
  host.className = "plots";
  for (const [title, names] of metricGroups()) drawMetrics(host, title, names);
  byId("steps-table").replaceChildren(stepsTable());
}
