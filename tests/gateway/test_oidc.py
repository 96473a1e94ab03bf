"""Tokens of outside issuers: which keys are believed and for how long, and what a claim may become."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.access import issuers, jose, jwks
from gateway.access.credentials import Bearer, IdToken
from gateway.access.identity import Directory
from gateway.access.issuers import IssuersError
from gateway.access.jose import BadToken
from gateway.access.jwks import FRESH_S, RETRY_S, STALE_S, KeySet, Source
from gateway.access.keys import Keys
from gateway.access.oidc import LEEWAY_S, Issuers
from gateway.errors import Unauthenticated, Unavailable
from gateway.principal import Principal
from tests import readme
from tests.idp import EC, ED, OTHER, RSA, Idp, jwt, public

KEYS = Keys(b"a secret of the tests, 32 bytes long")


@pytest.fixture
def idp() -> Iterator[Idp]:
    running = Idp()
    yield running
    running.close()


def mapping(idp: Idp, **change: Any) -> dict[str, Any]:
    """One issuer of the file; a change of None leaves a key out."""
    body = {
        "name": "corp",
        "issuer": idp.url,
        "audience": "outport",
        "jwks": f"{idp.url}/jwks",
        "roles": {"claim": "groups", "values": {"analysts": "analyst", "bosses": "steward"}},
        "attributes": {"store": {"claim": ["shop", "store"], "type": "integer"}},
        **change,
    }
    return {name: value for name, value in body.items() if value is not None}


class Desk:
    """A directory with issuers, and how it takes a token."""

    def __init__(self, folder: Path, *issuers: dict[str, Any]) -> None:
        self.file = folder / "issuers.yaml"
        self.write(*issuers)
        self.directory = Directory(folder / "principals.yaml", KEYS, Issuers(self.file))

    def write(self, *issuers: dict[str, Any]) -> None:
        self.file.write_text(yaml.safe_dump({"issuers": list(issuers)}))

    def ask(self, token: str) -> Principal:
        return self.directory.authenticate(Bearer(token))

    def refuses(self, token: str) -> bool:
        with contextlib.suppress(Unauthenticated):
            self.ask(token)
            return False
        return True


@pytest.fixture
def desk(tmp_path: Path, idp: Idp) -> Desk:
    return Desk(tmp_path, mapping(idp))


def test_a_token_becomes_a_principal_of_the_mapped_claims_alone(desk: Desk, idp: Idp) -> None:
    claims = idp.claims(role=["steward"], purpose=["audit"], store=9)
    ann = desk.ask(jwt(claims))
    assert (ann.subject, ann.kind) == ("corp:ann", "person")
    assert ann.attributes == {"role": ("analyst",), "purpose": (), "store": 3}
    assert ann.valid_until == claims["exp"] + LEEWAY_S


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"),
    [(RSA, "RS256", "rsa"), (RSA, "PS256", "rsa"), (EC, "ES256", "ec"), (ED, "EdDSA", "ed"), (ED, "Ed25519", "ed")],
)
def test_every_algorithm_is_taken_of_its_own_kind_of_key_only(
    desk: Desk, idp: Idp, key: Any, algorithm: str, kid: str
) -> None:
    assert not desk.refuses(jwt(idp.claims(), key, algorithm, kid=kid))
    for other in {"rsa", "ec", "ed"} - {kid}:
        assert desk.refuses(jwt(idp.claims(), key, algorithm, kid=other))


def test_a_key_that_its_issuer_has_bound_to_an_algorithm_takes_no_other(desk: Desk, idp: Idp) -> None:
    idp.keys = [public(RSA, kid="rsa", alg="PS256")]
    assert desk.refuses(jwt(idp.claims()))
    assert not desk.refuses(jwt(idp.claims(), algorithm="PS256"))


def test_an_issuer_may_be_held_to_fewer_algorithms(tmp_path: Path, idp: Idp) -> None:
    desk = Desk(tmp_path, mapping(idp, algorithms=["ES256"]))
    assert desk.refuses(idp.token())
    assert not desk.refuses(jwt(idp.claims(), EC, "ES256", kid="ec"))


def test_keys_that_are_weak_secret_or_for_encryption_sign_nothing(desk: Desk, idp: Idp) -> None:
    whole = public(RSA, kid="rsa")
    idp.keys = [
        {**whole, "use": "enc"},
        {**whole, "key_ops": ["encrypt"]},
        {**whole, "d": whole["n"]},
        {**whole, "n": whole["n"][:100]},
        {"kty": "oct", "kid": "rsa", "k": "c2VjcmV0"},
        public(EC, kid="ec"),
    ]
    assert desk.refuses(idp.token())
    assert not desk.refuses(jwt(idp.claims(), EC, "ES256", kid="ec"))


def test_a_token_without_a_key_id_is_taken_where_one_key_alone_fits(desk: Desk, idp: Idp) -> None:
    assert not desk.refuses(jwt(idp.claims(), kid=None))
    idp.keys.append(public(OTHER, kid="more"))
    desk.write(mapping(idp, jwks=f"{idp.url}/jwks?2"))
    idp.answer = lambda path: idp.honest(path.partition("?")[0])
    assert desk.refuses(jwt(idp.claims(), kid=None))
    assert not desk.refuses(idp.token())


def test_discovery_finds_the_keys_where_none_are_named(tmp_path: Path, idp: Idp) -> None:
    desk = Desk(tmp_path, mapping(idp, jwks=None))
    assert not desk.refuses(idp.token())
    assert idp.asked == ["/.well-known/openid-configuration", "/jwks"]


@pytest.mark.parametrize(
    "document",
    [
        '{"issuer": "https://else.example", "jwks_uri": "%s/jwks"}',
        '{"issuer": "%s"}',
        '{"issuer": "%s", "jwks_uri": "http://else.example/jwks"}',
        '{"issuer": "%s", "jwks_uri": "file:///etc/passwd"}',
        "[]",
        "{",
    ],
)
def test_a_discovery_document_of_another_or_that_leads_astray_is_not_followed(
    tmp_path: Path, idp: Idp, document: str
) -> None:
    desk = Desk(tmp_path, mapping(idp, jwks=None))
    idp.answer = lambda path: (200, document.replace("%s", idp.url).encode()) if "well" in path else idp.honest(path)
    with pytest.raises(Unavailable):
        desk.ask(idp.token())
    assert "/jwks" not in idp.asked


@pytest.mark.parametrize(
    "answer",
    [
        (500, b""),
        (404, b""),
        (302, b"/elsewhere"),
        (200, b"[]"),
        (200, b"{"),
        (200, b'{"keys": []}'),
        (200, b'{"keys": [' + b" " * (1 << 19) + b"]}"),
    ],
    ids=["500", "404", "redirect", "list", "no json", "no keys", "long"],
)
def test_keys_that_cannot_be_had_are_no_reason_to_call_a_token_wrong(
    desk: Desk, idp: Idp, answer: tuple[int, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    idp.answer = lambda _: answer
    token = idp.token()
    with pytest.raises(Unavailable, match="cannot be asked"):
        desk.ask(token)
    assert idp.asked == ["/jwks"]
    assert idp.url in caplog.text
    assert token not in caplog.text


class Clock:
    """A clock that stands until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(idp: Idp, clock: Clock) -> KeySet:
    return KeySet(Source(idp.url, f"{idp.url}/jwks", None), clock)


