// The candlestick chart with volume: Lightweight Charts draws, we say what and let the keyboard in.

import { candle, holed, merged } from "./candles.js";
import { byId, drawing, say } from "./dom.js";
import { clock, compact, day, decimals, fixed, percent, signed } from "./format.js";
import { faded } from "./theme.js";

const EARLY = 30; // bars left of what is shown: fewer, and older ones are asked for
const WIDTH = 7; // px of a bar at first

export class Chart {
  /** `older(time)` is asked for bars before a time in seconds, and gives a promise of rows. */
  constructor(colours, older) {
    const { createChart, CandlestickSeries, HistogramSeries, CrosshairMode } = LightweightCharts;
    this.box = byId("chart");
    this.digits = 2;
    this.older = older;
    this.chart = createChart(this.box, {
      autoSize: true,
      crosshair: { mode: CrosshairMode.Normal },
      layout: { attributionLogo: false, fontSize: 11 },
      localization: { priceFormatter: (price) => fixed(price, this.digits) },
      timeScale: { timeVisible: true, rightOffset: 6, minBarSpacing: 1 },
    });
    this.candles = this.chart.addSeries(CandlestickSeries, { borderVisible: true });
    this.box.querySelector("table")?.setAttribute("role", "presentation"); // how the library arranges its canvases
    this.volume = this.chart.addSeries(HistogramSeries, { priceScaleId: "", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false });
    this.candles.priceScale().applyOptions({ scaleMargins: { top: 0.08, bottom: 0.26 } });
    this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.8, bottom: 0 } });
    this.chart.subscribeCrosshairMove((event) => this.crossed(event));
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => this.moved(range));
    this.box.addEventListener("keydown", (event) => this.keyed(event));
    this.box.addEventListener("blur", () => this.unpoint());
    byId("newest").addEventListener("click", () => this.chart.timeScale().scrollToRealTime());
    this.draw = drawing(() => this.drawn());
    this.paint(colours);
    this.clear();
  }

  clear() {
    this.bars = [];
    this.dirty = null; // the first bar that is not drawn as it is
    this.pointed = null;
    this.held = false;
    this.wants = false;
    this.ended = false;
    this.fresh = true;
    this.candles.setData([]);
    this.volume.setData([]);
    say(byId("legend"), "");
  }

  paint(colours) {
    this.colours = colours;
    const { text, muted, line, up, down } = colours;
    this.chart.applyOptions({
      layout: { background: { color: "transparent" }, textColor: muted, fontFamily: getComputedStyle(document.body).fontFamily },
      grid: { vertLines: { color: faded(line, 0.5) }, horzLines: { color: faded(line, 0.5) } },
      rightPriceScale: { borderVisible: false },
      timeScale: { borderColor: line },
      crosshair: { vertLine: { color: muted, labelBackgroundColor: text }, horzLine: { color: muted, labelBackgroundColor: text } },
    });
    this.candles.applyOptions({ upColor: up, downColor: down, borderUpColor: up, borderDownColor: down, wickUpColor: up, wickDownColor: down });
    if (this.bars?.length) this.redraw();
  }

  /** Rows of `ohlcv`; replaces bars of the same time. `whole`: they are all that there is to show at first. */
  add(rows, whole = false) {
    const fresh = rows.map(candle);
    if (!fresh.length) return;
    const before = this.bars.length;
    this.bars = merged(this.bars, fresh);
    const from = Math.min(fresh[0].time, this.bars[Math.max(before - 1, 0)].time);
    this.dirty = this.dirty === null ? from : Math.min(this.dirty, from);
    if (whole) this.dirty = -Infinity;
    this.draw();
  }

  drawn() {
    if (this.dirty === null || !this.bars.length) return;
    const first = this.bars.findLastIndex((each) => each.time <= this.dirty);
    if (first < this.bars.length - 3 || this.fresh) this.redraw();
    else for (let number = Math.max(first, 0); number < this.bars.length; number += 1) this.update(number);
    this.dirty = null;
    if (this.held) this.hold();
    this.legend();
  }

  redraw() {
    const digits = decimals(this.bars.slice(-200).flatMap((each) => [each.open, each.high, each.low, each.close]));
    this.digits = Math.max(digits, 2);
    this.candles.applyOptions({ priceFormat: { type: "price", precision: this.digits, minMove: 10 ** -this.digits } });
    this.candles.setData(this.bars.map((_, number) => this.shown(number)));
    this.volume.setData(this.bars.map((_, number) => this.shownVolume(number)));
    if (this.fresh) this.chart.timeScale().setVisibleLogicalRange({ from: this.bars.length - Math.round(this.box.clientWidth / WIDTH), to: this.bars.length + 5 });
    this.fresh = false;
    this.newest = this.bars.at(-1).time;
  }

  update(number) {
    const again = this.bars[number].time < this.newest; // the chart wants to be told of bars that are not its last
    this.candles.update(this.shown(number), again);
    this.volume.update(this.shownVolume(number), again);
    this.newest = Math.max(this.newest, this.bars[number].time);
  }

  /** A bar that lacks trades is shown faintly: its numbers are not the exchange's. */
  shown(number) {
    const { row, ...bar } = this.bars[number];
    if (!holed(this.bars, number)) return bar;
    const colour = faded(bar.close >= bar.open ? this.colours.up : this.colours.down, 0.45);
    return { ...bar, color: "transparent", borderColor: colour, wickColor: colour };
  }

  shownVolume(number) {
    const { time, open, close, row } = this.bars[number];
    return { time, value: row.volume, color: faded(close >= open ? this.colours.up : this.colours.down, 0.38) };
  }

  async moved(range) {
    if (!range || this.fresh || !this.bars.length) return;
    byId("newest").hidden = range.to >= this.bars.length - 1;
    if (range.from > EARLY || this.wants || this.ended) return;
    this.wants = true;
    const bars = this.bars;
    try {
      const rows = await this.older(bars[0].time);
      if (this.bars.length && this.bars[0].time === bars[0].time) {
        this.ended = !rows.length;
        this.add(rows, true);
      }
    } catch {
      // the connection's own state is shown; the next move asks again
    } finally {
      this.wants = false;
    }
  }

  /** The crosshair stands still while bars move below it. At a bar that the keyboard chose it is held. */
  crossed(event) {
    if (event.sourceEvent) this.held = false;
    if (!this.held) this.point(event.time ?? null);
  }

  point(time) {
    this.pointed = time;
    this.legend();
  }

  unpoint() {
    this.held = false;
    this.chart.clearCrosshairPosition();
    this.point(null);
  }

  legend() {
    const found = this.pointed === null ? -1 : this.bars.findIndex((each) => each.time === this.pointed);
    const number = found < 0 ? this.bars.length - 1 : found;
    const bar = this.bars[number];
    if (!bar) return;
    const { open, high, low, close, time, row } = bar;
    const legend = byId("legend");
    const change = close / open - 1;
    const parts = [
      ["", `${day(time * 1000)} ${clock(time * 1000).slice(0, 8)}`],
      ...[["O", open], ["H", high], ["L", low], ["C", close]].map(([name, price]) => [name, fixed(price, this.digits)]),
      ["", signed(percent(change), change), change < 0 ? "down" : "up"],
      ["Vol", compact(row.volume)],
      ["Trades", compact(row.trade_count)],
      ...(holed(this.bars, number) ? [["", "trades missing", "warn"]] : []),
    ];
    while (legend.children.length < parts.length) legend.append(document.createElement("span"));
    while (legend.children.length > parts.length) legend.lastElementChild.remove();
    parts.forEach(([name, value, tone = ""], each) => {
      const span = legend.children[each];
      span.className = tone;
      say(span, name ? `${name} ${value}` : value);
    });
  }

  /** Arrows go from bar to bar, plus and minus zoom, Home and End go to the oldest and the newest. */
  keyed(event) {
    const scale = this.chart.timeScale();
    const zoom = (by) => scale.applyOptions({ barSpacing: Math.min(Math.max(scale.options().barSpacing * by, 1), 60) });
    const keys = {
      ArrowLeft: () => this.step(-1),
      ArrowRight: () => this.step(1),
      PageUp: () => this.step(-20),
      PageDown: () => this.step(20),
      "+": () => zoom(1.25),
      "=": () => zoom(1.25),
      "-": () => zoom(0.8),
      Home: () => this.step(-Infinity),
      End: () => (scale.scrollToRealTime(), this.unpoint()),
      Escape: () => this.unpoint(),
    };
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey || !this.bars.length) return;
    event.preventDefault();
    byId("legend").setAttribute("aria-live", "polite"); // only who uses the keyboard is told
    keys[event.key]();
  }

  step(by) {
    const at = this.pointed === null ? this.bars.length : this.bars.findIndex((each) => each.time === this.pointed);
    const number = Math.min(Math.max(at + by, 0), this.bars.length - 1);
    const bar = this.bars[number];
    const scale = this.chart.timeScale();
    const { from, to } = scale.getVisibleLogicalRange();
    const shift = number < from + 1 ? number - from - 1 : number > to - 1 ? number - to + 1 : 0;
    if (shift) scale.setVisibleLogicalRange({ from: from + shift, to: to + shift });
    this.point(bar.time);
    this.hold();
  }

  hold() {
    const bar = this.bars.find((each) => each.time === this.pointed);
    this.held = Boolean(bar);
    if (bar) this.chart.setCrosshairPosition(bar.close, bar.time, this.candles);
  }
}
