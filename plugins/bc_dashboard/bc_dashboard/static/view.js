// One market on the page: what is followed, and where its rows go.

import { Refused, get } from "./api.js";
import { choice, instead } from "./dom.js";
import { Feed } from "./live.js";
import { price, rebuilt, widths } from "./rebuilt.js";

export const TIMEFRAMES = ["1s", "1m", "5m", "15m", "1h", "4h", "1d"];
const BARS = 300;
const TRADES = 80;

/** Follows a market until it is stopped. `parts` are the panels; `told(name, state, error)` hears of every feed. */
export class View {
  constructor(market, timeframe, parts, told) {
    Object.assign(this, { market, timeframe, parts, told, tick: null });
    this.over = new AbortController();
    this.feeds = new Map();
    for (const part of [parts.chart, parts.tape, parts.ladder, parts.depth]) part.clear();
    this.trades();
    this.book();
  }

  stop() {
    this.over.abort();
    for (const feed of this.feeds.values()) feed.stop();
  }

  path(view) {
    return [`${this.market.prefix}${view}`, this.market.symbol];
  }

  follow(name, options) {
    this.feeds.get(name)?.stop();
    const told = (state, error) => this.told(name, state, error);
    this.feeds.set(name, new Feed({ symbol: this.market.symbol, told, ...options }));
  }

  trades() {
    const sections = [panel("chart"), panel("tape")];
    const held = this.market.kinds.has("trades");
    for (const each of sections) instead(each, held ? "" : `No trades of ${this.market.symbol} are stored.`);
    if (!held) return;
    const { tape } = this.parts;
    this.follow("trades", {
      view: this.path("trades")[0],
      every: 1000,
      load: async (signal) => tape.add((await get(["hot", ...this.path("trades")], { limit: TRADES, time: "us" }, { signal })).data),
      apply: (rows) => tape.add(rows),
    });
    this.candles();
  }

  candles() {
    const { chart } = this.parts;
    const timeframe = this.timeframe;
    this.follow("candles", {
      view: this.path("ohlcv")[0],
      parameters: { timeframe },
      load: async (signal) => chart.add((await get(this.path("ohlcv"), { timeframe, limit: BARS, time: "us" }, { signal })).data),
      apply: (rows) => chart.add(rows),
    });
  }

  /** Rows of bars before a time in seconds. */
  async older(time) {
    const { signal } = this.over;
    const range = { timeframe: this.timeframe, end_time: time * 1e6, limit: BARS, time: "us" };
    return (await get(this.path("ohlcv"), range, { signal })).data;
  }

  /** The book at the tick sizes that are stored; where only changes are, the book that follows from them. */
  async book() {
    const held = this.market.kinds.has("orderbook") || this.market.kinds.has("depth");
    for (const each of [panel("book"), panel("depth")]) instead(each, held ? "" : `No order books of ${this.market.symbol} are stored.`);
    if (!held) return;
    try {
      await this.findTicks();
    } catch (error) {
      if (!this.over.signal.aborted) this.told("book", "failed", error);
    }
    if (!this.over.signal.aborted) this.followBook();
  }

  async findTicks() {
    this.ticks = this.market.kinds.has("orderbook") ? await this.stored() : widths((await price(this.path("book"), this.over.signal)) ?? 1);
    this.tick = this.ticks[0] ?? null;
    this.offer();
  }

  /** The tick sizes of the newest snapshots. */
  async stored() {
    const asked = { columns: "timestamp,tick_size", limit: 200 };
    const { data } = await get(["hot", ...this.path("orderbook")], asked, { signal: this.over.signal });
    return [...new Set(data.map((each) => each.tick_size))].sort((one, other) => one - other);
  }

  offer() {
    const values = this.ticks.map((each) => [each, String(each)]);
    choice(document.getElementById("ticks"), "tick", values, this.tick, (value) => {
      this.tick = Number(value);
      this.parts.ladder.clear();
      this.parts.depth.clear();
      this.followBook();
    });
  }

  followBook() {
    const tick = this.tick;
    const show = (book) => {
      if (!book) return;
      this.parts.ladder.show(book);
      this.parts.depth.show(book);
    };
    if (!this.market.kinds.has("orderbook")) {
      const load = async (signal) => show(await rebuilt(this.path("book"), this.tick, signal));
      this.follow("book", { view: this.path("book")[0], push: false, load });
      return;
    }
    this.follow("book", {
      view: this.path("orderbook")[0],
      parameters: tick === null ? {} : { tick_size: tick },
      every: 1000,
      load: async (signal) => {
        if (this.tick === null) await this.findTicks();
        const asked = { tick_size: this.tick, limit: 1, time: "us" };
        show((await get(["hot", ...this.path("orderbook")], asked, { signal })).data.at(-1));
      },
      apply: (rows) => show(rows.at(-1)),
    });
  }

  setTimeframe(timeframe) {
    this.timeframe = timeframe;
    this.parts.chart.clear();
    if (this.feeds.has("candles")) this.candles();
  }
}

const panel = (name) => document.querySelector(`.panel.${name}`);

/** Whether an error says that a key is needed, or that this one is none. */
export const locked = (error) => error instanceof Refused && [401, 403].includes(error.status);
