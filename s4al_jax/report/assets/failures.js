// The failures of the last network: images, and pairs of classes.

const WORST_SHOWN = 12;

function drawWorst() {
  const worst = page.worst
    .map((id) => pictures.get(id))
    .filter(Boolean)
    .slice(0, WORST_SHOWN);
  const choices = { ...state, cycle: lastCycle?.number, layer: "prediction" };
  const show = (picture) => {
    choose({ cycle: choices.cycle });
    openLarge(picture, worst, (id) => tileOf("worst", id).focus());
  };
  const made = worst.map((picture) => tile(picture, choices, show));
  byId("worst").replaceChildren(
    ...(made.length ? made : [element("li", { class: "note" }, "No image was measured.")]),
  );
}

function confusedPair({ truth, predicted, share, pixels }) {
  return element(
    "li",
    {},
    element(
      "button",
      {
        type: "button",
        onclick: () => showClass(truth, { sort: "miou", reversed: false, layer: "prediction" }),
      },
      element(
        "span",
        { class: "pair-names" },
        classLabel(truth),
        more(" predicted as "),
        classLabel(predicted),
      ),
      element("span", { class: "bar-line line-1" }, barDrawing(share, 0)),
      element(
        "span",
        { class: "pair-value" },
        percent(share),
        more(` of its pixels, ${roughly(pixels)}`),
      ),
    ),
  );
}

function drawFailures() {
  drawWorst();
  byId("confused").replaceChildren(
    ...(page.confused.length
      ? page.confused.map(confusedPair)
      : [element("li", { class: "note" }, "No pair was measured.")]),
  );
}