def settled(keys: KeySet) -> None:
    """Wait for the fetch that runs, if one does."""
    running = keys._running
    assert running is None or running.wait(60)


def test_a_new_key_is_found_at_its_first_token_and_the_old_one_ends_with_its_publication(
    keys: KeySet, idp: Idp, clock: Clock
) -> None:
    assert keys.fitting("rsa", "RS256")
    idp.keys = [public(OTHER, kid="next")]
    clock.now += RETRY_S
    assert keys.fitting("next", "RS256")
    assert keys.fitting("rsa", "RS256") == ()
    assert idp.asked == ["/jwks"] * 2


def test_where_no_thread_is_to_be_had_the_next_question_fetches(keys: KeySet, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        with pytest.raises(Unavailable):
            keys.fitting("rsa", "RS256")
    assert keys.fitting("rsa", "RS256")


def test_unknown_key_ids_do_not_make_the_issuer_be_asked_again_and_again(keys: KeySet, idp: Idp, clock: Clock) -> None:
    for index in range(50):
        assert keys.fitting(f"made-up-{index}", "RS256") == ()
    assert keys.fitting("rsa", "RS256")
    assert len(idp.asked) == 1
    clock.now += RETRY_S
    for index in range(50):
        assert keys.fitting(f"made-up-{index}", "RS256") == ()
    assert len(idp.asked) == 2


def test_fresh_keys_are_not_fetched_and_older_ones_serve_while_they_are(keys: KeySet, idp: Idp, clock: Clock) -> None:
    assert keys.fitting("rsa", "RS256")
    clock.now += FRESH_S
    assert keys.fitting("rsa", "RS256")
    assert len(idp.asked) == 1
    clock.now += 1
    assert keys.fitting("rsa", "RS256")
    settled(keys)
    assert len(idp.asked) == 2


def test_keys_serve_on_while_their_issuer_is_down_and_not_for_ever(keys: KeySet, idp: Idp, clock: Clock) -> None:
    assert keys.fitting("rsa", "RS256")
    idp.answer = lambda _: (503, b"")
    clock.now += STALE_S
    assert keys.fitting("rsa", "RS256")
    settled(keys)
    clock.now += 1
    with pytest.raises(Unavailable):
        keys.fitting("rsa", "RS256")
    idp.answer = idp.honest
    with pytest.raises(Unavailable):
        keys.fitting("rsa", "RS256")
    clock.now += RETRY_S
    assert keys.fitting("rsa", "RS256")


def test_many_questions_at_once_are_one_fetch_and_few_wait(
    keys: KeySet, idp: Idp, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, asked = threading.Event(), threading.Event()

    def slow(path: str) -> tuple[int, bytes]:
        asked.set()
        held.wait(60)
        return idp.honest(path)

    idp.answer = slow
    monkeypatch.setattr(jwks, "WAIT_S", 60.0)
    given: list[object] = []
    waiting = [threading.Thread(target=lambda: given.append(keys.fitting("rsa", "RS256"))) for _ in range(8)]
    for one in waiting:
        one.start()
    assert asked.wait(60)
    full = threading.Event()
    while keys._waiting.acquire(blocking=False):
        keys._waiting.release()
        full.wait(0.01)
    with pytest.raises(Unavailable):
        keys.fitting("rsa", "RS256")
    held.set()
    for one in waiting:
        one.join()
    assert len(given) == 8
    assert all(given)
    assert idp.asked == ["/jwks"]


MANY = {
    "n": {"claim": "n", "type": "bigint"},
    "x": {"claim": "x", "type": "double"},
    "b": {"claim": "b", "type": "boolean"},
    "d": {"claim": "d", "type": "date"},
    "m": {"claim": "m", "type": "decimal(9,2)"},
    "t": {"claim": "https://corp.example/t", "type": "varchar"},
    "l": {"claim": "l", "type": ["varchar"]},
}


def test_claims_arrive_as_the_types_that_are_declared(tmp_path: Path, idp: Idp) -> None:
    desk = Desk(tmp_path, mapping(idp, attributes=MANY, roles=None))
    given = {"n": 7, "x": 2, "b": True, "d": "2020-01-31", "m": "12.50", "https://corp.example/t": "T", "l": ["a", "b"]}
    found = dict(desk.ask(idp.token(**given)).attributes)
    wanted = {"n": 7, "x": 2.0, "b": True, "d": date(2020, 1, 31), "m": Decimal("12.50"), "t": "T", "l": ("a", "b")}
    assert found == {"role": (), "purpose": (), **wanted}
    assert [type(found[name]) for name in ("n", "x", "b")] == [int, float, bool]
    assert desk.ask(idp.token(l=[])).attributes == {"role": (), "purpose": ()}


@pytest.mark.parametrize(
    "wrong",
    [
        {"n": "7"},
        {"n": 7.5},
        {"n": True},
        {"n": 2**70},
        {"n": [7]},
        {"x": "2"},
        {"b": 1},
        {"b": "true"},
        {"d": "31.01.2020"},
        {"d": 20200131},
        {"m": "1.234"},
        {"m": 1.5},
        {"m": "NaN"},
        {"https://corp.example/t": ""},
        {"https://corp.example/t": {"a": 1}},
        {"l": "a"},
        {"l": ["a", 1]},
        {"l": ["a", None]},
        {"groups": "analysts"},
        {"groups": ["analysts", 1]},
        {"groups": {"analysts": True}},
    ],
    ids=str,
)
def test_a_mapped_claim_of_another_type_refuses_the_token(tmp_path: Path, idp: Idp, wrong: dict[str, Any]) -> None:
    desk = Desk(tmp_path, mapping(idp, attributes=MANY))
    assert desk.refuses(idp.token(**wrong))
    assert not desk.refuses(idp.token())


def test_a_required_claim_and_a_kind_that_is_not_told_refuse(tmp_path: Path, idp: Idp) -> None:
    kind = {"claim": "typ", "values": {"svc": "application"}}
    attributes = {"store": {"claim": ["shop", "store"], "type": "integer", "required": True}}
    desk = Desk(tmp_path, mapping(idp, kind=kind, attributes=attributes))
    assert desk.ask(idp.token(typ="svc")).kind == "application"
    assert desk.refuses(idp.token())
    assert desk.refuses(idp.token(typ="steward"))
    assert desk.refuses(idp.token(typ="svc", shop={}))
    assert desk.refuses(idp.token(typ="svc", shop=[3]))


def test_an_address_is_a_subject_only_where_its_issuer_has_verified_it(tmp_path: Path, idp: Idp) -> None:
    desk = Desk(tmp_path, mapping(idp, subject={"claim": "email"}))
    mail = {"email": "ann@corp.example"}
    assert desk.ask(idp.token(**mail, email_verified=True)).subject == "corp:ann@corp.example"
    for wrong in ({}, {"email_verified": False}, {"email_verified": "true"}):
        assert desk.refuses(idp.token(**mail, **wrong))


def test_a_listed_principal_is_the_directorys_whatever_the_token_says(tmp_path: Path, idp: Idp) -> None:
    desk = Desk(tmp_path, mapping(idp, principals="listed", roles=None, attributes=None))
    desk.directory.add("ann", "agent", {"role": ["clerk"], "store": 5})
    ann = desk.ask(idp.token())
    assert (ann.subject, ann.kind, ann.attributes["role"], ann.attributes["store"]) == ("ann", "agent", ("clerk",), 5)
    assert desk.refuses(idp.token(sub="bob"))
    assert desk.refuses(idp.token(sub="product:shop"))


def test_an_issuers_subject_is_no_principal_of_the_directory(desk: Desk, idp: Idp) -> None:
    desk.directory.add("ann", "person", {"role": ["steward"]})
    assert desk.ask(idp.token()).attributes["role"] == ("analyst",)
    assert desk.refuses(idp.token(sub="ann smith"))


def test_two_issuers_cannot_sign_for_each_other(tmp_path: Path, idp: Idp) -> None:
    second = Idp()
    try:
        second.keys = [public(OTHER, kid="rsa")]
        desk = Desk(tmp_path, mapping(idp), mapping(second, name="partner"))
        assert desk.ask(idp.token()).subject == "corp:ann"
        assert desk.ask(jwt(second.claims(), OTHER)).subject == "partner:ann"
        assert desk.refuses(jwt(idp.claims(), OTHER))
        assert desk.refuses(jwt(second.claims(), RSA))
    finally:
        second.close()


def test_an_issuer_that_is_taken_out_ends_at_once_and_a_broken_file_admits_nobody(desk: Desk, idp: Idp) -> None:
    token = idp.token()
    ann = desk.ask(token)
    desk.directory.stands(ann, Bearer(token))
    desk.write()
    with pytest.raises(Unauthenticated):
        desk.directory.stands(ann, Bearer(token))
    desk.file.write_text("issuers: [{name: corp}]")
    with pytest.raises(Unavailable):
        desk.ask(token)
    desk.write(mapping(idp))
    assert desk.ask(token) == ann
    assert len(idp.asked) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"jwks": "http://corp.example/jwks"},
        {"jwks": "https://me:secret@corp.example/jwks"},
        {"jwks": None, "issuer": "corp"},
        {"issuer": "outport"},
        {"name": "product"},
        {"name": "Corp"},
        {"audience": None},
        {"audience": []},
        {"algorithms": ["HS256"]},
        {"algorithms": ["none"]},
        {"roles": {"claim": "groups"}},
        {"attributes": {"role": {"claim": "role", "type": "varchar"}}},
        {"attributes": {"store": {"claim": "store"}}},
        {"attributes": {"store": {"claim": "store", "type": "thing"}}},
        {"principals": "listed"},
        {"kind": "product"},
        {"secret": "x"},
    ],
    ids=str,
)
def test_a_file_that_says_something_else_is_refused_as_a_whole(
    tmp_path: Path, idp: Idp, change: dict[str, Any]
) -> None:
    with pytest.raises(IssuersError, match=r"issuers\.yaml"):
        Desk(tmp_path, mapping(idp), mapping(idp, **{"name": "second", "issuer": f"{idp.url}/2", **change}))


