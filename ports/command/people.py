"""`outport token` and `outport principal`: who may knock, and with what. Touches the directory of principals only."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import typer
import yaml

from gateway.access import keys
from gateway.access.identity import Directory
from gateway.access.key_use import last_used
from gateway.access.principals import ApiKey, Entry, PrincipalsError, checked_scope
from gateway.principal import Claim, Scope
from gateway.settings import Settings
from ports.command import show
from ports.command.flags import PLACES, with_settings

app = typer.Typer(no_args_is_help=True, help="Who may knock: persons, applications and agents.")
_DAY_S = 86_400
_HOUR_S = 3_600

Ports = Annotated[list[str] | None, typer.Option("--port", help="only at this port, such as rest (repeatable)")]
Products = Annotated[list[str] | None, typer.Option("--product", help="only for this product (repeatable)")]
Actions = Annotated[list[str] | None, typer.Option("--action", help="only query, or only metadata")]
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
    port: Ports = None,
    product: Products = None,
    action: Actions = None,
    settings: Settings,
) -> None:
    """Print a token (JWT) for a principal: it can carry less than the principal has, never more."""
    narrow = {name: tuple(values) for name, values in (("role", role), ("purpose", purpose)) if values}
    show.line(directory(settings).issue_token(subject, hours * _HOUR_S, narrow, _scope(port, product, action)))


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
    """List the principals with their attributes, and when their keys were last used; there is no secret to show."""
    used = last_used(settings.principals.parent)
    entries = directory(settings).entries()
    rows = [(entry.subject, entry.kind, _attributes(entry), _means(entry, used)) for entry in entries]
    show.console().print(show.table(("subject", "kind", "attributes", "signs in by"), rows))
    if barred := directory(settings).barred():
        show.console().print(f"barred: {', '.join(barred)}")


@app.command("remove")
@with_settings(*PLACES)
def remove(
    subject: Subject,
    *,
    key: Annotated[str | None, typer.Option(help="only the API key of this id")] = None,
    certificate: Annotated[str | None, typer.Option(help="only this name of client certificates")] = None,
    settings: Settings,
) -> None:
    """Remove a principal with its keys and tokens, or one of its keys, or one name of its certificates."""
    people = directory(settings)
    if key is not None:
        people.remove_key(subject, key)
    if certificate is not None:
        people.remove_certificate(subject, certificate)
    if key is None and certificate is None:
        people.remove(subject)
    show.note(f"{' and '.join(one for one in (key, certificate) if one) or subject} is removed")


@app.command("key")
@with_settings(*PLACES)
def key(
    subject: Subject,
    *,
    days: Annotated[float, typer.Option(min=0.01, max=3660, help="days until it expires")] = 90.0,
    port: Ports = None,
    product: Products = None,
    action: Actions = None,
    settings: Settings,
) -> None:
    """Make an API key for a principal; it is shown once, and can be worth less than the principal, never more."""
    show.line(directory(settings).add_key(subject, days * _DAY_S, _scope(port, product, action)))


@app.command("certificate")
@with_settings(*PLACES)
def certificate(
    subject: Subject,
    name: Annotated[str, typer.Argument(help="uri:, dns: or email: and the name, exactly as certificates have it")],
    *,
    settings: Settings,
) -> None:
    """Let client certificates of this name (subjectAltName) prove a principal; tls_client_ca says whose."""
    directory(settings).add_certificate(subject, name)
    show.note(f"a client certificate of {name} proves {subject}")


@app.command("bar")
@with_settings(*PLACES)
def bar(
    named: Annotated[str, typer.Argument(help="a subject, also an issuer's, or sha256: and a certificate's digest")],
    *,
    lift: Annotated[bool, typer.Option("--lift", help="admit it again")] = False,
    settings: Settings,
) -> None:
    """Refuse a subject or a certificate from now on, on open connections within seconds."""
    if lift:
        directory(settings).unbar(named)
    else:
        directory(settings).bar(named)
    show.note(f"{named} is {'admitted again' if lift else 'barred'}")


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


def _scope(ports: list[str] | None, products: list[str] | None, actions: list[str] | None) -> Scope:
    given = {"ports": ports, "products": products, "actions": actions}
    return checked_scope({name: values for name, values in given.items() if values})


def _means(entry: Entry, used: Mapping[str, int]) -> str:
    named = [_key(key, used.get(key.id)) for key in entry.keys]
    password = ["password"] if entry.verifier is not None else []
    return ", ".join([*password, *named, *entry.certificates]) or "token"


def _key(key: ApiKey, used: int | None) -> str:
    scope = [*(key.scope.ports or ()), *(key.scope.products or ()), *(key.scope.actions or ())]
    within = f" for {' '.join(scope)}" if scope else ""
    last = "never used" if used is None else f"last used {datetime.fromtimestamp(used, UTC):%Y-%m-%d %H:%M}"
    return f"key {key.id} until {datetime.fromtimestamp(key.expires, UTC):%Y-%m-%d}{within}, {last}"
