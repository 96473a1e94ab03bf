"""Identity: credentials become a principal or nothing, and nothing tells who exists."""

from __future__ import annotations

import hashlib
import os
import ssl
import stat
import time
from datetime import date
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from gateway.access import jose, principals, scram
from gateway.access.credentials import Bearer, ClientCertificate, Credentials, Password
from gateway.access.identity import PERSONAS, Directory
from gateway.access.keys import Keys
from gateway.errors import NotFound, Unauthenticated, Unavailable
from gateway.principal import NEVER, WHOLE, Scope
from tests.certificates import Authority

KEYS = Keys(b"a secret of the tests, 32 bytes long")


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    made = Directory(tmp_path / "principals.yaml", KEYS)
    made.add("ann", "person", {"role": ["analyst", "clerk"], "store": 367, "since": date(2020, 1, 2)}, "open sesame")
    made.add("robot", "application", {"role": ["shop"]})
    return made


def test_a_right_password_gives_the_principal_with_typed_claims(directory: Directory) -> None:
    ann = directory.authenticate(Password("ann", "open sesame"))
    assert (ann.subject, ann.kind, ann.valid_until) == ("ann", "person", NEVER)
    assert ann.attributes == {"role": ("analyst", "clerk"), "purpose": (), "store": 367, "since": date(2020, 1, 2)}


@pytest.mark.parametrize(
    "credentials",
    [
        Password("ann", "open sesam"),
        Password("ann", ""),
        Password("nobody", "open sesame"),
        Password("robot", ""),
        Password("robot", "shop"),
        Password("ann", "open sesame\ud800"),
        Bearer(""),
        Bearer("a.b"),
        Bearer("a.b.c"),
        Bearer("\ud800.é.x"),
    ],
)
def test_every_wrong_credential_reads_alike(directory: Directory, credentials: Credentials) -> None:
    with pytest.raises(Unauthenticated) as refusal:
        directory.authenticate(credentials)
    assert refusal.value.message == "the credentials are wrong or have expired"


def test_no_credentials_are_refused(directory: Directory) -> None:
    with pytest.raises(Unauthenticated, match="required"):
        directory.authenticate(None)


