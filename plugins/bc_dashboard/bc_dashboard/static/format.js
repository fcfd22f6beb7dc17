// Numbers and times as people read them. What is not known is a dash.

export const NOTHING = "–";
const made = new Map();

function formatter(digits, least = digits) {
  const key = `${digits}/${least}`;
  if (!made.has(key)) {
    made.set(key, new Intl.NumberFormat("en-US", { minimumFractionDigits: least, maximumFractionDigits: digits }));
  }
  return made.get(key);
}

const known = (value) => typeof value === "number" && Number.isFinite(value);

/** With exactly so many decimals, so that columns line up. */
export function fixed(value, digits = 0) {
  return known(value) ? formatter(digits).format(value) : NOTHING;
}

/** A number of any size in few characters, three digits of large ones: 1,234 and 12.3K and 4.56M. */
export function compact(value) {
  if (!known(value)) return NOTHING;
  const size = Math.abs(value);
  for (const [from, unit, letter] of [[1e12, 1e12, "T"], [1e9, 1e9, "B"], [1e6, 1e6, "M"], [1e4, 1e3, "K"]]) {
    if (size >= from) return formatter(3 - Math.floor(Math.log10(size / unit)) - 1, 0).format(value / unit) + letter;
  }
  return formatter(size >= 100 ? 0 : size >= 1 ? 1 : 2, 0).format(value);
}

export function percent(share, digits = 2) {
  return known(share) ? `${formatter(digits).format(share * 100)}%` : NOTHING;
}

/** With its sign, a plus too; what rounds to nothing has none. */
export function signed(text, value) {
  if (!/[1-9]/.test(text)) return text.replace("-", "");
  return value > 0 ? `+${text}` : text;
}

export function bytes(count) {
  if (!known(count)) return NOTHING;
  const units = ["B", "KB", "MB", "GB", "TB", "PB"];
  let left = count;
  while (left >= 1000 && units.length > 1) {
    left /= 1000;
    units.shift();
  }
  return `${formatter(units[0] === "B" || left >= 100 ? 0 : 1).format(left)} ${units[0]}`;
}

/** Seconds as 320 ms, 4.2 s, 3 min, 5 h, 12 days. */
export function duration(seconds) {
  if (!known(seconds)) return NOTHING;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  for (const [unit, name, most] of [[1, "s", 120], [60, "min", 120], [3600, "h", 48]]) {
    if (seconds < unit * most) return `${Math.round(seconds / unit)} ${name}`;
  }
  return `${formatter(0).format(Math.round(seconds / 86400))} days`;
}

/** How many decimals the numbers are written with; the exchange's own, as floats hold them. */
export function decimals(values, most = 8) {
  let found = 0;
  for (const value of values) {
    const [digits, power] = String(value).split("e");
    const shown = Math.max((digits.split(".")[1] ?? "").length - Number(power ?? 0), 0);
    found = Math.max(found, shown);
  }
  return Math.min(found, most);
}

/** An instant of the API, int us or ISO 8601, as ms. */
export function instant(value) {
  return typeof value === "number" ? value / 1000 : Date.parse(value);
}

const two = (number) => String(number).padStart(2, "0");

export function clock(ms) {
  const at = new Date(ms);
  return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
}

export function day(ms) {
  return new Date(ms).toISOString().slice(0, 10);
}
