// Where the last network still fails: pictures, and pairs of classes.

const WORST_SHOWN = 12;

function drawWorst() {
  const worst = page.worst.map((id) => pictures.get(id)).filter(Boolean);
  const choices = { ...state, cycle: lastCycle?.number, layer: "prediction" };
  const made = worst.slice(0, WORST_SHOWN).map((picture) => tile(picture, choices, () => worst));
  byId("worst").replaceChildren(...(made.length ? made : [element("li", { class: "note" }, "No image was measured.")]));
}

function confusedPair({ truth, predicted, share, pixels }) {
  return element("li", {}, element("button", {
    type: "button", onclick: () => showClass(truth, { sort: "miou", reversed: false, layer: "prediction" }),
  },
  element("span", { class: "pair-names" }, classLabel(truth), element("span", { class: "more" }, " taken for "), classLabel(predicted)),
  element("span", { class: "bar-line fill-1" }, barDrawing(share, 0)),
  element("span", { class: "pair-value" }, percent(share), element("span", { class: "more" }, ` of its pixels, ${roughly(pixels)}`))));
}

function drawFailures() {
  drawWorst();
  byId("confused").replaceChildren(...(page.confused.length ? page.confused.map(confusedPair)
    : [element("li", { class: "note" }, "No pair was measured.")]));
}
