// The trade tape: the newest trades, newest first. Only rows that are new are made.

import { byId, drawing, row, say } from "./dom.js";
import { clock, decimals, fixed, instant } from "./format.js";

export const KEPT = 80;

export class Tape {
  constructor(changed) {
    this.body = byId("trades");
    this.changed = changed;
    this.draw = drawing(() => this.drawn());
    this.clear();
  }

  clear() {
    this.waiting = [];
    this.last = null;
    this.digits = { price: 2, quantity: 2 };
    this.body.replaceChildren();
  }

  /** Rows as the API has them, oldest first. Those that are there already are left out. */
  add(rows) {
    const fresh = rows.filter((each) => this.last === null || each.agg_trade_id > this.last.agg_trade_id);
    const real = fresh.filter((each) => each.quantity > 0);
    if (!fresh.length) return;
    if (real.length) {
      const before = this.last;
      this.last = real.at(-1);
      this.waiting = [...this.waiting, ...real].slice(-KEPT);
      this.changed(this.last, before, real);
    }
    this.draw();
  }

  drawn() {
    const rows = this.waiting.splice(0);
    const price = Math.max(this.digits.price, decimals(rows.map((each) => each.price)));
    const quantity = Math.max(this.digits.quantity, decimals(rows.map((each) => each.quantity)));
    const wider = price > this.digits.price || quantity > this.digits.quantity;
    this.digits = { price, quantity };
    this.body.prepend(...rows.reverse().map((each) => this.made(each)));
    while (this.body.rows.length > KEPT) this.body.lastElementChild.remove();
    if (wider) for (const each of this.body.rows) this.fill(each);
  }

  made(trade) {
    const made = row(3, trade.is_buyer_maker ? "sell" : "buy");
    made.trade = trade;
    this.fill(made);
    return made;
  }

  fill(made) {
    const { trade } = made;
    const [price, size, time] = made.cells;
    say(price, fixed(trade.price, this.digits.price));
    say(size, fixed(trade.quantity, this.digits.quantity));
    say(time, clock(instant(trade.timestamp)));
    made.title = `${trade.is_buyer_maker ? "Sold" : "Bought"}, trade ${trade.agg_trade_id}`;
  }
}
