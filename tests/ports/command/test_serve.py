"""`outport serve`: every declared door open, demo credentials at home, and an end in good order."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.settings import Settings
from tests.certificates import Authority
from tests.demo import BIN, environment
from tests.ports.flight.conftest import eventually


@contextmanager
def served(settings: Settings, *flags: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server process and the base address of its page."""
    with subprocess.Popen(
        [BIN / "outport", "serve", *flags],
        env=variables(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().split()[-1].rstrip("/")
        finally:
            process.terminate()
            process.wait(60)


def variables(settings: Settings) -> dict[str, str]:
    assert settings.secret_key is not None
    given = {
        name: str(getattr(settings, name))
        for name in ("products", "policies", "state", "http_port", "flight_port", "postgres_port")
    }
    given["secret_key"] = settings.secret_key.get_secret_value()
    return environment() | {f"OUTPORT_{name.upper()}": value for name, value in given.items()}


def refused(settings: Settings, *flags: str) -> str:
    """What a server that does not start says."""
    answer = subprocess.run(
        [BIN / "outport", "serve", *flags],
        env=variables(settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    assert answer.stderr.count("\n") == 1
    return answer.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_answers_until_it_is_told_to_end(own_world: Settings, number: int) -> None:
    with served(own_world) as (process, base):
        assert httpx.get(f"{base}/health").status_code == 200
        assert httpx.get(f"{base}/ready").status_code == 200
        answer = httpx.post(
            f"{base}/sql", json={"sql": "SELECT count(*) AS n FROM shop.orders"}, auth=("steward", "steward-secret")
        )
        assert answer.json()["data"] == [{"n": 1800}]
        process.send_signal(number)
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    assert not (own_world.state / "doors.json").exists()


def test_demo_credentials_are_not_served_beyond_loopback(own_world: Settings) -> None:
    Directory(own_world.principals, load(own_world)).add("alice", "person", {}, "alice-demo")
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        assert "loopback" in refused(own_world, "--host", host)
        assert "loopback" in refused(own_world, "--host", host, "--demo")


def test_a_server_ends_when_demo_credentials_arrive_while_it_is_open_to_others(
    own_world: Settings, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "authority")
    pair = authority.server("localhost")
    flags = ("--host", "0.0.0.0", "--tls-cert", str(pair.cert), "--tls-key", str(pair.key))
    with served(own_world, *flags) as (process, base):
        assert httpx.get(f"{base}/health", verify=authority.trusted()).status_code == 200
        Directory(own_world.principals, load(own_world)).add("alice", "person", {}, "alice-demo")
        assert process.wait(60) == 1
        assert process.stderr is not None
        assert "loopback" in process.stderr.read()


def test_a_server_is_not_open_to_others_without_tls(own_world: Settings) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        said = refused(own_world, "--host", host)
        assert "set tls_cert and tls_key" in said
        assert "127.0.0.1" in said


def test_a_certificate_that_cannot_be_used_is_one_clear_line(own_world: Settings, tmp_path: Path) -> None:
    pair = Authority(tmp_path / "authority").server("localhost")
    assert "tls_key: tls_cert is set" in refused(own_world, "--tls-cert", str(pair.cert))
    assert "tls_key" in refused(own_world, "--tls-cert", str(pair.cert), "--tls-key", str(pair.cert))


def test_the_addresses_behind_tls_are_said(own_world: Settings, tmp_path: Path) -> None:
    pair = Authority(tmp_path / "authority").server("localhost")
    with served(own_world, "--tls-cert", str(pair.cert), "--tls-key", str(pair.key)) as (process, base):
        assert base.startswith("https://localhost:")
        assert process.stdout is not None
        rest, flight = (process.stdout.readline() for _ in range(2))
        assert f"{base} " in rest
        assert "grpc+tls://localhost:" in flight


def test_a_long_answer_ends_whole_after_the_server_is_told_to_end(own_world: Settings) -> None:
    rows = 2_000_000
    text = f"SELECT i, repeat('x', 100) AS s FROM range({rows}) r(i)"
    with served(own_world, "--drain-s", "60") as (process, base):
        client = httpx.Client(base_url=base, auth=("steward", "steward-secret"), timeout=60)
        with client, client.stream("POST", "/sql?format=csv", json={"sql": text}) as answer:
            lines = answer.iter_lines()
            next(lines)
            process.send_signal(signal.SIGTERM)
            eventually(lambda: not accepts(base))
            assert sum(1 for _ in lines) == rows
        assert process.wait(60) == 0


def test_an_answer_that_nobody_reads_is_cut_off_after_the_drain(own_world: Settings) -> None:
    text = "SELECT i, repeat('x', 100) AS s FROM range(9000000) r(i)"
    with served(own_world, "--drain-s", "0.5") as (process, base):
        client = httpx.Client(base_url=base, auth=("steward", "steward-secret"), timeout=60)
        with client, client.stream("POST", "/sql?format=csv", json={"sql": text}) as answer:
            assert answer.status_code == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0


def accepts(base: str) -> bool:
    """Whether somebody listens at this base address."""
    host, _, number = base.partition("//")[2].partition(":")
    try:
        socket.create_connection((host, int(number)), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_without_a_secret_only_the_demo_starts(own_world: Settings, tmp_path: Path) -> None:
    variables_without = {name: value for name, value in variables(own_world).items() if name != "OUTPORT_SECRET_KEY"}
    answer = subprocess.run(
        [BIN / "outport", "serve", "--state", str(tmp_path / "fresh")],
        env=variables_without, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert answer.returncode == 1
    assert "OUTPORT_SECRET_KEY" in answer.stderr
    assert not (tmp_path / "fresh").exists()


def test_a_port_in_use_is_one_clear_line(own_world: Settings) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        number = str(holder.getsockname()[1])
        for flag in ("--http-port", "--flight-port", "--postgres-port"):
            said = refused(own_world, flag, number)
            assert number in said
            assert flag.strip("-").replace("-", "_") in said


def test_what_is_declared_and_not_published_is_said(own_world: Settings) -> None:
    (own_world.state / "manifest.json").unlink()
    with served(own_world) as (process, base):
        assert httpx.get(f"{base}/ready").status_code == 503
        os.kill(process.pid, signal.SIGTERM)
        process.wait(60)
        assert process.stderr is not None
        assert "not published yet: hr, shop (outport apply" in process.stderr.read()
