// The head of the page: the last price, and the 24 hours up to it.

import { get } from "./api.js";
import { byId, say } from "./dom.js";
import { compact, decimals, fixed, instant, percent, signed } from "./format.js";

const HOUR = 3_600_000;

export class Day {
  constructor() {
    this.clear();
  }

  clear() {
    this.bars = [];
    this.last = null;
    this.digits = 2;
    for (const each of ["change", "high", "low", "volume"]) say(byId(`day-${each}`), "–");
    say(byId("last-price"), "–");
    byId("last").className = "last";
  }

  /** The newest trade, and the one before it. */
  price(trade, before) {
    this.last = trade.price;
    this.digits = Math.max(this.digits, decimals([trade.price]));
    say(byId("last-price"), fixed(trade.price, this.digits));
    if (before && before.price !== trade.price) byId("last").className = `last ${trade.price > before.price ? "up" : "down"}`;
    this.show();
  }

  async load({ prefix, symbol }) {
    const asked = { timeframe: "1h", limit: 24, time: "us", columns: "timestamp,open,high,low,volume,quote_volume" };
    const { data } = await get([`${prefix}ohlcv`, symbol], asked);
    const newest = data.length ? instant(data.at(-1).timestamp) : 0;
    this.bars = data.filter((each) => instant(each.timestamp) > newest - 24 * HOUR);
    this.show();
  }

  show() {
    if (!this.bars.length || this.last === null) return;
    const change = this.last / this.bars[0].open - 1;
    const element = byId("day-change");
    say(element, signed(percent(change), change));
    element.className = change < 0 ? "down" : "up";
    say(byId("day-high"), fixed(Math.max(this.last, ...this.bars.map((each) => each.high)), this.digits));
    say(byId("day-low"), fixed(Math.min(this.last, ...this.bars.map((each) => each.low)), this.digits));
    say(byId("day-volume"), compact(this.bars.reduce((total, each) => total + each.volume, 0)));
  }
}
