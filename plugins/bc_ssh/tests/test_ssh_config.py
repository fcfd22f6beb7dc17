from __future__ import annotations

import shlex
from typing import Any

import pytest

from bc_ssh.config import SshConfig
from bcore.errors import ConfigError
from bcore.fields import FieldsError, parse


def placed(url: str, **more: Any) -> SshConfig:
    return SshConfig(url=url, **more).placed()


@pytest.mark.parametrize(
    ("url", "destination", "port", "path"),
    [
        ("ssh://far", "far", None, None),
        ("ssh://far/", "far", None, None),
        ("ssh://me@far:2222/srv/data", "me@far", 2222, "/srv/data"),
        ("ssh://Prod/srv/my%20data/", "Prod", None, "/srv/my data"),
        ("ssh://far/~/data", "far", None, "data"),
        ("ssh://me@[::1]:22/d", "me@::1", 22, "/d"),
    ],
)
def test_an_address_is_read(url: str, destination: str, port: int | None, path: str | None) -> None:
    config = placed(url)
    assert (destination, port, path) == (config.destination, config.port, config.path)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ssh:///data", "reads ssh://user@host"),
        ("ssh://far/data?x=1", "reads ssh://user@host"),
        ("ssh://far:99999/", "Port out of range"),
        ("ssh://me:secret@far/", "takes no password"),
        ("ssh://-oProxyCommand=touch%20x/", "must be a host"),
        ("ssh://-l@far/", "must be a user's name"),
        ("ssh://far/a%0Ab", "must be one line"),
    ],
)
def test_an_address_that_is_none_is_refused(url: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        placed(url)
    assert "secret" not in str(caught.value)


def test_keys_stand_in_for_an_address_and_do_not_contradict_it() -> None:
    assert "me@far" == SshConfig(host="far", user="me").placed().destination
    assert "me@far" == placed("ssh://far", user="me").destination
    with pytest.raises(ConfigError, match="user: told by the address and by a key"):
        placed("ssh://you@far", user="me")
    with pytest.raises(ConfigError, match="needs a host"):
        SshConfig().placed()


@pytest.mark.parametrize("host", ["-x", "a b", "a;b", "$(x)", ""])
def test_a_host_is_no_option_and_no_command(host: str) -> None:
    with pytest.raises(FieldsError, match="must be a host"):
        parse(SshConfig, {"host": host})


@pytest.mark.parametrize("path", ["/srv/da ta", "/x; rm -rf ~", "/$(id)/`id`", "/it's", '/"q"', "/-x"])
def test_the_shell_over_there_gets_the_path_as_one_word(path: str) -> None:
    config = SshConfig(host="far", path=path, command="'my env/bin/bcore' -v")
    assert ["my env/bin/bcore", "-v", "answer", "--data", path] == shlex.split(config.far_command)


def test_what_begins_in_the_home_needs_no_tilde() -> None:
    config = SshConfig(host="far", path="~/data", command="~/.venv/bin/bcore").placed()
    assert ".venv/bin/bcore answer --data data" == config.far_command
    assert ("ssh://far/~/~/data", "data") == (config.name, config.far_path)


def test_what_a_person_types_to_get_there_has_the_port_and_the_files() -> None:
    config = SshConfig(host="far", user="me", port=2222, config="my config", key="id")
    assert "ssh -p 2222 -F 'my config' -i id me@far" == config.by_hand()
    assert "ssh-keyscan -p 2222 far" == config.by_hand("ssh-keyscan")
    assert "ssh far" == SshConfig(host="far").by_hand()


def test_a_command_that_cannot_be_read_is_refused() -> None:
    for command in ("", "'open"):
        with pytest.raises(FieldsError, match="command"):
            parse(SshConfig, {"host": "far", "command": command})
