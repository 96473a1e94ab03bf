"""`outport token` and `outport principal`: who may knock, and with what. Touches the directory of principals only."""

from __future__ import annotations

import secrets
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
import yaml

from gateway import keys
from gateway.identity import Directory
from gateway.principal import Claim
from gateway.principals import Entry, PrincipalsError
from gateway.settings import Settings
from ports.command import show
from ports.command.flags import PLACES, with_settings

app = typer.Typer(no_args_is_help=True, help="Who may knock: persons, applications and agents.")
_DAY_S = 86_400
_HOUR_S = 3_600

Subject = Annotated[str, typer.Argument(help="the principal's name")]


def directory(settings: Settings) -> Directory:
    """The directory of the deployment. Raises SettingsError without a secret."""
    return Directory(settings.principals, keys.load(settings))


@with_settings(*PLACES)
def token(
    subject: Subject,
    *,
    hours: Annotated[float, typer.Option(min=0.01, max=24 * 366, help="hours until it expires")] = 8.0,
    role: Annotated[list[str] | None, typer.Option(help="keep only this role (repeatable)")] = None,
    purpose: Annotated[list[str] | None, typer.Option(help="keep only this purpose (repeatable)")] = None,
    settings: Settings,
) -> None:
    """Print a token (JWT) for a principal: it can carry less than the principal has, never more."""
    narrow = {name: tuple(values) for name, values in (("role", role), ("purpose", purpose)) if values}
    show.line(directory(settings).issue_token(subject, hours * _HOUR_S, narrow))


@app.command("add")
@with_settings(*PLACES)
def add(
    subject: Subject,
    *,
    kind: Annotated[str, typer.Option(help="person, application or agent")] = "person",
    role: Annotated[list[str] | None, typer.Option(help="a role (repeatable)")] = None,
    purpose: Annotated[list[str] | None, typer.Option(help="a purpose granted to it (repeatable)")] = None,
    claim: Annotated[list[str] | None, typer.Option(help='NAME=VALUE; YAML types: store=367, code="367"')] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="read the password from a pipe")] = False,
    no_password: Annotated[bool, typer.Option("--no-password", help="keys and tokens only")] = False,
    settings: Settings,
) -> None:
    """Add a principal, or replace it; without a password option one is made and shown once."""
    people = directory(settings)
    attributes: dict[str, object] = dict(_claim(text) for text in claim or ())
    attributes |= {name: values for name, values in (("role", role), ("purpose", purpose)) if values}
    password = None if no_password else _given() if password_stdin else secrets.token_urlsafe(18)
    people.add(subject, kind, attributes, password)
    show.note(f"{subject} may knock now" + ("" if password or not no_password else " with a key or a token"))
    if password is not None and not password_stdin:
        show.line(password)


@app.command("list")
@with_settings(*PLACES)
def list_all(*, settings: Settings) -> None:
    """List the principals with their attributes; no secret is stored that could be shown."""
    rows = [(entry.subject, entry.kind, _attributes(entry), _means(entry)) for entry in directory(settings).entries()]
    show.console().print(show.table(("subject", "kind", "attributes", "signs in by"), rows))


@app.command("remove")
@with_settings(*PLACES)
def remove(
    subject: Subject,
    *,
    key: Annotated[str | None, typer.Option(help="only the API key of this id")] = None,
    settings: Settings,
) -> None:
    """Remove a principal with its keys and tokens, or one of its keys."""
    if key is None:
        directory(settings).remove(subject)
    else:
        directory(settings).remove_key(subject, key)
    show.note(f"{subject if key is None else 'key ' + key} is removed")


@app.command("key")
@with_settings(*PLACES)
def key(
    subject: Subject,
    *,
    days: Annotated[float, typer.Option(min=0.01, max=3660, help="days until it expires")] = 90.0,
    settings: Settings,
) -> None:
    """Make an API key for a principal; it is shown once."""
    show.line(directory(settings).add_key(subject, days * _DAY_S))


def _claim(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals:
        raise PrincipalsError(f"claim {text:.70}: NAME=VALUE is expected")
    try:
        return name, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise PrincipalsError(f"claim {name:.70}: the value is not YAML; put a text into quotes") from error


def _given() -> str:
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise PrincipalsError("no password came from standard input")
    return password


def _attributes(entry: Entry) -> str:
    return " ".join(f"{name}={_shown(value)}" for name, value in entry.attributes.items() if value != ())


def _shown(claim: Claim) -> str:
    return ",".join(map(str, claim)) if isinstance(claim, tuple) else str(claim)


def _means(entry: Entry) -> str:
    named = [f"key {key.id} until {datetime.fromtimestamp(key.expires, UTC):%Y-%m-%d}" for key in entry.keys]
    return ", ".join((["password"] if entry.verifier is not None else []) + named) or "token"
