// Numbers for people; what is missing is said so, and never shown as zero.

const MISSING = "–";
const NOT_MEASURED = "not measured";

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/** 0.138 -> "13.8 %" */
function percent(share, digits = 1) {
  return isNumber(share) ? `${(100 * share).toFixed(digits)}\u00a0%` : NOT_MEASURED;
}

/** "54.2 ± 0.6 %", or without a spread where there is one run alone. */
function percentAndSpread(share, std) {
  if (!isNumber(share)) return NOT_MEASURED;
  return isNumber(std)
    ? `${(100 * share).toFixed(1)} ± ${(100 * std).toFixed(1)}\u00a0%`
    : percent(share);
}

/** A share of labels: two digits at most. */
function labelShare(share) {
  return isNumber(share) ? `${Number((100 * share).toFixed(2))}\u00a0%` : NOT_MEASURED;
}

/** A number for a table's cell: "54.2", or a dash that says what it means. */
function cellPercent(share, digits = 1) {
  return isNumber(share) ? (100 * share).toFixed(digits) : missing();
}

function missing() {
  return element(
    "span",
    { class: "none", title: NOT_MEASURED },
    element("span", { "aria-hidden": "true" }, MISSING),
    element("span", { class: "unseen" }, NOT_MEASURED),
  );
}

const counted = new Intl.NumberFormat("en-GB");
const count = (number) => (isNumber(number) ? counted.format(number) : NOT_MEASURED);

/** 1234567 -> "1.23 million" */
function roughly(number) {
  for (const [unit, name] of [
    [1e9, "billion"],
    [1e6, "million"],
  ]) {
    if (number >= unit) return `${Number((number / unit).toPrecision(3))} ${name}`;
  }
  return count(number);
}

const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

function duration(seconds) {
  if (!isNumber(seconds)) return NOT_MEASURED;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** ISO 8601 as a date and time, or as it is where it is none. */
function moment(text) {
  const when = new Date(text);
  if (Number.isNaN(when.getTime())) return text || "not known";
  return when.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

/** A measured number of any size, short. */
function short(number) {
  if (!isNumber(number)) return NOT_MEASURED;
  if (number !== 0 && (Math.abs(number) < 1e-3 || Math.abs(number) >= 1e5))
    return number.toExponential(1);
  return String(Number(number.toPrecision(3)));
}
