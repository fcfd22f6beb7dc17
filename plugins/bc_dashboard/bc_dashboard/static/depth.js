// The depth chart: what could be sold and bought down and up to a price. Buckets are of one width, so that an axis that
// counts them is one of prices.

import { levels } from "./ladder.js";
import { byId, drawing, say } from "./dom.js";
import { compact, decimals, fixed } from "./format.js";
import { faded } from "./theme.js";

const MOST = 1200; // points: with more, several ticks share one

/** A total at every multiple of `step` from the best bucket outwards (`way` is -1 or 1): it holds until the next level. */
export function steps(side, step, way) {
  const place = (level) => Math.round(level.price / step);
  const found = [];
  side.forEach((level, number) => {
    const until = number + 1 < side.length ? place(side[number + 1]) : place(level) + way;
    for (let at = place(level); (until - at) * way > 0; at += way) found.push({ time: at * step, value: level.total });
  });
  return found;
}

/** Nothing, at every multiple of `step` between the sides. */
function between(bid, ask, step) {
  const found = [];
  for (let at = Math.round(bid.price / step) + 1; at < Math.round(ask.price / step); at += 1) found.push({ time: at * step });
  return found;
}

export class Depth {
  constructor(colours) {
    const { createOptionsChart, AreaSeries, LineType } = LightweightCharts;
    this.chart = createOptionsChart(byId("depth"), {
      autoSize: true,
      handleScroll: false,
      handleScale: false,
      crosshair: { horzLine: { visible: false, labelVisible: false } },
      layout: { attributionLogo: false, fontSize: 11 },
    });
    const series = { lineType: LineType.WithSteps, lineWidth: 2, priceLineVisible: false, lastValueVisible: false };
    this.sides = { bid: this.chart.addSeries(AreaSeries, series), ask: this.chart.addSeries(AreaSeries, series) };
    this.chart.subscribeCrosshairMove((event) => this.point(event));
    this.draw = drawing(() => this.drawn());
    this.paint(colours);
    this.clear();
  }

  clear() {
    this.book = null;
    for (const side of Object.values(this.sides)) side.setData([]);
    say(byId("depth-note"), "");
  }

  paint(colours) {
    this.chart.applyOptions({
      layout: { background: { color: "transparent" }, textColor: colours.muted, fontFamily: getComputedStyle(document.body).fontFamily },
      grid: { vertLines: { visible: false }, horzLines: { color: faded(colours.line, 0.6) } },
      rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.08, bottom: 0 } },
      timeScale: { borderColor: colours.line },
    });
    for (const [side, colour] of [["bid", colours.up], ["ask", colours.down]]) {
      this.sides[side].applyOptions({ lineColor: colour, topColor: faded(colour, 0.32), bottomColor: faded(colour, 0.06) });
    }
  }

  show(book) {
    this.book = book;
    this.draw();
  }

  drawn() {
    const { book } = this;
    if (!book) return;
    const [bids, asks] = [levels(book, "bid"), levels(book, "ask")];
    if (!bids.length || !asks.length) return this.clear();
    const step = book.tick_size * Math.max(Math.ceil((asks.at(-1).price - bids.at(-1).price) / book.tick_size / MOST), 1);
    const digits = decimals([book.tick_size]);
    this.chart.applyOptions({ localization: { precision: digits } });
    this.sides.bid.setData([...steps(bids, step, -1).reverse(), ...between(bids[0], asks[0], step)]);
    const beyond = { time: (Math.round(asks.at(-1).price / step) + 1) * step, value: asks.at(-1).total }; // the last has width too
    this.sides.ask.setData([...steps(asks, step, 1), beyond]);
    this.chart.timeScale().fitContent();
    this.totals = `Bids ${compact(bids.at(-1).total)} · Asks ${compact(asks.at(-1).total)}`;
    if (!this.pointed) say(byId("depth-note"), this.totals);
    const span = `${fixed(bids.at(-1).price, digits)} to ${fixed(asks.at(-1).price, digits)}`;
    byId("depth").setAttribute("aria-label", `Order book depth from ${span}. ${this.totals}`);
  }

  point(event) {
    const [bid, ask] = [this.sides.bid, this.sides.ask].map((each) => event.seriesData?.get(each)?.value);
    this.pointed = event.time !== undefined && (bid ?? ask) !== undefined;
    if (!this.book) return;
    const price = fixed(event.time, decimals([this.book.tick_size]));
    say(byId("depth-note"), this.pointed ? `${bid !== undefined ? "Bids" : "Asks"} to ${price}: ${compact(bid ?? ask)}` : (this.totals ?? ""));
  }
}
