"""The file of issuers: whose tokens are taken, and what their claims mean here. Read strictly; touches that file only.

Nothing of a token reaches a principal that is not listed here, and nothing of another type than the one declared.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from gateway.access.claims import KNOWN_TYPES, NAME, ClaimType, claim_type
from gateway.access.fetch import fit
from gateway.access.jwks import ALGORITHMS

# What `outport token` issues itself.
OWN = "outport"
_RESERVED = frozenset({"role", "purpose", "subject", "kind", "port", "action", "hours", "not"})


class IssuersError(Exception):
    """The file of issuers cannot be used; the message is lines that say where, and what would be right."""


def _url(text: str) -> str:
    if not fit(text):
        raise ValueError("an https address is expected (http on this machine only)")
    return text


def _typed(declared: Any) -> ClaimType:
    found = claim_type(declared)
    if found is None:
        raise ValueError(f"a type is expected, [type] for a list: {KNOWN_TYPES}")
    return found


def _path(named: Any) -> Any:
    return (named,) if isinstance(named, str) else tuple(named) if isinstance(named, list) else named


def _among(*known: str) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    def check(names: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := sorted(set(names) - set(known)):
            raise ValueError(f"{', '.join(unknown)} is not among {', '.join(known)}")
        return names

    return check


_Text = Annotated[str, Field(min_length=1, max_length=512)]
_Url = Annotated[_Text, AfterValidator(_url)]
_Texts = Annotated[tuple[_Text, ...], BeforeValidator(_path), Field(min_length=1, max_length=50)]
_Type = Annotated[ClaimType, BeforeValidator(_typed)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Told(_Strict):
    """Which values of a claim mean what here; others mean nothing. `claim` is a name, or a path of names."""

    claim: _Texts
    values: dict[_Text, _Text] = Field(min_length=1)
    type: Literal["text", "list"] = "list"


class Subject(_Strict):
    """The claim that names the subject: a text."""

    claim: _Texts = ("sub",)


class Kinded(_Strict):
    """A claim whose text tells the kind; another text, or none, is refused."""

    claim: _Texts
    values: dict[_Text, Literal["person", "application", "agent"]] = Field(min_length=1)


class Mapped(_Strict):
    """A claim that becomes an attribute. `required` refuses a token without it."""

    claim: _Texts
    type: _Type
    required: bool = False


class Client(_Strict):
    """As which client of its issuer the hub signs people in; the file's secret proves that, where there is one.

    `title` is what the hub calls the issuer there.
    """

    client_id: _Text
    client_secret_file: Path | None = None
    scopes: _Texts = ("openid",)
    title: _Text | None = None


class Issuer(_Strict):
    """One issuer. Its subjects are called `name:subject`; with `listed`, they are principals of the directory.

    A listed principal has the directory's attributes, and no claim is read but the subject.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,30}$")]
    issuer: _Text
    audience: _Texts
    jwks: _Url | None = None
    ca: Path | None = None
    algorithms: Annotated[_Texts, AfterValidator(_among(*ALGORITHMS))] = ALGORITHMS
    principals: Literal["mapped", "listed"] = "mapped"
    subject: Subject = Subject()
    kind: Literal["person", "application", "agent"] | Kinded = "person"
    roles: Told | None = None
    purposes: Told | None = None
    attributes: dict[str, Mapped] = {}
    sign_in: Client | None = None

    @model_validator(mode="after")
    def _fits(self) -> Issuer:
        if self.name in {"product", "account"} or self.issuer == OWN:
            raise ValueError("`product`, `account` and `outport` are names of this deployment itself")
        if self.jwks is None and not fit(self.issuer):
            raise ValueError("jwks is expected, since the issuer is no https address with a discovery document")
        if self.sign_in is not None and (not fit(self.issuer) or "openid" not in self.sign_in.scopes):
            raise ValueError("sign_in needs an issuer with a discovery document, and the scope openid")
        if wrong := sorted(name for name in self.attributes if not NAME.fullmatch(name) or name in _RESERVED):
            raise ValueError(f"attributes: {', '.join(wrong)} cannot be one")
        if self.principals == "listed" and (self.roles or self.purposes or self.attributes or self.kind != "person"):
            raise ValueError("a listed principal has what the directory says: only subject can be mapped")
        return self


class _File(_Strict):
    issuers: Annotated[tuple[Issuer, ...], Field(max_length=50)]


def read(path: Path) -> tuple[Issuer, ...]:
    """The issuers of a file; a relative path starts at its folder. Raises IssuersError."""
    try:
        document = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise IssuersError(f"{path.name} cannot be read as YAML") from error
    try:
        found = _File.model_validate(document).issuers
    except ValidationError as error:
        lines = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise IssuersError(f"{path.name}: " + "; ".join(lines)) from error
    for field in ("name", "issuer"):
        given = [getattr(one, field) for one in found]
        if twice := sorted({value for value in given if given.count(value) > 1}):
            raise IssuersError(f"{path.name}: {field} {', '.join(twice)} stands twice")
    return tuple(_placed(one, path.parent) for one in found)


def _placed(issuer: Issuer, folder: Path) -> Issuer:
    """The issuer with its files' paths, which start at `folder`. Raises IssuersError for an unreadable secret."""
    client = issuer.sign_in
    if client is not None and client.client_secret_file is not None:
        client = client.model_copy(update={"client_secret_file": folder / client.client_secret_file})
        client_secret(client)
    return issuer.model_copy(update={"ca": issuer.ca and folder / issuer.ca, "sign_in": client})


def client_secret(client: Client) -> str | None:
    """What proves us to the issuer, as it stands now; None for a client without. Raises IssuersError."""
    if client.client_secret_file is None:
        return None
    try:
        found = client.client_secret_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise IssuersError(f"the client secret of {client.client_id} cannot be read") from error
    if not found:
        raise IssuersError(f"the client secret of {client.client_id} is empty")
    return found


SUBJECT = re.compile(r"[A-Za-z0-9._@+|/:=~-]{1,128}", re.ASCII)
