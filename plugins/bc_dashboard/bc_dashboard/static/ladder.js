// The order book as a ladder: asks above, bids below, each with a bar as long as its share of what is shown.

import { byId, drawing, row, say } from "./dom.js";
import { compact, decimals, fixed, percent, signed } from "./format.js";

/** The levels of one side of a row, best first. */
export function levels(book, side) {
  const found = [];
  for (let number = 1; `${side}_price_${number}` in book; number += 1) {
    const price = book[`${side}_price_${number}`];
    if (price === null) break;
    const [size, total, value] = ["qty", "cum_qty", "cum_usd"].map((each) => book[`${side}_${each}_${number}`]);
    found.push({ price, size, total, value });
  }
  return found;
}

export class Ladder {
  constructor() {
    this.sides = { bid: byId("bids"), ask: byId("asks") };
    this.draw = drawing(() => this.drawn());
    this.clear();
  }

  clear() {
    this.book = null;
    for (const side of Object.values(this.sides)) side.replaceChildren();
    for (const id of ["mid", "spread", "imbalance", "bid-share", "ask-share"]) say(byId(id), "–");
    byId("balance").style.setProperty("--share", "50%");
  }

  show(book) {
    this.book = book;
    this.draw();
  }

  drawn() {
    const { book } = this;
    if (!book) return;
    const bids = levels(book, "bid");
    const asks = levels(book, "ask");
    const most = Math.max(...[...bids, ...asks].map((each) => each.total), 0);
    const digits = Math.max(decimals([book.tick_size]), 0);
    this.side(this.sides.bid, bids, digits, most);
    this.side(this.sides.ask, asks.reverse(), digits, most);
    this.middle(book);
  }

  side(body, shown, digits, most) {
    while (body.rows.length < shown.length) body.append(row(3));
    while (body.rows.length > shown.length) body.lastElementChild.remove();
    shown.forEach((level, number) => {
      const { cells, style } = body.rows[number];
      say(cells[0], fixed(level.price, digits));
      say(cells[1], amount(level.size));
      say(cells[2], amount(level.total));
      style.setProperty("--share", `${most ? (100 * level.total) / most : 0}%`);
    });
  }

  middle(book) {
    const raw = decimals([book.best_bid, book.best_ask].filter((each) => each !== null));
    const mid = (book.best_bid + book.best_ask) / 2;
    const both = book.best_bid !== null && book.best_ask !== null;
    say(byId("mid"), both ? fixed(mid, Math.max(raw, decimals([Number(mid.toPrecision(12))]))) : "–");
    say(byId("spread"), both ? `${fixed(book.spread, raw)} (${points((1e4 * book.spread) / mid)} bp)` : "–");
    const known = book.imbalance !== null;
    const share = known ? (1 + book.imbalance) / 2 : 0.5;
    byId("balance").style.setProperty("--share", `${100 * share}%`);
    const told = known ? signed(percent(book.imbalance, 1), book.imbalance) : "–";
    byId("balance").setAttribute("aria-label", `Imbalance ${told}: bids ${percent(share, 0)}, asks ${percent(1 - share, 0)}`);
    say(byId("imbalance"), told);
    say(byId("bid-share"), known ? `Bids ${percent(share, 0)}` : "–");
    say(byId("ask-share"), known ? `${percent(1 - share, 0)} Asks` : "–");
  }
}

/** Basis points: of a tight market they are thousandths. */
function points(value) {
  return fixed(value, value < 0.1 ? 4 : 2);
}

/** Quantities of any asset in one column: three decimals while they are small, short while they are large. */
function amount(value) {
  return value !== null && Math.abs(value) < 10_000 ? fixed(value, 3) : compact(value);
}
