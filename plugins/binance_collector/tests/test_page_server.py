"""The page's commands around the API server: python app.py, and its systemd service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from binance_collector.api_server import main
from click.testing import CliRunner, Result

FOLDER = Path(__file__).parents[1]
CONFIG = """\
storage:
  base_path: {data}
  compression: snappy

api:
  host: 0.0.0.0
  port: 8000
  api_key: null  # set to enable auth
"""


def started(folder: Path, text: str) -> Result:
    """What `python app.py --config config/remote.yaml` ends with where it does not serve."""
    (folder / "config").mkdir()
    (folder / "config" / "remote.yaml").write_text(text)
    return CliRunner().invoke(main, ["--config", "config/remote.yaml"])


def test_config_lets_nobody_in_without_a_key(tmp_path: Path) -> None:
    """The page's file as it stands opens the archive to the world: here that has to be said."""
    ended = started(tmp_path, CONFIG.format(data=tmp_path))
    assert 2 == ended.exit_code
    assert "set api_key, or say open = true" in ended.output


def test_start(tmp_path: Path, archive: Path, serving: Callable[..., Any]) -> None:
    """`python app.py --config config/remote.yaml`, with options that go before the file."""
    (tmp_path / "config").mkdir()
    text = CONFIG.format(data=archive).replace("null", "secret")  # and 0.0.0.0 is let be, with a key
    (tmp_path / "config" / "remote.yaml").write_text(text)
    with serving(tmp_path, "--config", "config/remote.yaml", "--host", "127.0.0.1", "--port", "0") as url:
        assert 401 == requests.get(f"{url}/stats", timeout=30).status_code
        assert 200 == requests.get(f"{url}/stats", headers={"X-API-Key": "secret"}, timeout=30).status_code


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("storage: {base_pth: x}", "storage.base_pth is not known (did you mean base_path?)"),
        ("strage: {}", "strage is not known; known: binance, rate_limit, storage, api"),
        ("api: {port: many}", "api.port must be a whole number, not 'many'"),
        ("api: [", "not YAML"),
    ],
)
def test_a_mistaken_configuration_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    ended = started(tmp_path, text)
    assert (2, True) == (ended.exit_code, sentence in " ".join(ended.output.split())), ended.output


def test_no_configuration() -> None:
    ended = CliRunner().invoke(main, [])
    assert (2, True) == (ended.exit_code, "there is no configuration file config/remote.yaml" in ended.output)


def test_as_a_systemd_service(tmp_path: Path) -> None:
    """The unit that is copied to /etc/systemd/system is one that systemd takes, and starts app.py."""
    unit = FOLDER / "config" / "binance-api.service"
    (start,) = [line for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
    assert start.endswith("python app.py --config config/remote.yaml")
    assert (FOLDER / "app.py").exists()
    assert (FOLDER / "config" / "remote.yaml").exists()


def test_the_application_for_other_servers(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`uvicorn binance_collector.api_server:app` takes folder and key from the environment."""
    monkeypatch.setenv("DATA_PATH", str(archive))
    monkeypatch.setenv("API_KEY", "secret")
    from binance_collector import api_server

    assert 401 == asked(api_server.app, "/symbols")[0]
    status, body = asked(api_server.app, "/symbols", (b"x-api-key", b"secret"))
    assert (200, ["BTCUSDT", "ETHUSDT"]) == (status, json.loads(body)["trades"])


def asked(app: Any, path: str, *headers: tuple[bytes, bytes]) -> tuple[int, bytes]:
    """The answer of an ASGI application, asked as a server asks it."""
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http"}
    scope |= {"path": path, "raw_path": path.encode(), "query_string": b"", "headers": list(headers)}  # type: ignore[dict-item]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], b"".join(each.get("body", b"") for each in sent)
