"""`outport doctor`: what is wrong with this deployment, each finding with its fix. Reads; binds a port for a moment."""

from __future__ import annotations

import shutil
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import typer

from gateway import document
from gateway.access import discovery, issuers, jwks, keys
from gateway.access.fetch import FetchError
from gateway.access.identity import Directory
from gateway.access.issuers import IssuersError
from gateway.access.principals import PrincipalsError
from gateway.access.tls import Tls
from gateway.errors import GatewayError
from gateway.policies import policy
from gateway.policies.policy_rules import PolicyError
from gateway.publication import bundle
from gateway.serving.catalog import Catalog
from gateway.settings import Settings, SettingsError
from ports.command import doors, show, trials
from ports.command.flags import ALL, as_demo, with_settings

_LOW_BYTES, _FULL_BYTES = 2 * 10**9, 2 * 10**8
_RENEW_DAYS = 30
_CLOCK_TOLERANCE_S = 60.0
_RELEASED = datetime(2026, 11, 1).timestamp()


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: `fix` is what to do where it is not ok."""

    topic: str
    level: Literal["ok", "warning", "error"]
    what: str
    fix: str = ""


Check = Callable[[Settings], Iterator[Finding]]


@with_settings(*ALL)
def doctor(*, settings: Settings) -> None:
    """Look at ports, TLS, keys, principals, issuers, disk, clock, policies, products; exit code 1 if one is wrong."""
    found = tuple(examine(as_demo(settings)))
    rows = [(finding.topic, finding.level, finding.what, finding.fix) for finding in found]
    show.console().print(show.table(("topic", "", "finding", "fix"), rows))
    if any(finding.level == "error" for finding in found):
        raise typer.Exit(1)


def examine(settings: Settings) -> Iterator[Finding]:
    """Every finding, in the order of the checks; a check that fails is itself a finding."""
    for check in (_ports, _tls, _keys, _principals, _issuers, _disk, _clock, _products, _policies):
        topic = check.__name__.strip("_")
        try:
            yield from check(settings)
        except (GatewayError, SettingsError, PrincipalsError, OSError) as error:
            yield Finding(topic, "error", str(error), "see the message")


def _ports(settings: Settings) -> Iterator[Finding]:
    running = doors.noted(settings)
    for name, number in (
        ("http", settings.http_port),
        ("flight", settings.flight_port),
        ("postgres", settings.postgres_port),
    ):
        at = running.addresses.get(name) if running is not None else None
        if running is not None and at is not None:
            yield Finding("ports", "ok", f"{name}: served at {at[0]}:{at[1]} by process {running.pid}")
        elif doors.free(settings.host, number):
            yield Finding("ports", "ok", f"{name}: {settings.host}:{number or 'any free port'} is free")
        else:
            what = f"{name}: {settings.host}:{number} is used by another program"
            yield Finding("ports", "error", what, f"end it, or serve with --{name}-port N (0 takes a free one)")


def _tls(settings: Settings) -> Iterator[Finding]:
    beyond = doors.beyond_loopback(settings.host)
    tls = Tls.of(settings)
    if tls is None:
        if beyond:
            what = f"off, and other machines reach {beyond[0]}: serve will refuse"
            yield Finding("tls", "error", what, "set tls_cert and tls_key, or --host 127.0.0.1")
        else:
            yield Finding("tls", "ok", "off: only this machine reaches the doors")
        return
    yield from _private("tls", tls.key_file)
    days = (tls.certificate.expires - datetime.now(UTC)).days
    ends = f"on; the certificate ends on {tls.certificate.expires:%Y-%m-%d}, in {days} days"
    if days < _RENEW_DAYS:
        yield Finding("tls", "warning", ends, "renew it, then start the server again")
    else:
        yield Finding("tls", "ok", ends)
    if not tls.certificate.names:
        fix = "make one with subject alternative names"
        yield Finding("tls", "warning", "the certificate names no host, so clients refuse it", fix)
    if tls.mutual:
        yield Finding("tls", "ok", "clients must show a certificate")


def _keys(settings: Settings) -> Iterator[Finding]:
    try:
        known = keys.load(settings)
    except SettingsError as error:
        for finding in error.findings:
            yield Finding("keys", "error", finding, "export OUTPORT_SECRET_KEY_FILE=..., or serve --demo")
        return
    file = settings.secret_key_file or (settings.demo_key if settings.demo else None)
    set_up = "the demo's secret" if settings.demo and file == settings.demo_key else f"key {known.ids[0]} signs"
    older = f", {', '.join(known.ids[1:])} still taken" if known.ids[1:] else ""
    yield Finding("keys", "ok", f"{set_up}{older}; pseudonyms of version {known.mask_version}")
    for one in (file, settings.mask_key_file):
        if one is not None:
            yield from _private("keys", one)


def _private(topic: str, path: Path) -> Iterator[Finding]:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o007:
        yield Finding(topic, "error", f"{path} is readable by every user of this machine", f"chmod 600 {path}")


def _principals(settings: Settings) -> Iterator[Finding]:
    try:
        people = Directory(settings.principals, keys.load(settings))
    except SettingsError:
        return  # said by the check of the keys
    subjects = people.subjects()
    if not subjects:
        yield Finding("principals", "warning", "there are none, so nobody can sign in", "outport principal add NAME")
        return
    yield Finding("principals", "ok", f"{len(subjects)} principals")
    yield from _private("principals", settings.principals)
    if people.holds_demo_credentials() and doors.beyond_loopback(settings.host):
        what = f"demo credentials open the doors at {settings.host}: serve will refuse"
        yield Finding("principals", "error", what, "remove them (outport principal remove NAME), or --host 127.0.0.1")


def _issuers(settings: Settings) -> Iterator[Finding]:
    try:
        known = () if settings.issuers is None else issuers.read(settings.issuers)
    except IssuersError as error:
        yield Finding("issuers", "error", str(error), f"mend {settings.issuers}")
        return
    if not known:
        yield Finding("issuers", "ok", "no tokens but those of outport token are taken")
    for one in known:
        try:
            keys = jwks.fetched(jwks.Source(one.issuer, one.jwks, one.ca))
        except FetchError as error:
            fix = f"see that this machine reaches {one.jwks or one.issuer}"
            yield Finding("issuers", "error", f"{one.name}: its keys: {error}", fix)
        else:
            yield Finding("issuers", "ok", f"{one.name}: {len(keys)} keys")
        if one.sign_in is not None:
            yield _sign_in(one)


def _sign_in(one: issuers.Issuer) -> Finding:
    """Whether the hub can send people there, and ask who has come back."""
    try:
        said = discovery.discovered(one.issuer, one.ca)
        for name in ("authorization_endpoint", "token_endpoint"):
            discovery.address(said, name, one.issuer)
    except FetchError as error:
        what = f"{one.name}: nobody can sign in to the hub there: {error}"
        return Finding("issuers", "error", what, f"see what {one.issuer}/.well-known/openid-configuration says")
    return Finding("issuers", "ok", f"{one.name}: people sign in to the hub there")


def _disk(settings: Settings) -> Iterator[Finding]:
    folder = settings.state
    while not folder.exists():
        folder = folder.absolute().parent
    free = shutil.disk_usage(folder).free
    level: Literal["ok", "warning", "error"] = (
        "ok" if free >= _LOW_BYTES else "warning" if free >= _FULL_BYTES else "error"
    )
    fix = "" if level == "ok" else f"free space, or move the state ({settings.state}) to a larger disk"
    yield Finding("disk", level, f"{free / 1e9:.1f} GB are free for {settings.state}", fix)


def _clock(settings: Settings) -> Iterator[Finding]:
    now = time.time()
    served = [snapshot.published_at.timestamp() for snapshot in Catalog(settings.state).current().snapshots]
    ahead = max([_RELEASED, *served]) - now
    if ahead > _CLOCK_TOLERANCE_S:
        what = f"the clock is {ahead:.0f} s behind what it has said before: tokens and freshness will be wrong"
        yield Finding("clock", "error", what, "set the clock (timedatectl set-ntp true)")
    else:
        yield Finding("clock", "ok", f"{datetime.fromtimestamp(now).astimezone():%Y-%m-%d %H:%M:%S %Z}")


def _products(settings: Settings) -> Iterator[Finding]:
    folders = bundle.folders([settings.products]) if settings.products.is_dir() else ()
    if not folders or folders == (settings.products,):
        fix = "outport new NAME --from-table FILE, or --products FOLDER"
        yield Finding("products", "warning", f"{settings.products} declares no product", fix)
        return
    reading = bundle.read(folders, settings.environment)
    for folder, finding in reading.findings:
        what = f"{folder.name}/{_place(finding)}: {finding.problem}"
        yield Finding("products", finding.severity, what, _remedy(finding))
    served = {snapshot.product.name: snapshot for snapshot in Catalog(settings.state).current().snapshots}
    for one in reading.products:
        yield from _declared(one, served[one.product.name].product.digest if one.product.name in served else None)
    for name in sorted(set(served) - {one.product.name for one in reading.products}):
        what = f"{name} is served and no longer declared (or its descriptors are wrong)"
        yield Finding("products", "warning", what, f"put it back under {settings.products}")


def _declared(one: bundle.Declared, served: str | None) -> Iterator[Finding]:
    name = one.product.name
    if served is None:
        yield Finding("products", "error", f"{name} is declared and not served", f"outport apply {one.folder}")
    elif served != one.product.digest:
        what = f"{name} is served as it was declared before its last edit"
        yield Finding("products", "warning", what, f"outport apply {one.folder}")
    else:
        yield Finding("products", "ok", f"{name} {one.product.version} is served as declared")
    for table in one.product.tables:
        unclassified = [column.name for column in table.columns if column.classification is None]
        if unclassified:
            what = f"{name}.{table.name}: unclassified, so restricted: {', '.join(unclassified)}"
            yield Finding("products", "warning", what, "write `classification:` for each in the contract")


def _policies(settings: Settings) -> Iterator[Finding]:
    products = [snapshot.product for snapshot in Catalog(settings.state).current().snapshots]
    products += [
        one.product
        for one in bundle.read(bundle.folders([settings.products]), settings.environment).products
        if one.product.name not in {product.name for product in products}
    ]
    try:
        loaded = policy.load(settings.policies, products)
    except PolicyError as error:
        for finding in error.findings:
            yield Finding("policies", "error", f"{_place(finding)}: {finding.problem}", _remedy(finding))
        return
    for finding in loaded.warnings:
        yield Finding("policies", "warning", f"{_place(finding)}: {finding.problem}", _remedy(finding))
    yield Finding("policies", "ok", f"version {loaded.version}")
    outcomes = tuple(trials.tried(settings.policies, loaded, products))
    for outcome in outcomes:
        if outcome.failure:
            yield Finding("policies", "error", f"{outcome.where}: {outcome.failure}", "mend the policy, or its test")
    if outcomes and not any(outcome.failure for outcome in outcomes):
        yield Finding("policies", "ok", f"{len(outcomes)} policy tests hold")


def _place(finding: document.Finding) -> str:
    parts = (finding.file, str(finding.line) if finding.line else "", finding.path)
    return ":".join(part for part in parts if part)


def _remedy(finding: document.Finding) -> str:
    return finding.remedy or "edit the file; until then what was good before stays in force"
