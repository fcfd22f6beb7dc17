// Bars as the chart takes them: what came over REST and live, merged by time.

import { instant } from "./format.js";

/** A row of `ohlcv` as a candle; `time` in seconds, `row` as it came. */
export function candle(row) {
  const { open, high, low, close } = row;
  return { time: Math.floor(instant(row.timestamp) / 1000), open, high, low, close, row };
}

/** Bars in order of time, each once: those of `fresh` replace those of `held`. */
export function merged(held, fresh) {
  if (!held.length || fresh[0]?.time > held.at(-1).time) return [...held, ...fresh];
  const by = new Map([...held, ...fresh].map((each) => [each.time, each]));
  return [...by.values()].sort((one, other) => one.time - other.time);
}

/** A bar in which a trade is missing; the newest is only not over yet. */
export function holed(bars, number) {
  return bars[number].row.complete === false && number < bars.length - 1;
}
