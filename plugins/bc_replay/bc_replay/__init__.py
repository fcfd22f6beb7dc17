"""The replay exchange: recordings served as Binance spot REST and WebSocket, with faults on demand."""
