// What is to be said of the archive's collectors: nothing while all is well.

import { duration } from "./format.js";

const LATE = 30; // seconds behind the exchange that are worth a word
const OLD = 60_000; // ms without a row, where nobody is seen to collect

/** The collector to show: one that runs before one that does not, one that has this series before one that has not. */
export function chosen(collectors, name) {
  const weight = (each) =>
    (each.state === "running" ? 4 : 0) + (each.series?.some((series) => series.name === name) ? 2 : 0) + (each.series ? 1 : 0);
  return [...collectors].sort((one, other) => weight(other) - weight(one))[0];
}

/** A sentence on why what is shown is not the present, or "". `newest` is the time of the newest row, in ms. */
export function complaint({ seen, collectors, now }, newest, name) {
  const age = now / 1000 - newest;
  const old = age > OLD ? `The newest row is ${duration(age / 1000)} old` : "";
  if (!seen) return old && `${old}.`;
  const collector = chosen(collectors, name);
  if (!collector) return old && `${old}, and no collector is running. Start one: bcore run`;
  if (collector.state === "unreadable") return old && `${old}, and the collector's heartbeat cannot be read.`;
  if (collector.state === "dead") return `The collector ended ${duration(collector.age)} ago without a clean stop. Start it again: bcore run`;
  if (collector.state === "silent") return `The collector has not been heard of for ${duration(collector.age)}.`;
  return working(collector, now, name) || (old && !collector.series.some((each) => each.name === name) ? `${old}, and nothing collects it now.` : "");
}

function working(collector, now, name) {
  const series = collector.series.find((each) => each.name === name);
  for (const source of collector.sources) {
    const since = duration((now - source.since) / 1e6);
    if (source.state === "stopped") return `The source ${source.name} stopped ${since} ago.`;
    if (source.state === "failing") return `The source ${source.name} has been failing for ${since}: ${source.reason}`;
  }
  if (series?.lag > LATE) return `The collector is ${duration(series.lag)} behind the exchange.`;
  return "";
}
