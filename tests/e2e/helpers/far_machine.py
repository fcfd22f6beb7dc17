"""A real sshd on loopback with keys of its own, and an ssh configuration that knows it."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import define, field

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
TOOLS = [name for name in ("ssh", "sftp", "ssh-keygen") if shutil.which(name) is None]
MISSING = None if SSHD and not TOOLS else f"not installed: {', '.join([*TOOLS, *([] if SSHD else ['sshd'])])}"
PRIVILEGE = Path("/run/sshd")  # where sshd wants an empty folder if root starts it
BCORE = Path(sys.executable).with_name("bcore")


@define
class FarMachine:
    """The machine "far", which is this one."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def config(self) -> str:
        return str(self.folder / "ssh_config")

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    def options(self) -> dict[str, str]:
        """What `bcore.open("ssh://far/...")` needs besides."""
        return {"config": self.config, "command": shlex.quote(str(BCORE))}

    def sessions(self) -> list[int]:
        """The processes of sshd that serve connections."""
        return _children(self.process.pid)

    def cut(self) -> int:
        """Ends every connection as a cable that is pulled would; how many there were."""
        found = [pid for child in self.sessions() for pid in (*_children(child), child) if _is_sshd(pid)]
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, 9)
        return len(found)


def _children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, IndexError, ValueError):
            if entry.name.isdigit() and int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(entry.name))
    return found


def _is_sshd(pid: int) -> bool:
    with suppress(OSError):
        return (Path("/proc") / str(pid) / "comm").read_text().startswith("sshd")
    return False


def keygen(path: Path) -> Path:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True, stdin=subprocess.DEVNULL
    )
    return path


@contextmanager
def far_machine(folder: Path, *, sftp_only: bool = False) -> Iterator[FarMachine]:
    """Starts sshd on a free port."""
    assert SSHD is not None
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        PRIVILEGE.mkdir(mode=0o755, exist_ok=True)
    host, user = keygen(folder / "host_key"), keygen(folder / "user_key")
    shutil.copy(user.with_suffix(".pub"), folder / "authorized_keys")
    port = _free_port()
    lines = [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {host}",
        f"AuthorizedKeysFile {folder / 'authorized_keys'}",
        f"PidFile {folder / 'sshd.pid'}",
        "UsePAM no",
        "StrictModes no",
        "PasswordAuthentication no",
        "PermitRootLogin yes",
        "MaxStartups 100",
        "MaxSessions 50",
        "Subsystem sftp internal-sftp",
        *(["ForceCommand internal-sftp"] if sftp_only else []),
    ]
    (folder / "sshd_config").write_text("\n".join(lines) + "\n")
    meet(folder, port, host)
    (folder / "ssh_config").write_text(
        f"Host far\n  HostName 127.0.0.1\n  Port {port}\n  User {getpass.getuser()}\n  IdentityFile {user}\n"
        f"  IdentitiesOnly yes\n  IdentityAgent none\n  UserKnownHostsFile {folder / 'known_hosts'}\n"
        "  GlobalKnownHostsFile /dev/null\n"
    )
    command = [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
    with (folder / "sshd.log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log, stdin=subprocess.DEVNULL)
    try:
        _wait_for(port, process, folder / "sshd.log")
        yield FarMachine(folder, port, process)
    finally:
        process.terminate()
        process.wait(10)


def meet(folder: Path, port: int, host: Path) -> None:
    """Writes the host's key to known_hosts, as answering yes would."""
    key = host.with_suffix(".pub").read_text().split()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {key[0]} {key[1]}\n")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"sshd did not start: {log.read_text()}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return
        time.sleep(0.02)
    raise RuntimeError("sshd does not listen")
