"""Whose recording a file is, as far as its name tells."""

from __future__ import annotations

import re
from pathlib import Path

QUOTES = (
    *("FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USDP", "USDS", "BIDR", "BVND", "IDRT", "BKRW", "USD1"),
    *("BTC", "ETH", "BNB", "TRX", "XRP", "DOGE", "DOT", "SOL", "PAX", "VAI", "DAI", "UST", "EURI", "NGN"),
    *("EUR", "GBP", "AUD", "BRL", "TRY", "RUB", "UAH", "ZAR", "PLN", "RON", "ARS", "JPY", "MXN", "CZK", "COP"),
    *("USD", "IDR"),
)
BULK = re.compile(r"(?P<symbol>[^-]+)-(?:aggTrades|trades)-\d{4}-\d{1,2}")
TOKEN = re.compile(r"[^\W_]+")


def looks_like_symbol(token: str) -> bool:
    upper = token.upper()
    return any(upper.endswith(quote) and len(upper) > len(quote) + 1 for quote in QUOTES)


def symbol_of(path: Path) -> str | None:
    """From a bulk file's name, else the one word in the name, or in its folder's, that ends in a quote asset."""
    bulk = BULK.match(path.name)
    if bulk:
        return bulk["symbol"].upper()
    return _only_symbol(path.name.split(".", 1)[0]) or _only_symbol(path.parent.name)


def _only_symbol(text: str) -> str | None:
    found = {token.upper() for token in TOKEN.findall(text) if looks_like_symbol(token)}
    return found.pop() if len(found) == 1 else None
