// The confusion matrix of the chosen cycle, each row in shares of its true class.

function confusionCell(row, truth, predicted) {
  const all = sum(row);
  const pixels = row[predicted];
  const [was, guess] = [className(truth), className(predicted)];
  if (!all) return element("td", { class: "empty" }, missing());
  const share = pixels / all;
  const tip =
    truth === predicted
      ? `${was}: ${percent(share)} recognized, ${count(pixels)} of ${count(all)} pixels`
      : `${was} predicted as ${guess}: ${percent(share)}, ${count(pixels)} of ${count(all)} pixels`;
  const cell = element(
    "td",
    { class: truth === predicted ? "right" : null },
    element(
      "button",
      {
        type: "button",
        "data-tip": tip,
        "aria-label": tip,
        "data-truth": truth,
        "data-predicted": predicted,
        class: share > 0.42 ? "strong" : share < 0.005 ? "nought" : null,
        onclick: () => showClass(truth, { sort: "miou", reversed: false, layer: "prediction" }),
      },
      shareText(share),
    ),
  );
  cell.style.setProperty("--share", `${Math.round(100 * Math.sqrt(share))}%`);
  return cell;
}

/** Whole percents; what rounds to 0 or 100 without being it has a sign of its own. */
function shareText(share) {
  if (share === 0) return "0";
  if (share > 0.995 && share < 1) return ">99";
  return share < 0.005 ? "<1" : String(Math.round(100 * share));
}

function confusionTable(confusion) {
  const heads = page.classes.map((one, i) =>
    element("th", { scope: "col", class: "turned" }, element("span", {}, classLabel(i))),
  );
  const made = element(
    "table",
    { class: "matrix" },
    element(
      "caption",
      { class: "unseen" },
      `Confusion after cycle ${state.cycle}, % of the true class’s pixels`,
    ),
    element(
      "thead",
      {},
      element(
        "tr",
        {},
        element("td", {}, ""),
        heads,
        element("th", { scope: "col", class: "turned" }, element("span", {}, "pixels")),
      ),
    ),
    element(
      "tbody",
      {},
      confusion.map((row, truth) =>
        element(
          "tr",
          {},
          element("th", { scope: "row" }, element("span", {}, classLabel(truth))),
          row.map((_, predicted) => confusionCell(row, truth, predicted)),
          element("td", { class: "sum" }, roughly(sum(row))),
        ),
      ),
    ),
  );
  rove(made, "button", page.classes.length);
  return made;
}

function drawConfusion() {
  const host = byId("confusion-table");
  follow(["cycle"], () => {
    const confusion = currentCycle()?.confusion;
    host.replaceChildren(
      confusion ? confusionTable(confusion) : note("The confusion of this cycle was not measured."),
    );
    byId("confusion-text").textContent = "";
  });
  const show = (event) => {
    const tip = event.target.closest("[data-tip]")?.dataset.tip;
    if (tip) byId("confusion-text").textContent = tip;
  };
  host.addEventListener("focusin", show);
  host.addEventListener("pointerover", show);
}
