"""exchangeInfo, inferred from the recording (protocol section 4.2)."""

from __future__ import annotations

from typing import Any

from bc_replay import refusals
from bc_replay.decimals import text
from bc_replay.moment import Moment
from bc_replay.parameters import Parameters
from bc_replay.tape import Tape

QUOTES = (
    *("FDUSD", "USDT", "USDC", "TUSD", "BUSD", "USDP", "USD1", "BIDR", "IDRT", "DAI", "PAX", "UST"),
    *("BTC", "ETH", "BNB", "TRX", "XRP", "DOGE", "DOT", "SOL", "VAI", "NGN"),
    *("EURI", "AEUR", "EUR", "GBP", "AUD", "BRL", "TRY", "RUB", "UAH", "ZAR", "PLN", "RON", "ARS", "MXN"),
    *("COP", "CZK", "JPY", "USD"),
)
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
    tick, step = tape.grid
    largest = text(step * 10**12 if step * 10**12 < 2**63 else 9_000_000 * 10**8)
    return [
        {"filterType": "PRICE_FILTER", "minPrice": text(tick), "maxPrice": largest, "tickSize": text(tick)},
        {"filterType": "LOT_SIZE", "minQty": text(step), "maxQty": largest, "stepSize": text(step)},
    ]
