// The page: which market is shown, what its server and its collector say, and what becomes of it when they do not.

import { Refused, Unreachable, get, key } from "./api.js";
import { Ask } from "./ask.js";
import { Chart } from "./chart.js";
import { CollectorPanel } from "./collector.js";
import { Day } from "./day.js";
import { Depth } from "./depth.js";
import { byId, choice, say } from "./dom.js";
import { clock } from "./format.js";
import { complaint } from "./health.js";
import { Ladder } from "./ladder.js";
import { markets, wish, wished } from "./markets.js";
import { Status } from "./status.js";
import { Tape } from "./tape.js";
import { colours, switching } from "./theme.js";
import { TIMEFRAMES, View, locked } from "./view.js";

const EVERY = 2000; // between two looks at the server and the collector
const SELDOM = 5; // looks after which what costs more is asked for
const LONGEST = 15_000; // between two tries while nobody answers

class Dashboard {
  constructor() {
    this.known = [];
    this.view = null;
    this.feeds = new Map();
    this.tries = 0;
    this.looks = 0;
    this.facts = { told: null, stats: {} };
    this.timeframe = TIMEFRAMES.includes(wished().timeframe) ? wished().timeframe : "1m";
    const painted = colours();
    this.day = new Day();
    this.chart = new Chart(painted, (time) => this.view.older(time));
    this.depth = new Depth(painted);
    this.parts = { chart: this.chart, depth: this.depth, ladder: new Ladder(), tape: new Tape((...told) => this.day.price(...told)) };
    this.panel = new CollectorPanel();
    this.status = new Status(() => this.again());
    this.ask = new Ask(() => this.restart());
    switching(byId("theme"), () => [this.chart, this.depth].forEach((each) => each.paint(colours())));
    byId("market").addEventListener("change", (event) => this.choose(event.target.value));
    choice(byId("timeframes"), "timeframe", TIMEFRAMES.map((each) => [each, each]), this.timeframe, (value) => this.setTimeframe(value));
    addEventListener("online", () => this.again());
    document.addEventListener("visibilitychange", () => document.hidden || this.again());
    setInterval(() => say(byId("clock"), clock(Date.now())), 1000);
    this.look();
  }

  /** One look after the other, for as long as the page is there. */
  async look() {
    clearTimeout(this.timer);
    if (this.looking) return;
    this.looking = true;
    try {
      await this.looked();
      this.back();
    } catch (error) {
      this.missed(error);
    } finally {
      this.looking = false;
    }
    if (this.lock) return; // until there is another key
    const wait = this.tries ? Math.min(1000 * 2 ** (this.tries - 1), LONGEST) : EVERY;
    this.timer = setTimeout(() => this.look(), wait);
  }

  async looked() {
    const often = this.looks % SELDOM === 0 || !this.view;
    const [told, found, stats] = await Promise.all([get(["collectors"]), often ? markets() : this.known, often ? get(["stats"]) : this.facts.stats]);
    this.offer(found);
    const { market } = this.view ?? {};
    if (often && market?.kinds.has("trades")) await this.day.load(market);
    this.facts = { told, stats };
    if (market) this.panel.show(told, stats, market);
    this.looks += 1;
  }

  /** The markets that there are; shows the one that is wished for, or the first. */
  offer(found) {
    const same = found.map((each) => each.id + [...each.kinds]).join() === this.known.map((each) => each.id + [...each.kinds]).join();
    byId("empty").hidden = found.length > 0;
    byId("board").classList.toggle("bare", !found.length);
    if (same) return;
    this.known = found;
    const select = byId("market");
    const id = this.view?.market.id ?? wished().market;
    select.replaceChildren(...found.map((each) => new Option(each.label, each.id)));
    select.disabled = !found.length;
    const market = found.find((each) => each.id === id) ?? found[0];
    if (market) select.value = market.id;
    const shown = this.view?.market;
    if (market && (market.id !== shown?.id || market.kinds.size !== shown.kinds.size)) this.show(market);
  }

  choose(id) {
    const market = this.known.find((each) => each.id === id);
    if (market) this.show(market);
    this.looks = 0;
    this.look();
  }

  show(market) {
    this.view?.stop();
    this.feeds.clear();
    this.day.clear();
    document.title = `${market.label} · bcore`;
    say(byId("chart-name"), market.label);
    wish(market.id, this.timeframe);
    this.view = new View(market, this.timeframe, this.parts, (name, state, error) => this.fed(name, state, error));
  }

  setTimeframe(timeframe) {
    this.timeframe = timeframe;
    if (!this.view) return;
    wish(this.view.market.id, timeframe);
    this.view.setTimeframe(timeframe);
  }

  fed(name, state, error) {
    this.feeds.set(name, state);
    if (locked(error)) this.missed(error);
    else if (error instanceof Unreachable && !this.tries) this.look();
    else if (error instanceof Refused) this.refusal = error.message;
    this.tell();
  }

  back() {
    const lost = this.tries > 0;
    this.tries = 0;
    this.lock = false;
    byId("key").hidden = !key.get();
    if (lost && this.view) this.show(this.view.market); // whatever was missed meanwhile is loaded anew
    this.tell();
  }

  missed(error) {
    if (locked(error)) {
      this.lock = true;
      this.ask.open(key.get() ? "This key is not known to the server." : "");
    } else if (error instanceof Refused) {
      this.refusal = error.message;
    } else {
      this.tries += 1;
      if (!(error instanceof Unreachable)) console.error(error);
    }
    this.tell();
  }

  /** Looks at once. */
  again() {
    this.looks = 0;
    this.look();
  }

  restart() {
    this.view?.stop();
    this.view = null;
    this.known = [];
    this.again();
  }

  tell() {
    const { told, stats } = this.facts;
    if (this.lock) return this.status.show("locked");
    if (this.tries) return this.status.show("lost", "The server does not answer. What is shown is what came last; this page goes on by itself as soon as it answers.", true);
    if (!told) return this.status.show("connecting");
    if (!this.known.length) return this.status.show("empty");
    const { prefix, symbol, kinds } = this.view.market;
    const dataset = prefix + (kinds.has("trades") ? "trades" : [...kinds][0]);
    const newest = Date.parse(stats[dataset]?.[symbol]?.end);
    const sentence = complaint(told, newest, `${dataset}/${symbol}`);
    if (sentence) return this.status.show("stale", sentence);
    const states = [...this.feeds.values()];
    if (states.includes("failed") && this.refusal) return this.status.show("refused", this.refusal);
    if (states.length && states.every((each) => each === "live")) return this.status.show("live");
    return this.status.show(states.includes("polling") ? "polling" : "connecting");
  }
}

if (globalThis.LightweightCharts) globalThis.dashboard = new Dashboard(); // where the console finds it
else new Status(() => location.reload()).show("refused", "The server lacks the charting library of this page: pip install litecharts there.", true);
