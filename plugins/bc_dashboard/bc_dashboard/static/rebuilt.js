// Where only the changes of books are stored: the book that the server rebuilds of them, in the shape of a snapshot.

import { get } from "./api.js";

const LEVELS = 15;
const SIDES = ["bid", "ask"];

/** Four bucket widths for a price: 1, 5, 10, 50, ... from a ten-thousandth of it on. */
export function widths(price) {
  const least = Math.log10(price / 10_000);
  const series = [];
  for (let power = Math.floor(least); series.length < 6; power += 1) series.push(Number(`1e${power}`), Number(`5e${power}`));
  return series.filter((each) => Math.log10(each) >= least - 1e-9).slice(0, 4);
}

/** Rows of the view `book` (a level each) as one row of snapshots; `raw` are those of the best levels, unbucketed. */
export function snapshot(rows, raw, tick) {
  const best = (side) => raw.find((each) => each.side === side && each.level === 1)?.price ?? null;
  const book = { timestamp: rows[0]?.timestamp, tick_size: tick, best_bid: best("bid"), best_ask: best("ask") };
  const totals = { bid: 0, ask: 0 };
  for (const each of rows.filter((row) => row.level > 0)) {
    totals[each.side] += each.quantity;
    book[`${each.side}_price_${each.level}`] = each.price;
    book[`${each.side}_qty_${each.level}`] = each.quantity;
    book[`${each.side}_cum_qty_${each.level}`] = totals[each.side];
  }
  const [bids, asks] = SIDES.map((side) => totals[side]);
  book.spread = book.best_bid !== null && book.best_ask !== null ? book.best_ask - book.best_bid : null;
  book.imbalance = bids + asks > 0 ? (bids - asks) / (bids + asks) : null;
  return book;
}

/** The newest book at a bucket width. */
export async function rebuilt(path, tick, signal) {
  const [rows, raw] = await Promise.all([{ levels: LEVELS, tick_size: tick }, { levels: 1 }].map((asked) => get(path, { ...asked, time: "us" }, { signal })));
  return rows.data.length ? snapshot(rows.data, raw.data, tick) : null;
}

/** Its price, or null. */
export async function price(path, signal) {
  const { data } = await get(path, { levels: 1, time: "us" }, { signal });
  return data.find((each) => each.level === 1)?.price ?? null;
}