def test_an_unknown_subject_costs_the_same_derivation(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []
    derive = scram.hashlib.pbkdf2_hmac
    monkeypatch.setattr(scram.hashlib, "pbkdf2_hmac", lambda *given: rounds.append(given[3]) or derive(*given))
    for subject in ("ann", "robot", "nobody"):
        with pytest.raises(Unauthenticated):
            directory.authenticate(Password(subject, "wrong"))
    assert rounds == [scram.ITERATIONS] * 3


def test_an_unknown_subject_shows_the_same_salt_at_every_try(directory: Directory) -> None:
    assert directory.verifier("nobody") == directory.verifier("nobody")
    assert directory.verifier("nobody").salt != directory.verifier("nobody-else").salt
    assert directory.verifier("ann").accepts("open sesame")


def test_a_success_is_remembered_for_a_minute_and_never_in_the_clear(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory.authenticate(Password("ann", "open sesame"))
    derivations: list[object] = []
    derive = scram.hashlib.pbkdf2_hmac
    monkeypatch.setattr(scram.hashlib, "pbkdf2_hmac", lambda *given: derivations.append(1) or derive(*given))
    directory.authenticate(Password("ann", "open sesame"))
    assert derivations == []
    assert "sesame" not in repr(vars(directory)) + repr(Password("ann", "open sesame"))
    later = time.monotonic() + 61
    monkeypatch.setattr(time, "monotonic", lambda: later)
    directory.authenticate(Password("ann", "open sesame"))
    assert derivations == [1]


def test_a_changed_password_ends_the_one_before_at_once(directory: Directory, tmp_path: Path) -> None:
    directory.authenticate(Password("ann", "open sesame"))
    another = Directory(tmp_path / "principals.yaml", KEYS)
    another.add("ann", "person", {"role": ["analyst"]}, "changed")
    with pytest.raises(Unauthenticated):
        directory.authenticate(Password("ann", "open sesame"))
    assert directory.authenticate(Password("ann", "changed")).attributes["role"] == ("analyst",)


def test_a_removed_principal_is_gone_with_password_keys_and_tokens(directory: Directory) -> None:
    credentials = [
        Password("ann", "open sesame"),
        Bearer(directory.add_key("ann", 60)),
        Bearer(directory.issue_token("ann", 60)),
    ]
    assert {directory.authenticate(each).subject for each in credentials} == {"ann"}
    directory.remove("ann")
    for each in credentials:
        with pytest.raises(Unauthenticated):
            directory.authenticate(each)


def test_an_api_key_works_until_it_expires_or_is_removed(
    directory: Directory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key = directory.add_key("robot", 3600)
    robot = directory.authenticate(Bearer(key))
    assert robot.subject == "robot"
    assert robot.valid_until == pytest.approx(time.time() + 3600, abs=60)
    assert key.split(".")[1] not in (tmp_path / "principals.yaml").read_text()
    other = directory.add_key("robot", 3600)
    with pytest.raises(Unauthenticated):
        directory.authenticate(Bearer(f"{key.split('.')[0]}.{other.split('.')[1]}"))
    directory.remove_key("robot", other.split(".")[0])
    with pytest.raises(Unauthenticated):
        directory.authenticate(Bearer(other))
    later = time.time() + 3601
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(Unauthenticated):
        directory.authenticate(Bearer(key))


def test_a_token_can_take_roles_away_and_never_add_any(directory: Directory) -> None:
    narrow = directory.issue_token("ann", 60, {"role": ("clerk",)})
    wide = directory.issue_token("ann", 60, {"role": ("steward", "analyst")})
    assert directory.authenticate(Bearer(narrow)).attributes["role"] == ("clerk",)
    assert directory.authenticate(Bearer(wide)).attributes["role"] == ("analyst",)
    assert directory.authenticate(Bearer(narrow)).attributes["store"] == 367


def test_claims_of_a_token_are_read_anew_from_the_directory(directory: Directory) -> None:
    token = directory.issue_token("ann", 60)
    directory.add("ann", "person", {"role": ["clerk"], "store": 12})
    assert directory.authenticate(Bearer(token)).attributes == {"role": ("clerk",), "purpose": (), "store": 12}


GOOD = {"iss": "outport", "aud": "outport", "sub": "ann", "exp": 4_000_000_000}


def forged(body: dict[str, object], *, key: object = None, algorithm: str = "HS256") -> str:
    header = {"alg": algorithm, "kid": KEYS.ids[0]}
    return jwt.encode(header, body, key or OctKey.import_key(KEYS.derive("token")), algorithms=[algorithm])


def test_a_token_made_by_hand_with_the_right_key_is_accepted(directory: Directory) -> None:
    assert directory.authenticate(Bearer(forged(GOOD))).valid_until == 4_000_000_000


@pytest.mark.parametrize(
    "change",
    [{name: None} for name in GOOD]
    + [{"iss": "other"}, {"aud": "other"}, {"exp": 1}, {"sub": "nobody"}, {"sub": ["ann"]}, {"exp": "later"}]
    + [{"nbf": 4_000_000_000}],
    ids=str,
)
def test_a_token_with_a_wrong_or_missing_claim_is_refused(directory: Directory, change: dict[str, object]) -> None:
    body = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    with pytest.raises(Unauthenticated):
        directory.authenticate(Bearer(forged(body)))


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_the_algorithm_is_bound_to_the_key(directory: Directory) -> None:
    rsa = RSAKey.generate_key(2048)
    token_key = OctKey.import_key(KEYS.derive("token"))
    unsigned = forged(GOOD, algorithm="none", key=OctKey.import_key(b"x" * 32))
    for token in (
        forged(GOOD, key=OctKey.import_key(b"another key of thirty-two bytes!")),
        forged(GOOD, algorithm="RS256", key=rsa),
        forged(GOOD, algorithm="HS512", key=token_key),
        unsigned,
        unsigned.rpartition(".")[0] + ".AAAA",
    ):
        with pytest.raises(Unauthenticated):
            directory.authenticate(Bearer(token))


def test_a_token_of_another_deployment_is_refused(directory: Directory, tmp_path: Path) -> None:
    other = Directory(tmp_path / "principals.yaml", Keys(b"another secret of thirty-two bytes"))
    with pytest.raises(Unauthenticated):
        directory.authenticate(Bearer(other.issue_token("ann", 60)))


def test_the_file_holds_verifiers_only_and_is_for_its_owner_alone(directory: Directory, tmp_path: Path) -> None:
    file = tmp_path / "principals.yaml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "sesame" not in file.read_text()
    assert "SCRAM-SHA-256$4096:" in file.read_text()
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == ["principals.yaml"]


def test_what_is_written_is_read_back_alike(directory: Directory, tmp_path: Path) -> None:
    directory.add_key("robot", 60)
    directory.add("typed", "agent", {"n": 1, "x": 1.5, "b": True, "t": "1", "many": [1, 2], "none": []})
    again = Directory(tmp_path / "principals.yaml", KEYS)
    assert again.entries() == directory.entries()
    attributes = again.principal("typed").attributes
    assert [type(attributes[name]) for name in ("n", "x", "b", "t", "many")] == [int, float, bool, str, tuple]


@pytest.mark.parametrize(
    "text",
    [
        "- a list",
        "principals: {ann: {kind: person, secret: x}}",
        "principals: {ann: {kind: product}}",
        "principals: {'product:retail': {kind: person}}",
        "principals: {ann: {kind: person, verifier: open sesame}}",
        "principals: {ann: {kind: person, verifier: 'SCRAM-SHA-256$1000:AAAA$AAAA:AAAA'}}",
        "principals: {ann: {kind: person}, ann: {kind: agent}}",
        "principals: {ann: {kind: person, attributes: {role: [1]}}}",
        "principals: {ann: {kind: person, attributes: {x: {y: 1}}}}",
        "barred: [ann]",
        "principals: {ann: {kind: person, certificates: [ann.example]}}",
        "principals: {ann: {kind: person, certificates: ['dns:a']}, bob: {kind: person, certificates: ['dns:a']}}",
        "principals: {ann: {kind: person, keys: [{id: a, sha256: b, expires: 2030-01-01}]}}",
        "principals: [",
    ],
)
def test_a_file_that_is_not_understood_admits_nobody(directory: Directory, tmp_path: Path, text: str) -> None:
    (tmp_path / "principals.yaml").write_text(text)
    with pytest.raises(Unavailable):
        directory.authenticate(Password("ann", "open sesame"))
    with pytest.raises(principals.PrincipalsError):
        principals.read(tmp_path / "principals.yaml")


def test_a_file_that_was_there_and_is_gone_admits_nobody(directory: Directory) -> None:
    directory.bar("corp:ann")
    assert directory.barred() == ("corp:ann",)
    directory._path.rename(directory._path.with_suffix(".away"))
    for ask in (directory.barred, lambda: directory.authenticate(Password("ann", "x")), directory.subjects):
        with pytest.raises(Unavailable):
            ask()
    directory._path.with_suffix(".away").rename(directory._path)
    assert directory.barred() == ("corp:ann",)


def test_what_is_written_outlives_a_loss_of_power(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    settled: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        settled.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    directory.bar("corp:ann")
    assert settled == ["file", "folder"]


def test_a_token_ends_at_the_second_that_it_names() -> None:
    token = jose.Token("HS256", None, {"exp": 1000}, b"", b"")
    assert token.live(999.9, 0) == 1000
    with pytest.raises(jose.BadToken):
        token.live(1000, 0)


def test_subjects_that_could_pass_for_a_product_cannot_be_added(directory: Directory) -> None:
    for subject, kind in (("product:retail", "person"), ("retail", "product"), ("", "person"), ("a b", "person")):
        with pytest.raises(principals.PrincipalsError):
            directory.add(subject, kind, {})


def test_unknown_names_are_not_found(directory: Directory) -> None:
    for change in (
        lambda: directory.principal("nobody"),
        lambda: directory.remove("nobody"),
        lambda: directory.add_key("nobody", 60),
        lambda: directory.remove_key("robot", "none"),
        lambda: directory.issue_token("nobody", 60),
    ):
        with pytest.raises(NotFound):
            change()


def test_demo_credentials_are_found_under_any_name(directory: Directory, tmp_path: Path) -> None:
    assert not directory.holds_demo_credentials()
    directory.add_demo_personas()
    assert directory.holds_demo_credentials()
    assert directory.authenticate(Password("shop-app", "shop-app-demo")).attributes["store"] == 367
    for subject, _, _ in PERSONAS:
        directory.remove(subject)
    assert not directory.holds_demo_credentials()
    directory.add("alice", "person", {}, "steward-demo")
    assert directory.holds_demo_credentials()


def test_the_demo_leaves_a_persona_that_is_there_as_it_is(directory: Directory) -> None:
    directory.add("steward", "person", {"role": ["nothing"]}, "own")
    directory.add_demo_personas()
    assert directory.authenticate(Password("steward", "own")).attributes["role"] == ("nothing",)
    assert directory.subjects() == (
        "analyst", "ann", "carrier-app", "finance", "marketing", "ml-pipeline", "planner", "robot", "sales", "shop-app",
        "steward", "stranger", "supplier-app",
    )  # fmt: skip


def test_a_verifier_is_postgresqls() -> None:
    """The verifier that RFC 7677's example (user, pencil) gives, recomputed from its salt and iteration count."""
    made = scram.Verifier.of("pencil", iterations=4096, salt=b"[m\x99h\x9d\x125\x8e\xec\xa0K\x14\x126\xfa\x81")
    assert str(made) == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )
    assert scram.Verifier.parse(str(made)) == made
    assert made.accepts("pencil")
    assert made.accepts("pen\u00adcil")  # SASLprep maps the soft hyphen to nothing
    assert not made.accepts("Pencil")


def test_tokens_of_the_key_before_are_taken_until_it_is_dropped(directory: Directory, tmp_path: Path) -> None:
    before = directory.issue_token("ann", 60)
    new = b"the secret after a rotation, 32 bytes"
    during = Directory(tmp_path / "principals.yaml", Keys(new, b"a secret of the tests, 32 bytes long"))
    assert during.authenticate(Bearer(before)).subject == "ann"
    assert during.verifier("nobody") == directory.verifier("nobody")
    after = Directory(tmp_path / "principals.yaml", Keys(new, mask=b"a secret of the tests, 32 bytes long"))
    assert after.authenticate(Bearer(during.issue_token("ann", 60))).subject == "ann"
    assert after.verifier("nobody") == directory.verifier("nobody")
    with pytest.raises(Unauthenticated):
        after.authenticate(Bearer(before))


def certificate(folder: Path, *names: str) -> ClientCertificate:
    pair = Authority(folder / "ca").client("client", *names)
    return ClientCertificate(ssl.PEM_cert_to_DER_cert(pair.cert.read_text()))


def test_a_certificate_proves_whom_one_of_its_names_is_listed_for(directory: Directory, tmp_path: Path) -> None:
    for name in ("uri:spiffe://corp/robot", "dns:robot.corp.example", "email:robot@corp.example"):
        shown = certificate(tmp_path, name, "dns:else.example")
        with pytest.raises(Unauthenticated, match="proves nobody"):
            directory.authenticate(shown)
        directory.add_certificate("robot", name)
        robot = directory.authenticate(shown)
        assert (robot.subject, robot.attributes["role"]) == ("robot", ("shop",))
        assert robot.valid_until < time.time() + 91 * 86_400
        directory.stands(robot, shown)
        directory.remove_certificate("robot", name)
        with pytest.raises(Unauthenticated):
            directory.stands(robot, shown)


@pytest.mark.parametrize(
    ("listed", "shown"),
    [
        ("dns:robot.example", "dns:other.robot.example"),
        ("dns:robot.example", "dns:*.example"),
        ("dns:robot.example", "uri:robot.example"),
        ("uri:spiffe://corp/robot", "uri:spiffe://corp/robot/"),
        ("uri:spiffe://corp/robot", "uri:SPIFFE://corp/robot"),
        ("email:robot@corp.example", "email:Robot@corp.example"),
        ("email:robot@corp.example", "dns:robot@corp.example"),
    ],
)
def test_a_name_that_is_only_alike_proves_nobody(directory: Directory, tmp_path: Path, listed: str, shown: str) -> None:
    directory.add_certificate("robot", listed)
    with pytest.raises(Unauthenticated):
        directory.authenticate(certificate(tmp_path, shown))
    assert directory.authenticate(certificate(tmp_path, listed)).subject == "robot"


def test_a_certificate_of_two_principals_proves_neither(directory: Directory, tmp_path: Path) -> None:
    directory.add_certificate("robot", "dns:robot.example")
    directory.add_certificate("ann", "dns:ann.example")
    with pytest.raises(Unauthenticated):
        directory.authenticate(certificate(tmp_path, "dns:robot.example", "dns:ann.example"))
    with pytest.raises(principals.PrincipalsError, match="proves robot already"):
        directory.add_certificate("ann", "dns:robot.example")
    for wrong in ("robot.example", "cn:robot", "dns:*.example", "dns:Robot.example", "dns:a b", "ip:127.0.0.1"):
        with pytest.raises(principals.PrincipalsError):
            directory.add_certificate("ann", wrong)


def test_who_is_barred_comes_in_by_nothing_until_it_is_lifted(directory: Directory, tmp_path: Path) -> None:
    shown = certificate(tmp_path, "dns:ann.example")
    directory.add_certificate("ann", "dns:ann.example")
    means: list[Credentials] = [
        Password("ann", "open sesame"),
        Bearer(directory.add_key("ann", 60)),
        Bearer(directory.issue_token("ann", 60)),
        shown,
    ]
    held = [directory.prove(each) for each in means]
    directory.bar("ann")
    for each in means:
        with pytest.raises(Unauthenticated):
            directory.authenticate(each)
    for principal, proof in held:
        with pytest.raises(Unauthenticated):
            directory.stands(principal, proof)
    directory.unbar("ann")
    assert {directory.authenticate(each).subject for each in means} == {"ann"}
    directory.bar(f"sha256:{hashlib.sha256(shown.der).hexdigest()}")
    with pytest.raises(Unauthenticated):
        directory.authenticate(shown)
    assert directory.authenticate(means[0]).subject == "ann"
    assert directory.barred() == (f"sha256:{hashlib.sha256(shown.der).hexdigest()}",)


def test_a_changed_password_ends_what_it_had_opened(directory: Directory) -> None:
    opened = Password("ann", "open sesame")
    ann, proof = directory.prove(opened)
    directory.stands(ann, proof)
    assert "sesame" not in repr(proof)
    directory.add("ann", "person", dict(ann.attributes), "another")
    with pytest.raises(Unauthenticated):
        directory.stands(ann, proof)


def test_a_key_is_worth_what_its_scope_says(directory: Directory, tmp_path: Path) -> None:
    scope = Scope(("rest",), ("shop",), ("query",))
    key = directory.add_key("ann", 60, scope)
    ann = directory.authenticate(Bearer(key))
    assert (ann.subject, ann.scope) == ("ann", scope)
    assert directory.authenticate(Password("ann", "open sesame")).scope == WHOLE
    assert Directory(tmp_path / "principals.yaml", KEYS).authenticate(Bearer(key)).scope == scope
    assert ann.fingerprint != directory.principal("ann").fingerprint


@pytest.mark.parametrize(
    "scope",
    [
        {"ports": []},
        {"ports": ["smtp"]},
        {"products": "shop"},
        {"actions": ["write"]},
        {"tables": ["x"]},
        {"ports": [1]},
    ],
    ids=str,
)
def test_a_scope_that_is_not_understood_is_none(scope: dict[str, object]) -> None:
    with pytest.raises(principals.PrincipalsError):
        principals.checked_scope(scope)
