"""`outport token` and `outport principal`: the whole life of a principal, and every mistake one clear line."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.access.credentials import Bearer, Password
from gateway.access.identity import Directory
from gateway.access.key_use import last_used
from gateway.access.keys import load
from gateway.errors import NotFound, Unauthenticated
from gateway.principal import Scope
from gateway.settings import Settings
from ports.command.main import app

SECRET = "a secret of the tests, 32 bytes long"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OUTPORT_STATE", str(tmp_path))
    monkeypatch.setenv("OUTPORT_SECRET_KEY", SECRET)
    return tmp_path


def outport(*words: str, given: str | None = None) -> Result:
    return CliRunner().invoke(app, list(words), input=given)


def people(state: Path) -> Directory:
    settings = Settings(state=state, secret_key=SECRET)
    return Directory(settings.principals, load(settings))


def test_a_password_is_made_and_shown_once(state: Path) -> None:
    answer = outport("principal", "add", "ann", "--role", "analyst", "--claim", "store=367", "--claim", "code='12'")
    assert answer.exit_code == 0
    ann = people(state).authenticate(Password("ann", answer.stdout.strip()))
    assert ann.attributes == {"role": ("analyst",), "purpose": (), "store": 367, "code": "12"}


def test_a_password_may_come_through_a_pipe_and_is_not_shown(state: Path) -> None:
    answer = outport("principal", "add", "ann", "--password-stdin", given="open sesame\n")
    assert answer.stdout == ""
    assert people(state).authenticate(Password("ann", "open sesame")).subject == "ann"


def test_a_token_may_carry_less(state: Path) -> None:
    outport("principal", "add", "ann", "--role", "analyst", "--role", "clerk", "--no-password")
    token = outport("token", "ann", "--role", "clerk", "--hours", "1").stdout.strip()
    assert people(state).authenticate(Bearer(token)).attributes["role"] == ("clerk",)


def test_a_key_works_until_it_is_removed(state: Path) -> None:
    outport("principal", "add", "robot", "--kind", "application", "--no-password")
    key = outport("principal", "key", "robot").stdout.strip()
    assert people(state).authenticate(Bearer(key)).subject == "robot"
    assert key.split(".")[0] in outport("principal", "list").stdout
    assert key.split(".")[1] not in outport("principal", "list").stdout
    assert outport("principal", "remove", "robot", "--key", key.split(".")[0]).exit_code == 0
    with pytest.raises(Unauthenticated):
        people(state).authenticate(Bearer(key))


def test_a_key_may_be_worth_less_than_its_principal(state: Path) -> None:
    outport("principal", "add", "robot", "--no-password")
    given = ("--port", "rest", "--port", "flightsql", "--product", "shop", "--action", "query")
    key = outport("principal", "key", "robot", *given).stdout.strip()
    robot = people(state).authenticate(Bearer(key))
    assert robot.scope == Scope(("rest", "flightsql"), ("shop",), ("query",))
    (entry,) = people(state).entries()
    assert entry.keys[0].scope == robot.scope
    assert "for rest flightsql" in " ".join(outport("principal", "list").stdout.split())


def test_a_token_may_be_for_one_product_at_one_port(state: Path) -> None:
    outport("principal", "add", "robot", "--no-password")
    token = outport("token", "robot", "--port", "rest", "--product", "shop", "--action", "query").stdout.strip()
    assert people(state).authenticate(Bearer(token)).scope == Scope(("rest",), ("shop",), ("query",))
    assert outport("token", "robot", "--port", "telnet").exit_code != 0


def test_when_a_key_was_last_used_is_told(state: Path) -> None:
    outport("principal", "add", "robot", "--no-password")
    used, idle, gone = (outport("principal", "key", "robot").stdout.strip() for _ in range(3))
    serving = people(state)
    for key in (used, gone):
        serving.prove(Bearer(key))
    with pytest.raises(Unauthenticated):
        serving.prove(Bearer(f"{idle}x"))
    outport("principal", "remove", "robot", "--key", gone.partition(".")[0])
    serving.prove(Bearer(used))
    another = people(state)
    another.prove(Bearer(used))
    serving.close()
    another.close()
    told = " ".join(outport("principal", "list").stdout.replace("│", " ").split())
    assert (told.count("last used 20"), told.count("never used")) == (1, 1)
    (file,) = state.glob("**/key_use.json")
    assert list(json.loads(file.read_text())) == [used.partition(".")[0]]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_key_s_use_is_written_within_seconds_and_refuses_nothing_where_it_cannot_be(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.access.key_use.FLUSH_S", 0.01)
    outport("principal", "add", "robot", "--no-password")
    key = outport("principal", "key", "robot").stdout.strip()
    serving = people(state)
    folder = serving._path.parent
    (folder / "key_use.json").mkdir()
    serving.prove(Bearer(key))
    (folder / "key_use.json").rmdir()
    deadline = time.monotonic() + 60
    while key.partition(".")[0] not in last_used(folder) and time.monotonic() < deadline:
        serving.prove(Bearer(key))
        time.sleep(0.01)
    assert key.partition(".")[0] in last_used(folder)
    serving.close()


def test_a_name_of_certificates_is_listed_until_it_is_removed(state: Path) -> None:
    outport("principal", "add", "robot", "--no-password")
    assert outport("principal", "certificate", "robot", "dns:robot.example").exit_code == 0
    assert people(state).entries()[0].certificates == ("dns:robot.example",)
    outport("principal", "add", "robot", "--role", "shop", "--no-password")
    assert people(state).entries()[0].certificates == ("dns:robot.example",)
    assert outport("principal", "remove", "robot", "--certificate", "dns:robot.example").exit_code == 0
    assert people(state).entries()[0].certificates == ()


def test_who_is_barred_is_told_and_admitted_again(state: Path) -> None:
    outport("principal", "add", "ann", "--password-stdin", given="open sesame\n")
    assert outport("principal", "bar", "ann").exit_code == 0
    assert outport("principal", "bar", "corp:bob").exit_code == 0
    with pytest.raises(Unauthenticated):
        people(state).authenticate(Password("ann", "open sesame"))
    assert "barred: ann, corp:bob" in outport("principal", "list").stdout
    assert outport("principal", "bar", "ann", "--lift").exit_code == 0
    assert people(state).authenticate(Password("ann", "open sesame")).subject == "ann"


def test_a_removed_principal_is_gone(state: Path) -> None:
    outport("principal", "add", "ann", "--no-password")
    assert outport("principal", "remove", "ann").exit_code == 0
    with pytest.raises(NotFound):
        people(state).principal("ann")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["token", "nobody"], "there is no principal nobody"),
        (["principal", "remove", "nobody"], "there is no principal nobody"),
        (["principal", "key", "nobody"], "there is no principal nobody"),
        (["principal", "key", "ann", "--port", "smtp"], "ports: some of rest, "),
        (["principal", "key", "ann", "--action", "write"], "actions: some of query, metadata"),
        (["principal", "certificate", "ann", "ann.example"], "ann.example: uri:, dns: or email:"),
        (["principal", "certificate", "nobody", "dns:a.example"], "there is no principal nobody"),
        (["principal", "bar", "ann", "--lift"], "ann is not barred"),
        (["principal", "add", "a b"], "subject a b: letters, digits"),
        (["principal", "add", "product:retail"], "subject product:retail: letters, digits"),
        (["principal", "add", "ann", "--kind", "product"], "kind product: one of person, application, agent"),
        (["principal", "add", "ann", "--claim", "store"], "claim store: NAME=VALUE is expected"),
        (["principal", "add", "ann", "--claim", "store={a: b}"], "attribute store: a text, number"),
        (["principal", "add", "ann", "--claim", "store=["], "claim store: the value is not YAML"),
        (["principal", "add", "ann", "--password-stdin"], "no password came from standard input"),
        (["principal", "list", "--config", "/does/not/exist"], "config: /does/not/exist cannot be read"),
        (["principal", "list", "--state", "/dev/null"], "the directory of principals cannot be read"),
    ],
)
def test_a_mistake_is_one_clear_line(state: Path, words: list[str], line: str) -> None:
    answer = outport(*words)
    assert answer.exit_code == 1
    assert answer.stderr.startswith(f"error: {line}")
    assert answer.stderr.count("\n") == 1


def test_without_a_secret_nothing_is_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OUTPORT_SECRET_KEY", raising=False)
    monkeypatch.delenv("OUTPORT_SECRET_KEY_FILE", raising=False)
    answer = outport("token", "ann", "--state", str(tmp_path))
    assert answer.exit_code == 1
    assert "OUTPORT_SECRET_KEY" in answer.stderr


def test_beside_a_demo_the_commands_work_on_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OUTPORT_SECRET_KEY", raising=False)
    settings = Settings(state=tmp_path, demo=True)
    demo = Directory(settings.principals, load(settings))
    demo.add_demo_personas()
    token = outport("token", "analyst", "--state", str(tmp_path)).stdout.strip()
    assert demo.authenticate(Bearer(token)).attributes["role"] == ("analyst",)