def test_the_file_that_the_readme_shows_is_one(tmp_path: Path) -> None:
    (tmp_path / "issuers.yaml").write_text(readme.file("issuers.yaml"))
    (corp,) = issuers.read(tmp_path / "issuers.yaml")
    assert (corp.name, corp.attributes["store"].claim) == ("corp", ("store",))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sign_in": {"client_id": "hub", "scopes": ["profile"]}}, "the scope openid"),
        ({"issuer": "corp", "sign_in": {"client_id": "hub"}}, "a discovery document"),
        ({"sign_in": {"client_id": "hub", "client_secret": "here"}}, "sign_in.client_secret"),
        ({"sign_in": {"client_id": "hub", "client_secret_file": "nowhere"}}, "secret of hub cannot be read"),
    ],
)
def test_a_sign_in_that_cannot_work_is_refused_with_its_file(
    tmp_path: Path, idp: Idp, change: dict[str, Any], words: str
) -> None:
    file = tmp_path / "issuers.yaml"
    file.write_text(yaml.safe_dump({"issuers": [mapping(idp, **change)]}))
    with pytest.raises(IssuersError, match=words):
        issuers.read(file)


def test_what_is_kept_of_a_sign_in_proves_it_while_its_issuer_has_the_key_and_the_client(
    tmp_path: Path, idp: Idp
) -> None:
    client = {"sign_in": {"client_id": "hub"}}
    desk = Desk(tmp_path, mapping(idp, **client))
    token = jose.parse(idp.token(aud="hub", groups=["staff", "analysts"], extra="x" * 5000))
    known = Issuers(desk.file)
    found, told = known.signed_in(token)
    assert desk.directory.authenticate(IdToken(told)).attributes == {"role": ("analyst",), "purpose": (), "store": 3}
    assert not [word for word in ("staff", "xxx") if word in told]
    assert known.still(told) == found
    for bad in ("", "{}", "[]", told.replace('"hub"', '"else"'), told.replace('"RS256"', '"none"')):
        with pytest.raises(BadToken):
            known.still(bad)
    desk.write(mapping(idp))  # it is our client no more
    with pytest.raises(Unauthenticated):
        desk.directory.authenticate(IdToken(told))
    desk.write(mapping(idp, **client))
    idp.keys = [public(OTHER, kid="rsa")]
    with pytest.raises(BadToken):
        Issuers(desk.file).still(told)
    with pytest.raises(BadToken):
        Issuers(desk.file).still(json.dumps({**json.loads(told), "claims": idp.claims(aud="hub", exp=1)}))


