"""The original's entry point of its API server: python app.py --config config/remote.yaml."""

from binance_collector.api_server import main

if __name__ == "__main__":
    main()
