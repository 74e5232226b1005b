// Which pictures are shown, and in which order.

const SORTS = {
  miou: { name: "mIoU, worst first", of: (picture, at) => at?.miou, upwards: true },
  score: {
    name: "highest region score",
    of: (picture, at) => (scoresOf(at?.queried).length ? Math.max(...scoresOf(at.queried)) : null),
  },
  uncertainty: { name: "uncertainty", of: (picture, at) => at?.uncertainty },
  name: { name: "name", of: (picture) => picture.name, upwards: true },
};

/** By a number or a name; pictures without one come last in either order. */
function compareValues(a, b, upwards) {
  const [noA, noB] = [a ?? null, b ?? null].map((one) => one === null);
  if (noA || noB) return noA - noB;
  const order = typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
  return upwards ? order : -order;
}

/** The pictures that pass all filters, in order. */
function matchingPictures({ cycle, sort, reversed, split, class: index, search }) {
  const part = search.trim().toLocaleLowerCase();
  const { of, upwards = false } = SORTS[sort];
  return page.pictures
    .filter(
      (picture) =>
        (!split || picture.split === split) &&
        (index === "" || picture.classes.includes(Number(index))) &&
        picture.name.toLocaleLowerCase().includes(part),
    )
    .map((picture) => ({ picture, value: of(picture, resultOf(picture, cycle)) }))
    .sort((a, b) => compareValues(a.value, b.value, upwards !== reversed))
    .map(({ picture }) => picture);
}
