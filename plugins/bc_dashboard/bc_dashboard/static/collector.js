// The panel of the collector: lag, rows, gaps, reconnects, disk, and the series of the market.

import { byId, row, say } from "./dom.js";
import { NOTHING, bytes, compact, duration, percent } from "./format.js";
import { chosen } from "./health.js";

const sum = (values) => values.reduce((total, each) => total + (each ?? 0), 0);

export class CollectorPanel {
  /** `told` is what /collectors says, `stats` what /stats says, both of everything; `market` is what is shown. */
  show(told, stats, market) {
    const collector = chosen(told.collectors, `${market.prefix}trades/${market.symbol}`);
    this.note(told, collector);
    const running = collector?.state === "running" ? collector : null;
    this.facts(running, stats);
    this.series(running, stats, market);
  }

  note(told, collector) {
    const states = { running: "running", silent: "silent", dead: "dead", unreadable: "unreadable" };
    const note = byId("collector-note");
    const up = collector?.series ? `, up ${duration((collector.written - collector.started) / 1e6)}` : "";
    say(note, !told.seen ? "not seen from here" : collector ? states[collector.state] + (collector.state === "running" ? up : "") : "none running");
    note.dataset.state = collector?.state ?? "none";
  }

  facts(collector, stats) {
    const series = collector?.series ?? [];
    const lags = series.map((each) => each.lag).filter((each) => each !== null);
    const exchanges = collector?.exchanges ?? [];
    const disk = [...(collector?.disks ?? [])].sort((one, other) => one.free - other.free)[0];
    const gaps = collector ? sum(series.map((each) => each.gaps)) : sum(Object.values(stats).flatMap((each) => Object.values(each).map((one) => one.gaps)));
    fact("lag", lags.length ? duration(Math.max(...lags)) : NOTHING, Math.max(0, ...lags) > 30);
    fact("rate", collector ? compact(sum(series.map((each) => each.rate_10s))) : NOTHING);
    fact("gaps", compact(gaps), gaps > 0);
    fact("reconnects", collector ? compact(sum(exchanges.map((each) => each.reconnects))) : NOTHING);
    fact("disk", disk ? bytes(disk.free) : NOTHING, disk?.low);
    say(byId("fact-disk-name"), disk?.days_left ? `Disk, ${compact(Math.floor(disk.days_left))} days` : "Disk free");
    const weighed = exchanges.find((each) => each.weight_limit);
    const fresh = weighed && collector.written - weighed.weight_at < 60e6;
    fact("weight", weighed ? percent(fresh ? weighed.weight_used / weighed.weight_limit : 0, 0) : NOTHING);
  }

  series(collector, stats, market) {
    const body = byId("series");
    const held = (name) => stats[name][market.symbol] && name.startsWith(market.prefix) && !name.endsWith("_gaps");
    const shown = Object.keys(stats).filter(held).sort();
    while (body.rows.length < shown.length) body.append(row(5));
    while (body.rows.length > shown.length) body.lastElementChild.remove();
    shown.forEach((name, number) => {
      const facts = stats[name][market.symbol];
      const line = collector?.series.find((each) => each.name === `${name}/${market.symbol}`);
      const gaps = line?.gaps ?? facts.gaps;
      const cells = [name, compact(facts.rows), line ? compact(line.rate_10s) : NOTHING, bytes(facts.bytes), gaps === null ? NOTHING : compact(gaps)];
      cells.forEach((text, each) => say(body.rows[number].cells[each], text));
      body.rows[number].cells[4].className = gaps > 0 ? "warn" : "";
    });
  }
}

function fact(name, text, bad = false) {
  const element = byId(`fact-${name}`);
  say(element, text);
  element.classList.toggle("warn", Boolean(bad));
}
