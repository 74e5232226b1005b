// The runs: their commands, options, versions and notes.

function lastMiou(one) {
  const measured = Object.values(one.cycles.at(-1)?.miou ?? {}).at(-1) ?? {};
  return measured.test ?? measured.val ?? null;
}

function runsTable() {
  return table(
    "All runs of this page",
    ["Run", "Study", "Seed", "Cycles", "Labels", "mIoU %", "Time", "State"],
    page.runs.map((one, i) => [
      i === page.shown ? `${one.name} (shown)` : one.name,
      page.studies[one.study].name,
      String(one.seed),
      count(one.cycles.length),
      one.cycles.length ? labelShare(one.cycles.at(-1).labeled_share) : missing(),
      cellPercent(lastMiou(one)),
      isNumber(one.hours) ? duration(3600 * one.hours) : missing(),
      one.finished ? "finished" : "not finished",
    ]),
  );
}

const optionText = (value) => (typeof value === "string" ? value : JSON.stringify(value));

/** Options that are not the same in all runs. */
function differencesTable() {
  const names = [...new Set(page.runs.flatMap((one) => Object.keys(one.options)))].sort();
  const differ = names.filter(
    (name) => new Set(page.runs.map((one) => optionText(one.options[name] ?? null))).size > 1,
  );
  if (!differ.length) return note("The runs differ in no option.");
  return table(
    "Options in which the runs differ",
    ["Option", ...page.runs.map((one) => one.name)],
    differ.map((name) => [
      name,
      ...page.runs.map((one) => (name in one.options ? optionText(one.options[name]) : "as by default")),
    ]),
  );
}

/** Copies a text; where a page from a disk may not, the text is selected. */
async function copy(text, shown, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(shown);
    button.textContent = "Selected: press Ctrl+C";
  }
}

function commandBox(one) {
  const code = element("code", { tabindex: 0 }, one.command);
  const button = element(
    "button",
    { type: "button", id: "copy", onclick: () => copy(one.command, code, button) },
    "Copy",
  );
  return element("div", { class: "command" }, element("pre", {}, code), button);
}

function runBody(one) {
  const given = Object.entries(one.options);
  return [
    one.command ? commandBox(one) : note("The command of this run is not known."),
    more("With the same working directory the command continues the run, with a new one it repeats it."),
    element(
      "dl",
      { class: "facts" },
      fact("Folder", one.path),
      fact("Device", one.device || "not known"),
      fact("Source", one.revision || "revision not known"),
      fact("Fingerprint", element("code", {}, one.fingerprint)),
      fact("Started", one.started ? moment(one.started) : "not known"),
      fact("Time", isNumber(one.hours) ? duration(3600 * one.hours) : NOT_MEASURED),
      fact(
        "Training by cycle",
        one.cycles.map((cycle) => duration(cycle.seconds)).join(", ") || "no cycle is finished",
      ),
    ),
    element(
      "div",
      { class: "pair" },
      element(
        "div",
        {},
        element("h4", {}, "Configuration, where it differs from the default"),
        given.length
          ? element(
              "div",
              { class: "scroll wordy" },
              table(
                "Options",
                ["Option", "Value"],
                given.map(([name, value]) => [name, optionText(value)]),
              ),
            )
          : note("It is the default configuration."),
      ),
      element(
        "div",
        {},
        element("h4", {}, "Versions"),
        element(
          "div",
          { class: "scroll wordy" },
          table("Versions", ["Package", "Version"], Object.entries(one.versions)),
        ),
      ),
    ),
  ];
}

function drawRuns() {
  byId("runs-table").replaceChildren(runsTable());
  byId("differences").hidden = page.runs.length < 2;
  byId("differences").querySelector(".scroll").replaceChildren(differencesTable());
  byId("run").append(...options(page.runs.map((one, i) => [String(i), one.name])));
  byId("run").value = String(page.shown);
  const show = () =>
    byId("run-body").replaceChildren(...runBody(page.runs[Number(byId("run").value)]));
  byId("run").addEventListener("change", show);
  show();
  byId("notes").replaceChildren(
    element("h3", {}, "Notes"),
    page.notes.length
      ? element(
          "ul",
          {},
          page.notes.map((note) => element("li", {}, note)),
        )
      : element("p", {}, "Nothing was left out."),
  );
  byId("footer").textContent =
    `Written by s4al_jax on ${moment(page.written)}. One file: it loads nothing from elsewhere.`;
}