def test_a_session_of_a_claim_that_tells_roles_and_purposes_has_both(tmp_path: Path, idp: Idp) -> None:
    purposes = {"claim": "groups", "values": {"bi-users": "bi"}}
    desk = Desk(tmp_path, mapping(idp, sign_in={"client_id": "hub"}, purposes=purposes))
    found, told = Issuers(desk.file).signed_in(jose.parse(idp.token(aud="hub", groups=["x", "analysts", "bi-users"])))
    assert (found.attributes["role"], found.attributes["purpose"]) == (("analyst",), ("bi",))
    assert Issuers(desk.file).still(told) == found
    assert '"x"' not in told


def test_a_session_ends_once_other_claims_are_read_and_not_where_they_mean_something_else(
    tmp_path: Path, idp: Idp
) -> None:
    client, status = {"sign_in": {"client_id": "hub"}}, {"status": {"claim": "status", "type": "text"}}
    leavers = {"claim": "groups", "values": {"analysts": "analyst", "bosses": "steward", "leavers": "leaver"}}
    desk = Desk(tmp_path, mapping(idp, **client))
    token = jose.parse(idp.token(aud="hub", groups=["leavers", "analysts"], status="leaver"))
    known = Issuers(desk.file)
    _, told = known.signed_in(token)
    for change in ({"roles": leavers}, {"attributes": status}, {"principals": "listed", "roles": None}):
        desk.write(mapping(idp, **client, **({"attributes": None} if "principals" in change else {}), **change))
        with pytest.raises(BadToken, match="other claims"):
            known.still(told)
    means = {"claim": "groups", "values": {"analysts": "reader", "bosses": "boss"}}
    desk.write(mapping(idp, **client, roles=means))
    assert known.still(told).attributes["role"] == ("reader",)
