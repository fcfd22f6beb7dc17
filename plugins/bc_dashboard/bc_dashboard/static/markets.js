// What can be shown: every symbol of which trades or order books are stored. Datasets that were renamed
// (`us_trades`) bring views of the same prefix (`us_ohlcv`) and are markets of their own.

import { get } from "./api.js";

const KINDS = ["trades", "orderbook", "depth"];

/** [{prefix, symbol, kinds, label, id}], by symbol. */
export async function markets(signal) {
  const stored = await get(["symbols"], {}, { signal });
  const found = new Map();
  for (const [dataset, symbols] of Object.entries(stored)) {
    const kind = KINDS.find((each) => dataset === each || dataset.endsWith(`_${each}`));
    if (!kind) continue;
    const prefix = dataset.slice(0, dataset.length - kind.length);
    for (const symbol of symbols) {
      const id = `${prefix}${symbol}`;
      if (!found.has(id)) found.set(id, { id, prefix, symbol, kinds: new Set(), label: label(symbol, prefix) });
      found.get(id).kinds.add(kind);
    }
  }
  return [...found.values()].sort((one, other) => one.label.localeCompare(other.label));
}

function label(symbol, prefix) {
  return prefix ? `${symbol} · ${prefix.replace(/_$/, "")}` : symbol;
}

/** What the address names after its #, which is how a view of a market is passed on: #market=BTCUSDT&timeframe=5m. */
export function wished() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

export function wish(market, timeframe) {
  const text = new URLSearchParams({ market, timeframe }).toString();
  history.replaceState(null, "", `#${text}`);
}
