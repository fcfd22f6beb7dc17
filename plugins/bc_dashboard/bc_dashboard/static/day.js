// The head of the page: the last price, and the 24 hours up to it, or as much of them as is stored.

import { get } from "./api.js";
import { byId, say } from "./dom.js";
import { compact, decimals, duration, fixed, instant, percent, signed } from "./format.js";

const HOUR = 3_600_000;
const WHOLE = 24 * HOUR;
const FACTS = ["change", "high", "low", "volume"];

export class Day {
  constructor() {
    this.clear();
  }

  clear() {
    this.bars = [];
    this.last = null;
    this.prices = []; // the ends of what was traded since the bars were asked for
    this.time = 0;
    this.since = null;
    this.digits = 2;
    for (const each of FACTS) say(byId(`day-${each}`), "–");
    this.label("24h");
    say(byId("last-price"), "–");
    byId("last").className = "last";
  }

  /** The newest trade, the newest before it, and all that are new. */
  price(trade, before, trades) {
    this.last = trade.price;
    this.prices.push(Math.max(...trades.map((each) => each.price)), Math.min(...trades.map((each) => each.price)));
    this.time = Math.max(this.time, instant(trade.timestamp));
    this.digits = Math.max(this.digits, decimals([trade.price]));
    say(byId("last-price"), fixed(trade.price, this.digits));
    if (before && before.price !== trade.price) byId("last").className = `last ${trade.price > before.price ? "up" : "down"}`;
    this.show();
  }

  async load({ prefix, symbol }) {
    const asked = { timeframe: "1h", limit: 24, time: "us", columns: "timestamp,open,high,low,volume,quote_volume" };
    this.prices = this.last === null ? [] : [this.last];
    const { data } = await get([`${prefix}ohlcv`, symbol], asked);
    const newest = data.length ? instant(data.at(-1).timestamp) : 0;
    const bars = data.filter((each) => instant(each.timestamp) > newest - WHOLE);
    const since = bars.length ? await this.first(prefix, symbol, bars[0].timestamp) : null;
    this.bars = bars;
    this.since = since;
    this.show();
  }

  /** When the first trade of these bars was: what is stored may begin within one. */
  async first(prefix, symbol, start) {
    const asked = { start_time: start, limit: 1, time: "us", columns: "timestamp" };
    const { data } = await get([`${prefix}trades`, symbol], asked);
    return data.length ? instant(data[0].timestamp) : null;
  }

  /** The facts are of that long. */
  label(span, title = "") {
    byId("day").title = title;
    for (const each of FACTS) say(byId(`day-${each}`).previousElementSibling, `${span} ${each}`);
  }

  /** The bars begin with an hour, so that of a whole day up to one may be missing. */
  spanned() {
    const held = this.since === null ? WHOLE : this.time - this.since;
    if (held > WHOLE - HOUR) return this.label("24h");
    const span = duration(Math.max(held, 1000) / 1000);
    return this.label(span, `Of the last 24 hours no more than ${span} are stored`);
  }

  show() {
    if (!this.bars.length || this.last === null) return;
    this.spanned();
    const change = this.last / this.bars[0].open - 1;
    const element = byId("day-change");
    say(element, signed(percent(change), change));
    element.className = change < 0 ? "down" : "up";
    say(byId("day-high"), fixed(Math.max(...this.prices, ...this.bars.map((each) => each.high)), this.digits));
    say(byId("day-low"), fixed(Math.min(...this.prices, ...this.bars.map((each) => each.low)), this.digits));
    say(byId("day-volume"), compact(this.bars.reduce((total, each) => total + each.volume, 0)));
  }
}
