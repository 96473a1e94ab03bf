"""The file of principals: its form, read strictly and written atomically with mode 0600. Touches that file only.

No clear password or API key is ever in it: SCRAM verifiers and SHA-256 digests only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, cast, get_args

import yaml

from gateway.access.credentials import NAME_KINDS
from gateway.access.scram import Verifier
from gateway.files import alone, durable
from gateway.principal import PORTS, WHOLE, Action, Claim, Kind, Scalar, Scope

SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}", re.ASCII)
_ATTRIBUTE = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)
_KINDS = tuple(kind for kind in get_args(Kind) if kind != "product")
_FIELDS = {"kind", "attributes", "verifier", "keys", "certificates"}
_NAME = re.compile(rf"(?:{'|'.join(NAME_KINDS)}):[!-~]{{1,512}}", re.ASCII)
# A subject, also one of an issuer, or the fingerprint of a certificate.
_BARRED = re.compile(r"[!-~]{1,160}", re.ASCII)
SCOPES = ("ports", "products", "actions")


class PrincipalsError(Exception):
    """The file of principals is not one: the message says where, and shows no secret."""


@dataclass(frozen=True)
class ApiKey:
    """One API key: `digest` is the SHA-256 of its secret in hex, `expires` an epoch second."""

    id: str
    digest: str
    expires: float
    scope: Scope = WHOLE


@dataclass(frozen=True)
class Entry:
    """One principal as it stands in the file; `verifier` is None where it has no password.

    `certificates` are the names, as `uri:...`, `dns:...` or `email:...`, of client certificates that prove it.
    """

    subject: str
    kind: Kind
    attributes: Mapping[str, Claim]
    verifier: Verifier | None
    keys: tuple[ApiKey, ...]
    certificates: tuple[str, ...] = ()


Entries = dict[str, Entry]


@dataclass(frozen=True)
class Register:
    """What the file says: the principals by subject, and who is barred whatever proves it, certificates too."""

    entries: Entries
    barred: set[str]

    @cached_property
    def keyed(self) -> Mapping[str, tuple[Entry, ApiKey]]:
        """Each API key by its id, and whose it is."""
        return {key.id: (entry, key) for entry in self.entries.values() for key in entry.keys}

    @cached_property
    def certified(self) -> Mapping[str, str]:
        """Whom each name of a certificate proves."""
        return {name: entry.subject for entry in self.entries.values() for name in entry.certificates}


def read(path: Path) -> Register:
    """The register; empty where the file does not exist. Raises PrincipalsError."""
    try:
        document = yaml.load(path.read_bytes(), Loader=_Strict)  # noqa: S506 - derives from SafeLoader
    except FileNotFoundError:
        return Register({}, set())
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise PrincipalsError(f"{path.name} cannot be read as YAML") from error
    if document is None:
        return Register({}, set())
    known = document if isinstance(document, dict) else {}
    subjects, barred = known.get("principals"), known.get("barred", [])
    if not set(known) <= {"principals", "barred"} or not isinstance(subjects, dict) or not isinstance(barred, list):
        raise PrincipalsError(
            f"{path.name}: a key `principals` is expected, holding subjects, and a list `barred` at most"
        )
    entries = {str(subject): _entry(subject, body) for subject, body in subjects.items()}
    names = [name for entry in entries.values() for name in entry.certificates]
    if len(set(names)) != len(names):
        raise PrincipalsError(f"{path.name}: one name of a certificate proves two principals")
    ids = [key.id for entry in entries.values() for key in entry.keys]
    if len(set(ids)) != len(ids):
        raise PrincipalsError(f"{path.name}: two API keys have one id")
    return Register(entries, {checked_bar(one) for one in barred})


def write(path: Path, register: Register) -> None:
    """Replace the file in one step: a reader sees all of it or all of what stood before."""
    entries = register.entries
    document: dict[str, Any] = {"principals": {name: _document(entries[name]) for name in sorted(entries)}}
    if register.barred:
        document["barred"] = sorted(register.barred)
    body = yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False)
    # Durably, by its name too: who was barred stays so.
    durable.replace(path, body.encode())


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Holds the lock of the file, so that two commands do not undo each other's change."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with alone.turn(path.with_name(f".{path.name}.lock")):
        yield


def claims(attributes: Mapping[str, object]) -> dict[str, Claim]:
    """`attributes` as typed claims, lists as tuples. Raises PrincipalsError for a name or value that is no claim."""
    typed: dict[str, Claim] = {}
    for name, value in attributes.items():
        if not isinstance(name, str) or not _ATTRIBUTE.fullmatch(name):
            raise PrincipalsError(f"attribute {name!s:.70}: a name is lower case letters, digits and _")
        typed[name] = _claim(name, value)
    for name in ("role", "purpose"):
        given = typed.get(name, ())
        texts = given if isinstance(given, tuple) else (given,)
        if not all(isinstance(item, str) for item in texts):
            raise PrincipalsError(f"attribute {name}: a list of texts is expected")
        typed[name] = texts
    return typed


def checked_subject(subject: object) -> str:
    """`subject` if it may name a principal. Raises PrincipalsError (`product:` names belong to products)."""
    if not isinstance(subject, str) or not SUBJECT.fullmatch(subject):
        raise PrincipalsError(f"subject {subject!s:.70}: letters, digits and . _ @ + - are allowed, 128 at most")
    return subject


def checked_kind(kind: object) -> Kind:
    """`kind` if a directory may hold it. Raises PrincipalsError."""
    for known in get_args(Kind):
        if kind == known and known in _KINDS:
            answer: Kind = known
            return answer
    raise PrincipalsError(f"kind {kind!s:.70}: one of {', '.join(_KINDS)} is expected")


def checked_name(name: object) -> str:
    """`name` if it may be that of a client certificate: exact, host names in lower case. Raises PrincipalsError."""
    if (
        not isinstance(name, str)
        or not _NAME.fullmatch(name)
        or "*" in name
        or (name[:4] == "dns:" and name != name.lower())
    ):
        raise PrincipalsError(
            f"{name!s:.70}: uri:, dns: or email: and the name itself is expected, such as dns:app.example"
        )
    return name


def checked_bar(named: object) -> str:
    """`named` if it can be barred: a subject, or sha256: and a fingerprint. Raises PrincipalsError."""
    if not isinstance(named, str) or not _BARRED.fullmatch(named):
        raise PrincipalsError(f"barred {named!s:.70}: a subject, or sha256: and the fingerprint of a certificate")
    return named


def checked_scope(given: Mapping[str, object]) -> Scope:
    """The scope of lists of ports, products and actions; what is absent is not narrowed. Raises PrincipalsError."""
    if not set(given) <= set(SCOPES):
        raise PrincipalsError(f"a scope has {', '.join(SCOPES)}")
    ports, products, actions = (_listed(name, given[name]) if name in given else None for name in SCOPES)
    if ports is not None and not set(ports) <= set(PORTS):
        raise PrincipalsError(f"ports: some of {', '.join(PORTS)} are expected")
    if actions is not None and not set(actions) <= set(get_args(Action)):
        raise PrincipalsError(f"actions: some of {', '.join(get_args(Action))} are expected")
    return Scope(ports, products, cast("tuple[Action, ...] | None", actions))


def scope_words(scope: Scope) -> dict[str, tuple[str, ...]]:
    """What `checked_scope` makes this scope of."""
    given = {name: getattr(scope, name) for name in SCOPES}
    return {name: values for name, values in given.items() if values is not None}


def _listed(name: str, value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list | tuple) else ()
    if not listed or not all(isinstance(one, str) and _ATTRIBUTE.fullmatch(one) for one in listed):
        raise PrincipalsError(f"{name}: a list of names is expected")
    return tuple(listed)


def _entry(subject: object, body: object) -> Entry:
    name = checked_subject(subject)
    if not isinstance(body, dict) or not set(body) <= _FIELDS or not isinstance(body.get("attributes", {}), dict):
        raise PrincipalsError(f"{name}: {', '.join(sorted(_FIELDS))} are expected")
    try:
        verifier = Verifier.parse(str(body["verifier"])) if body.get("verifier") is not None else None
        return Entry(
            name,
            checked_kind(body.get("kind")),
            claims(body.get("attributes", {})),
            verifier,
            tuple(_key(key) for key in body.get("keys", ())),
            tuple(checked_name(name) for name in body.get("certificates", ())),
        )
    except (ValueError, TypeError, PrincipalsError) as error:
        raise PrincipalsError(f"{name}: {error}") from error


def _key(body: object) -> ApiKey:
    if not isinstance(body, dict) or set(body) - {"scope"} != {"id", "sha256", "expires"}:
        raise ValueError("a key has id, sha256 and expires, and may have a scope")
    expires = body["expires"]
    if not re.fullmatch(r"[0-9a-f]{64}", str(body["sha256"])) or not isinstance(expires, datetime):
        raise ValueError("a key's sha256 is 64 hex digits and its expires a time with a zone")
    if expires.tzinfo is None:
        raise ValueError("a key's expires needs a zone")
    scope = body.get("scope", {})
    if not isinstance(scope, dict):
        raise ValueError("a key's scope has lists of ports, products and actions")
    return ApiKey(str(body["id"]), str(body["sha256"]), expires.timestamp(), checked_scope(scope))


def _document(entry: Entry) -> dict[str, Any]:
    body: dict[str, Any] = {"kind": entry.kind}
    body["attributes"] = {name: _plain(value) for name, value in sorted(entry.attributes.items()) if value != ()}
    if entry.verifier is not None:
        body["verifier"] = str(entry.verifier)
    if entry.keys:
        body["keys"] = [_key_document(key) for key in entry.keys]
    if entry.certificates:
        body["certificates"] = list(entry.certificates)
    return body


def _key_document(key: ApiKey) -> dict[str, Any]:
    body = {"id": key.id, "sha256": key.digest, "expires": datetime.fromtimestamp(key.expires, UTC)}
    scope = {name: list(values) for name, values in scope_words(key.scope).items()}
    return body | ({"scope": scope} if scope else {})


def _claim(name: str, value: object) -> Claim:
    return tuple(_scalar(name, item) for item in value) if isinstance(value, list | tuple) else _scalar(name, value)


def _scalar(name: str, value: object) -> Scalar:
    if isinstance(value, bool | int | str | date) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise PrincipalsError(f"attribute {name}: a text, number, true, false, date, time or a list of these is expected")


def _plain(value: Claim) -> object:
    return list(value) if isinstance(value, tuple) else value


class _Strict(yaml.CSafeLoader):
    """Refuses a key that stands twice: the second would silently replace the first.

    By libyaml: nobody can sign in while the file is read, and 10,000 principals take 5 s without it.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        if len(set(names)) != len(names):
            raise yaml.constructor.ConstructorError(None, None, "a key stands twice", node.start_mark)
        return super().construct_mapping(node, deep)
