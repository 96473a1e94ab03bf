"""Tokens of an outside issuer at every door: each forgery is refused, and its honest twin is let in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pyarrow as pa
import pyarrow.flight as fl
import pytest
import yaml

from gateway import Gateway
from ports.flight import messages as m
from ports.flight.server import FlightPort
from ports.http.server import HttpPort
from ports.postgres.server import PostgresPort
from tests.conftest import World
from tests.idp import EC, OTHER, RSA, Idp, b64, jwt, pem, public

QUESTION = "SELECT count(*) AS n FROM shop.customers"
Door = Callable[[str], int | None]


@pytest.fixture(scope="module")
def idp() -> Iterator[Idp]:
    running = Idp()
    yield running
    running.close()


@pytest.fixture(scope="module")
def opened(world: World, idp: Idp, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Door]]:
    """The number of customers that the holder of a token sees at each door; None where the token is refused."""
    file: Path = tmp_path_factory.mktemp("issuers") / "issuers.yaml"
    roles = {"claim": "groups", "values": {"analysts": "analyst", "stewards": "steward"}}
    issuer = {"name": "corp", "issuer": idp.url, "audience": "outport", "roles": roles}
    file.write_text(yaml.safe_dump({"issuers": [issuer]}))
    gateway = Gateway(world.settings.model_copy(update={"issuers": file, "rate_limit": 0}))
    ports = HttpPort(gateway), FlightPort(gateway), PostgresPort(gateway)
    for port in ports:
        port.start()
    rest, flight, postgres = (port.address for port in ports)
    with (
        httpx.Client(base_url=f"http://{rest[0]}:{rest[1]}") as web,
        fl.connect(f"grpc://{flight[0]}:{flight[1]}") as grpc,
    ):
        yield {
            "rest": lambda token: by_rest(web, token),
            "flightsql": lambda token: by_flight(grpc, token),
            "postgres": lambda token: by_postgres(postgres, token),
        }
    for port in ports:
        port.stop()
    gateway.close()


@pytest.fixture(params=["rest", "flightsql", "postgres"])
def door(request: pytest.FixtureRequest, opened: dict[str, Door]) -> Door:
    return opened[request.param]


def by_rest(web: httpx.Client, token: str) -> int | None:
    answer = web.post("/sql", json={"sql": QUESTION}, headers={"Authorization": f"Bearer {token}"})
    if answer.status_code == 200:
        return int(answer.json()["data"][0]["n"])
    assert answer.status_code == 401
    return refused(answer.text, token, "wrong or have expired")


def by_flight(client: fl.FlightClient, token: str) -> int | None:
    options = fl.FlightCallOptions(headers=[(b"authorization", f"Bearer {token}".encode())])
    asked = fl.FlightDescriptor.for_command(m.pack(m.CommandStatementQuery(QUESTION)))
    try:
        info = client.get_flight_info(asked, options)
    except (fl.FlightUnauthenticatedError, pa.ArrowInvalid) as error:
        return refused(str(error), token, "wrong or have expired", "received metadata size exceeds")
    return int(client.do_get(info.endpoints[0].ticket, options).read_all()["n"][0].as_py())


def by_postgres(at: tuple[str, int], token: str) -> int | None:
    try:
        with psycopg.connect(host=at[0], port=at[1], user="token", password=token, dbname="outport") as connection:
            found = connection.execute(QUESTION).fetchone()
    except psycopg.OperationalError as error:
        return refused(str(error), token, "wrong or have expired")
    return int(found[0]) if found is not None else None


def refused(told: str, token: str, *words: str) -> None:
    """It was refused in one of these words, which do not repeat the token."""
    assert any(one in told for one in words)
    assert token not in told


def twice(idp: Idp, first: str, second: str) -> str:
    """Claims in which one name stands twice."""
    body = json.dumps(idp.claims(groups=None))
    return jwt(f'{body[:-1]}, "groups": {first}, "groups": {second}}}')


def unsigned(idp: Idp, algorithm: str) -> str:
    return jwt(idp.claims(), algorithm=algorithm).rpartition(".")[0] + "."


def swapped(idp: Idp) -> str:
    """The signature of one token under the claims of another."""
    head, _, signature = idp.token().split(".")
    return f"{head}.{jwt(idp.claims(groups=['stewards'])).split('.')[1]}.{signature}"


def embedded(idp: Idp, **header: Any) -> str:
    """A token by a key that it brings itself."""
    return jwt(idp.claims(), OTHER, **header)


def confused(idp: Idp, key: bytes) -> str:
    """HS256 with what everybody may know as its secret."""
    return jwt(idp.claims(), key, "HS256")


Forged = Callable[[Idp], str]
HOUR = 3600
CORPUS: dict[str, tuple[Forged, Forged]] = {
    "alg none": (lambda idp: unsigned(idp, "none"), lambda idp: idp.token()),
    "alg None": (lambda idp: unsigned(idp, "None"), lambda idp: idp.token()),
    "alg none, signed": (
        lambda idp: jwt(idp.claims(), algorithm="none").rpartition(".")[0] + "." + idp.token().split(".")[2],
        lambda idp: idp.token(),
    ),
    "alg absent": (lambda idp: jwt(idp.claims(), alg=None), lambda idp: idp.token()),
    "no signature": (lambda idp: unsigned(idp, "RS256"), lambda idp: idp.token()),
    "another's signature": (swapped, lambda idp: jwt(idp.claims(groups=["analysts"]))),
    "HS256 by the public key in PEM": (lambda idp: confused(idp, pem(RSA)), lambda idp: idp.token()),
    "HS256 by the modulus": (lambda idp: confused(idp, public(RSA)["n"].encode()), lambda idp: idp.token()),
    "HS256 by nothing": (lambda idp: confused(idp, b""), lambda idp: idp.token()),
    "ES256 header over RS256": (
        lambda idp: jwt(idp.claims(), algorithm="RS256", alg="ES256"),
        lambda idp: jwt(idp.claims(), EC, "ES256", kid="ec"),
    ),
    "RS256 by the key of ES256": (
        lambda idp: jwt(idp.claims(), kid="ec"),
        lambda idp: jwt(idp.claims(), EC, "ES256", kid="ec"),
    ),
    "ES256 of zeros": (
        lambda idp: jwt(idp.claims(), EC, "ES256", kid="ec").rpartition(".")[0] + "." + b64(bytes(64)),
        lambda idp: jwt(idp.claims(), EC, "ES256", kid="ec"),
    ),
    "kid as a path": (lambda idp: jwt(idp.claims(), OTHER, kid="../../../dev/null"), lambda idp: idp.token()),
    "kid as SQL": (lambda idp: jwt(idp.claims(), b"x", "HS256", kid="' UNION SELECT 'x"), lambda idp: idp.token()),
    "kid as a list": (lambda idp: jwt(idp.claims(), kid=["rsa"]), lambda idp: idp.token()),
    "kid without end": (lambda idp: jwt(idp.claims(), kid="rsa" * 200), lambda idp: idp.token()),
    "kid empty": (lambda idp: jwt(idp.claims(), kid=""), lambda idp: jwt(idp.claims(), kid=None)),
    "jku": (lambda idp: embedded(idp, jku="http://127.0.0.1:1/jwks"), lambda idp: jwt(idp.claims())),
    "jku, rightly signed": (lambda idp: jwt(idp.claims(), jku=f"{idp.url}/jwks"), lambda idp: jwt(idp.claims())),
    "x5u": (lambda idp: embedded(idp, x5u="http://127.0.0.1:1/x.pem"), lambda idp: jwt(idp.claims(), x5t="AAAA")),
    "x5c": (lambda idp: embedded(idp, x5c=["AAAA"]), lambda idp: jwt(idp.claims(), x5t="AAAA")),
    "jwk": (lambda idp: embedded(idp, jwk=public(OTHER)), lambda idp: jwt(idp.claims())),
    "jwk, kid absent": (
        lambda idp: embedded(idp, jwk=public(OTHER), kid=None),
        lambda idp: jwt(idp.claims(), kid=None),
    ),
    "typ of another kind": (
        lambda idp: jwt(idp.claims(), typ="logout+jwt"),
        lambda idp: jwt(idp.claims(), typ="at+jwt"),
    ),
    "typ as a list": (lambda idp: jwt(idp.claims(), typ=["JWT"]), lambda idp: jwt(idp.claims(), typ=None)),
    "crit": (lambda idp: jwt(idp.claims(), crit=["exp"]), lambda idp: jwt(idp.claims(), nonce="x")),
    "b64 false": (lambda idp: jwt(idp.claims(), b64=False, crit=["b64"]), lambda idp: jwt(idp.claims(), cty="x")),
    "zip": (lambda idp: jwt(idp.claims(), zip="DEF"), lambda idp: jwt(idp.claims())),
    "claims twice": (
        lambda idp: twice(idp, '["analysts"]', '["stewards"]'),
        lambda idp: idp.token(groups=["analysts", "analysts"]),
    ),
    "claims as a list": (lambda _: jwt("[]"), lambda idp: idp.token()),
    "claims that are no JSON": (lambda _: jwt('{"iss": NaN}'), lambda idp: idp.token(x=1.5)),
    "claims too deep": (lambda _: jwt('{"a":' * 1500 + "1" + "}" * 1500), lambda idp: idp.token(a={"b": {"c": 1}})),
    "oversized": (lambda idp: idp.token(x="x" * 13_000), lambda idp: idp.token(x="x" * 3000)),
    "expired": (
        lambda idp: idp.token(exp=idp.claims()["iat"] - 60),
        lambda idp: idp.token(exp=idp.claims()["iat"] - 10),
    ),
    "without end": (lambda idp: idp.token(exp=None), lambda idp: idp.token()),
    "exp as text": (lambda idp: idp.token(exp="4000000000"), lambda idp: idp.token(exp=4_000_000_000)),
    "exp as true": (lambda idp: idp.token(exp=True), lambda idp: idp.token(exp=4_000_000_000.5)),
    "exp beyond numbers": (
        lambda idp: jwt(json.dumps(idp.claims(exp=1)).replace('"exp": 1', '"exp": 1e999')),
        lambda idp: idp.token(),
    ),
    "not yet": (
        lambda idp: idp.token(nbf=idp.claims()["iat"] + 60),
        lambda idp: idp.token(nbf=idp.claims()["iat"] + 10),
    ),
    "issued in the future": (
        lambda idp: idp.token(iat=idp.claims()["iat"] + HOUR),
        lambda idp: idp.token(iat=idp.claims()["iat"] + 10),
    ),
    "another audience": (lambda idp: idp.token(aud="else"), lambda idp: idp.token(aud="outport")),
    "no audience": (lambda idp: idp.token(aud=None), lambda idp: idp.token(aud="outport")),
    "other audiences": (lambda idp: idp.token(aud=["a", "b"]), lambda idp: idp.token(aud=["a", "outport"])),
    "audience within another": (lambda idp: idp.token(aud="outport.example"), lambda idp: idp.token(aud=["outport"])),
    "audience of a number": (lambda idp: idp.token(aud=["outport", 1]), lambda idp: idp.token(aud=["outport"])),
    "audience as an object": (lambda idp: idp.token(aud={"outport": 1}), lambda idp: idp.token(aud=["outport"])),
    "another issuer": (lambda idp: idp.token(iss="https://else.example"), lambda idp: idp.token(iss=idp.url)),
    "issuer with a slash": (lambda idp: idp.token(iss=f"{idp.url}/"), lambda idp: idp.token(iss=idp.url)),
    "our own issuer": (lambda idp: idp.token(iss="outport", sub="steward"), lambda idp: idp.token(iss=idp.url)),
    "issuer as a list": (lambda idp: idp.token(iss=[idp.url]), lambda idp: idp.token(iss=idp.url)),
    "subject absent": (lambda idp: idp.token(sub=None), lambda idp: idp.token(sub="auth0|4711")),
    "subject with a line end": (
        lambda idp: idp.token(sub="ann\nsteward"),
        lambda idp: idp.token(sub="ann@corp.example"),
    ),
    "subject as a number": (lambda idp: idp.token(sub=7), lambda idp: idp.token(sub="7")),
    "role by another type": (lambda idp: idp.token(groups="analysts"), lambda idp: idp.token(groups=["analysts"])),
    "bound to a key": (lambda idp: idp.token(cnf={"jkt": "x"}), lambda idp: idp.token(jti="x")),
    "another text of one signature": (lambda idp: f"{idp.token()}=", lambda idp: idp.token()),
    "four parts": (lambda idp: f"{idp.token()}.x", lambda idp: idp.token()),
}


@pytest.mark.parametrize("name", CORPUS)
def test_a_forged_token_is_refused_and_its_honest_twin_is_not(door: Door, idp: Idp, name: str) -> None:
    forged, honest = CORPUS[name]
    assert door(forged(idp)) is None
    assert door(honest(idp)) == 300


def test_the_rows_are_those_of_the_mapped_roles(door: Door, idp: Idp) -> None:
    assert door(idp.token(groups=["analysts"])) == 300
    assert door(idp.token(groups=["stewards"])) == 600
