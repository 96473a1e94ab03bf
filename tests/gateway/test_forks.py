"""Builds are forked from one process, and each is as if it had a process of its own from the beginning."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import Unavailable
from gateway.publication import fork_server, forks
from tests.workshop import KEY, Workshop, column, stored

# Tells of its surroundings, and draws a number.
TELLING = """
import os
import numpy
import pyarrow as pa

def model(inputs):
    told = [os.getcwd(), ",".join(sorted(os.environ)), os.environ.get("NEWS", ""), str(numpy.random.random())]
    table = pa.table({"id": range(len(told)), "told": told})
    return pa.RecordBatchReader.from_batches(table.schema, table.to_batches())
"""
# Publishes, and says which process is its fork server.
PUBLISHER = """
import sys
from pathlib import Path
from gateway.publication import forks
from gateway.publication.publish import publish
from gateway.settings import Settings
state = Path(sys.argv[1])
settings = Settings(products=state.parent / "products", policies=state.parent / "policies", state=state,
                    secret_key=sys.argv[2], threads=1, memory_limit="512MB")
publish(settings, settings.products / "telling")
print(forks._ours._server._process.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path)
    folder = made.declare("telling", {"t": {"id": KEY, "told": column("VARCHAR")}}, models={"t": ""})
    (folder / "models" / "t.sql").unlink()
    (folder / "models" / "t.py").write_text(TELLING)
    return made


def told(shop: Workshop) -> list[str]:
    return [text for (text,) in stored(shop.publish("telling", force=True), "SELECT told FROM t ORDER BY id")]


def test_a_build_has_the_surroundings_of_its_publication_and_no_settings(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPORT_SECRET_KEY", "never to be seen by the build, 32 bytes")
    monkeypatch.setenv("NEWS", "first")
    _, names, news, _ = told(shop)
    assert "OUTPORT_" not in names
    assert news == "first"
    monkeypatch.setenv("NEWS", "second")
    monkeypatch.chdir(tmp_path)
    folder, names, news, _ = told(shop)
    assert (folder, news) == (str(tmp_path), "second")
    assert set(names.split(",")) == {name for name in os.environ if not name.startswith("OUTPORT_")}


def test_no_two_builds_draw_the_same(shop: Workshop) -> None:
    assert told(shop)[-1] != told(shop)[-1]


def test_builds_share_a_fork_server_and_one_that_has_ended_is_replaced(shop: Workshop) -> None:
    told(shop)
    first = forks._ours._server
    assert first is not None
    told(shop)
    assert forks._ours._server is first
    first._process.kill()
    first._process.wait()
    told(shop)
    assert forks._ours._server is not first


def test_one_that_cannot_be_started_is_told(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "_COMMAND", (sys.executable, "-c", "", "nothing"))
    monkeypatch.setattr(forks, "_ours", forks._Forks())
    with pytest.raises(Unavailable, match="the build could not be started"):
        shop.publish("telling")
    assert not list(shop.snapshots.iterdir())


def test_an_exchange_that_was_broken_off_is_not_taken_up_again(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    told(shop)
    server = forks._ours._server
    assert server is not None

    def interrupted() -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(server, "_answer", interrupted)
        with pytest.raises(KeyboardInterrupt):
            shop.publish("telling", force=True)
    told(shop)
    assert forks._ours._server is not server


def test_a_fork_server_that_nobody_asks_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_server, "IDLE_S", 0.01)
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(TimeoutError):
        fork_server.serve(theirs)


def test_none_outlives_the_process_that_started_it(shop: Workshop) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PUBLISHER, str(shop.settings.state), shop.secret],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        server = os.pidfd_open(int(process.stdout.readline()))
        try:
            process.send_signal(signal.SIGKILL)
            assert select.select([server], [], [], 10)[0]
        finally:
            os.close(server)


def test_a_forked_process_has_a_fork_server_of_its_own(shop: Workshop) -> None:
    told(shop)
    ours = forks._ours
    process = os.fork()
    if process == 0:
        os._exit(0 if forks._ours is not ours and forks._ours._server is None else 1)
    assert os.waitpid(process, 0)[1] == 0


def test_a_build_that_heeds_nothing_ends_with_its_fork_server() -> None:
    server = forks._Server()
    server.ready()
    orders, ours = os.pipe()
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        process = server.ask(forks.START + forks.written(0), [orders, nothing, nothing, nothing])
        os.kill(process, signal.SIGSTOP)
        build = os.pidfd_open(process)
        server.close()
        assert select.select([build], [], [], 10)[0]
        os.close(build)
    finally:
        for descriptor in (orders, ours, nothing):
            os.close(descriptor)


# Tells whether what it starts would have the publication lock.
STARTING = """
import os
import pyarrow as pa

def model(inputs):
    every = [int(one) for one in os.listdir("/proc/self/fd")]
    locks = [one for one in every if os.path.realpath(f"/proc/self/fd/{one}").endswith("publish.lock")]
    told = pa.table({"id": range(len(locks)), "told": [str(os.get_inheritable(one)) for one in locks]})
    return pa.RecordBatchReader.from_batches(told.schema, told.to_batches())
"""


def test_what_a_model_starts_does_not_hold_the_publication_lock(shop: Workshop) -> None:
    (shop.settings.products / "telling" / "models" / "t.py").write_text(STARTING)
    assert told(shop) == ["False"]
