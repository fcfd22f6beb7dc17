"""exchangeInfo, inferred from the recording (protocol section 4.2)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from bc_replay import refusals
from bc_replay.decimals import scaled, text
from bc_replay.moment import Moment
from bc_replay.parameters import Parameters
from bc_replay.tape import Tape

QUOTES = (
    *("FDUSD", "USDT", "USDC", "TUSD", "BUSD", "USDP", "USD1", "BIDR", "IDRT", "DAI", "PAX", "UST"),
    *("BTC", "ETH", "BNB", "TRX", "XRP", "DOGE", "DOT", "SOL", "VAI", "NGN"),
    *("EURI", "AEUR", "EUR", "GBP", "AUD", "BRL", "TRY", "RUB", "UAH", "ZAR", "PLN", "RON", "ARS", "MXN"),
    *("COP", "CZK", "JPY", "USD"),
)
SAMPLE = 2000  # records looked at to infer a symbol's grid
ORDER_TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")
PREVENTION_MODES = ("EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH")
PERMISSION = "SPOT"


def exchange_info(moment: Moment, parameters: Parameters) -> dict[str, Any]:
    """Raises -1128 for filters that exclude one another, -1121 for an unknown symbol."""
    filters = (parameters.symbol, parameters.symbols, parameters.permissions)
    named = parameters.symbol is not None or parameters.symbols is not None
    if sum(given is not None for given in filters) > 1 or (named and parameters.symbol_status is not None):
        raise refusals.bad_combination()
    return {
        "timezone": "UTC",
        "serverTime": moment.stamp(moment.server),
        "rateLimits": rate_limits(moment.weight_limit),
        "exchangeFilters": [],
        "symbols": [_listed(moment, symbol, parameters) for symbol in _selected(moment, parameters)],
    }


def rate_limits(weight: int) -> list[dict[str, Any]]:
    rows = (("REQUEST_WEIGHT", "MINUTE", 1, weight), ("RAW_REQUESTS", "MINUTE", 5, 300_000))
    return [dict(zip(("rateLimitType", "interval", "intervalNum", "limit"), row, strict=True)) for row in rows]


def split(symbol: str) -> tuple[str, str]:
    """Base and quote asset; a symbol with no well-known quote asset is cut in the middle."""
    quote = next((quote for quote in QUOTES if symbol.endswith(quote) and symbol != quote), None)
    cut = len(symbol) - len(quote) if quote else (len(symbol) + 1) // 2
    return symbol[:cut], symbol[cut:]


def _selected(moment: Moment, parameters: Parameters) -> list[str]:
    if parameters.permissions is not None and PERMISSION not in parameters.permissions:
        return []
    return moment.chosen(parameters)


def _listed(moment: Moment, symbol: str, parameters: Parameters) -> dict[str, Any]:
    entry = dict(entry_of(moment.tapes[symbol]))
    if parameters.show_permission_sets is False:
        entry["permissionSets"] = []
    return entry


def entry_of(tape: Tape) -> dict[str, Any]:
    base, quote = split(tape.symbol)
    return {
        "symbol": tape.symbol,
        "status": "TRADING",
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(ORDER_TYPES),
        **_abilities(),
        "filters": _filters(tape),
        "permissions": [],
        "permissionSets": [[PERMISSION]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": list(PREVENTION_MODES),
    }


def _abilities() -> dict[str, bool]:
    orders = ("icebergAllowed", "ocoAllowed", "otoAllowed", "opoAllowed", "quoteOrderQtyMarketAllowed")
    changes = ("allowTrailingStop", "cancelReplaceAllowed", "amendAllowed", "pegInstructionsAllowed")
    return {**dict.fromkeys((*orders, *changes), True), "isSpotTradingAllowed": True, "isMarginTradingAllowed": False}


def _filters(tape: Tape) -> list[dict[str, Any]]:
    pairs = list(islice(_prices_and_quantities(tape), SAMPLE))
    tick, step = (step_of(column) for column in zip(*pairs, strict=True)) if pairs else (text(1), text(1))
    largest = text(scaled(step) * 10**12) if scaled(step) * 10**12 < 2**63 else text(9_000_000 * 10**8)
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": largest, "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": step, "maxQty": largest, "stepSize": step},
    ]


def step_of(values: Iterable[str]) -> str:
    """The coarsest power of ten that divides every value: the grid that the recording shows."""
    units = [scaled(value) for value in values]
    return text(max(10**places for places in range(9) if all(unit % 10**places == 0 for unit in units)))


def _prices_and_quantities(tape: Tape) -> Iterable[tuple[str, str]]:
    for trade in tape.agg_trades[:SAMPLE]:
        if not trade.voided:
            yield trade.price, trade.quantity
    for snapshot in tape.snapshots[:1]:
        yield from (*snapshot.bids[:200], *snapshot.asks[:200])
    for update in tape.updates[:50]:
        yield from (*update.bids, *update.asks)
