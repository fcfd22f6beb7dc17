"""`python -m binance_collector --config config/remote.yaml` serves an archive."""

from binance_collector.api_server import main

if __name__ == "__main__":
    main()
