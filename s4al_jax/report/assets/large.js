// The large view: one picture in all layers side by side, and its neighbors.

let among = [];
let open = null;
let leave = null;
let grown = null;

/** Show a picture among its neighbors; `back` gets the id of the last one when the view closes. */
function openLarge(picture, neighbors, back) {
  among = neighbors;
  leave = back;
  open = picture;
  drawLarge();
  if (!byId("large").open) byId("large").showModal();
}

/** The picture `by` places on, around the end. */
function stepLarge(by) {
  const place = among.indexOf(open);
  open = among[(place + by + among.length) % among.length];
  drawLarge();
}

function largeFacts(at, before) {
  if (!at) return [fact("Cycle", `not shown in cycle ${state.cycle}`)];
  const earlier =
    before && isNumber(before.miou) && isNumber(at.miou)
      ? ` (${percent(before.miou)} in cycle ${before.cycle})`
      : "";
  const scores = scoresOf(at.queried);
  return [
    fact("mIoU", isNumber(at.miou) ? percent(at.miou) + earlier : "no truth to measure with"),
    fact("Mean uncertainty", percent(at.uncertainty)),
    fact("Mean confidence", percent(at.confidence)),
    fact(
      "Labeled",
      open.split === "pool" ? labelShare(at.labeled_share) : `${open.split}: only measured on`,
    ),
    fact(
      "Queried",
      at.queried
        ? `${plural(at.queried.chosen.length, "region")} of ${count(scores.length)} unlabeled`
        : "nothing",
    ),
    ...(scores.length ? [fact("Highest score", short(Math.max(...scores)))] : []),
  ];
}

/** `what` names the panel; the one that has grown stays so from picture to picture. */
function largePanel(what, title, cycle, layer, strength) {
  const classes = [
    "panel-large",
    `of-${what}`,
    what === grown ? "grown" : "",
    what === state.layer ? "now" : "",
  ];
  return element(
    "figure",
    { class: classes.join(" ").trim() },
    element(
      "button",
      {
        type: "button",
        class: "enlarge",
        "data-panel": what,
        "aria-pressed": String(what === grown),
        onclick: () => {
          grown = what === grown ? null : what;
          drawLarge();
        },
      },
      view(open, { cycle, layer, strength, frames: state.frames }),
    ),
    element("figcaption", {}, title),
  );
}

function largePanels(before) {
  const { cycle, strength } = state;
  return [
    largePanel("image", "Image and queried regions", cycle, "image", 1),
    largePanel("truth", "Truth", cycle, "truth", strength),
    before
      ? largePanel(
          "before",
          `Prediction before: cycle ${before.cycle}`,
          before.cycle,
          "prediction",
          strength,
        )
      : null,
    largePanel("prediction", `Prediction: cycle ${cycle}`, cycle, "prediction", strength),
    largePanel("uncertainty", `Uncertainty: cycle ${cycle}`, cycle, "uncertainty", strength),
    largePanel("scores", `Scores: cycle ${cycle}`, cycle, "scores", strength),
  ].filter(Boolean);
}

function drawLarge() {
  if (!open) return;
  const at = resultOf(open, state.cycle);
  const before = resultBefore(open, state.cycle);
  byId("large-name").textContent = open.name;
  byId("large-place").textContent =
    `${open.split} · ${among.indexOf(open) + 1} of ${count(among.length)}`;
  byId("large-facts").replaceChildren(...largeFacts(at, before));
  const focused = document.activeElement?.dataset?.panel;
  byId("large-panels").replaceChildren(...largePanels(before));
  if (focused) byId("large-panels").querySelector(`[data-panel="${focused}"]`)?.focus();
  byId("large-legend").replaceChildren(
    ...open.classes.map((index) => element("span", { class: "entry" }, classLabel(index))),
    element(
      "span",
      { class: "entry" },
      "Uncertainty ",
      heatKey("certain", "every class as likely"),
    ),
    ...(scoreRange(state.cycle)
      ? [
          element(
            "span",
            { class: "entry" },
            "Scores ",
            heatKey(short(scoreRange(state.cycle).low), short(scoreRange(state.cycle).high)),
          ),
        ]
      : []),
  );
}

function prepareLarge() {
  byId("large-back").addEventListener("click", () => stepLarge(-1));
  byId("large-on").addEventListener("click", () => stepLarge(1));
  byId("large-close").addEventListener("click", () => byId("large").close());
  byId("large").addEventListener("close", () => {
    const left = open;
    open = null;
    leave(left.id);
  });
  follow(["cycle", "layer", "strength", "frames"], drawLarge);
}
