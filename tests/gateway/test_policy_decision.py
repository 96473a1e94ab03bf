"""Decisions: who matches, what is refused in which words, how long a decision holds; casbin tried to its edges."""

from __future__ import annotations

import logging
import logging.config
import threading
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.decision import Decision, unknown_relation
from gateway.errors import Forbidden, NotFound, Unauthenticated
from gateway.policies import policy
from gateway.policies.explain import explain
from gateway.policies.policy import PolicySet, visible_key, visible_relationships, visible_semantics
from gateway.principal import Environment, Principal
from gateway.product import Pseudonym, Relationship
from tests.policy_world import LAB, NOON, PEOPLE, VISITS, World, at, column, load, principal, product, table

Rule = dict[str, Any]
ALL = {"columns": ["*"]}


def rule(name: str, to: Mapping[str, Any], on: str = "people", **effect: Any) -> Rule:
    return {"id": name, "on": {"product": "lab", "table": on}, "to": dict(to), **effect}


GRANT = rule("g", {}, grant=ALL)


def decided(
    policies: PolicySet, who: Principal, environment: Environment | None = None, name: str = "people"
) -> Decision:
    return policies.decide(who, LAB, LAB.table(name), environment or at(), frozenset())


def sees(policies: PolicySet, who: Principal, environment: Environment | None = None) -> bool:
    try:
        decided(policies, who, environment)
    except NotFound:
        return False
    return True


@pytest.mark.parametrize(
    ("to", "matching", "other"),
    [
        ({"role": "a"}, principal(role=("b", "a")), principal(role=("b",))),
        ({"role": ["a", "b"]}, principal(role=("b",)), principal(role=("c",))),
        ({"role": "a", "subject": "p"}, principal("p", role=("a",)), principal("q", role=("a",))),
        ({"role": {"not": "a"}}, principal(role=("b",)), principal(role=("a", "b"))),
        ({"role": {"not": "a"}}, principal(role=("b",)), principal()),
        ({"not": {"role": "a", "status": "new"}}, principal(role=("a",), status="old"), principal(role=("a",))),
        ({"kind": ["application", "agent"]}, principal(kind="agent"), principal(kind="person")),
        ({"status": "vip"}, principal(status="vip"), principal(status="VIP")),
        ({"zones": "N"}, principal(zones=("S", "N")), principal(zones=("S",))),
        ({"zones": "N"}, principal(zones=("N",)), principal(zones="N")),
        ({"grade": [1, 2]}, principal(grade=2), principal(grade="2")),
        ({"grade": 1}, principal(grade=1), principal(grade=True)),
        ({"grade": 1}, principal(grade=1), principal()),
    ],
)
def test_a_rule_speaks_of_whom_it_names(to: Rule, matching: Principal, other: Principal, tmp_path: Path) -> None:
    policies = load(tmp_path, [rule("g", to, grant=ALL)])
    assert sees(policies, matching)
    assert not sees(policies, other)


@pytest.mark.parametrize(
    ("to", "matching", "other"),
    [
        ({"port": ["rest", "flightsql"]}, at("flightsql"), at("postgres")),
        ({"purpose": "bi"}, at(purpose="bi"), at()),
        ({"purpose": "bi"}, at(purpose="bi"), at(purpose="fraud")),
        ({"purpose": {"not": "bi"}}, at(purpose="audit"), at(purpose="bi")),
        ({"purpose": {"not": "bi"}}, at(purpose="audit"), at()),
        ({"hours": "08:00-18:00"}, at(now=NOON), at(now=NOON + 6 * 3600)),
        ({"hours": "22:00-06:00"}, at(now=NOON + 10 * 3600), at(now=NOON)),
        ({"hours": ["00:00-01:00", "11:59-12:01"]}, at(now=NOON), at(now=NOON + 60)),
    ],
)
def test_a_rule_holds_in_the_circumstances_that_it_names(
    to: Rule, matching: Environment, other: Environment, tmp_path: Path
) -> None:
    policies = load(tmp_path, [rule("g", to, grant=ALL)])
    who = principal(purpose=("bi", "audit"))
    assert sees(policies, who, matching)
    assert not sees(policies, who, other)


def test_a_purpose_that_is_not_granted_is_as_none(tmp_path: Path) -> None:
    policies = load(tmp_path, [rule("g", {"purpose": "bi"}, grant=ALL)])
    assert not sees(policies, principal(purpose=("audit",)), at(purpose="bi"))


def test_a_mask_with_a_negation_holds_for_whoever_lacks_the_attribute(tmp_path: Path) -> None:
    mask = rule("m", {"status": {"not": "cleared"}}, mask={"columns": ["name"], "with": "null"})
    policies = load(tmp_path, [GRANT, mask])
    kinds = [decided(policies, who).treatments["name"].kind for who in (principal(), principal(status="cleared"))]
    assert kinds == ["null", "raw"]


def test_whom_unless_names_the_rule_spares(tmp_path: Path) -> None:
    mask = rule("m", {}, unless={"role": "steward"}, mask={"columns": ["name"], "with": "null"})
    policies = load(tmp_path, [GRANT, mask])
    kinds = [decided(policies, who).treatments["name"].kind for who in (principal(), principal(role=("steward",)))]
    assert kinds == ["null", "raw"]


def test_an_exemption_by_negation_spares_nobody_who_lacks_the_attribute(tmp_path: Path) -> None:
    mask = rule("m", {}, unless={"status": {"not": "new"}}, mask={"columns": ["name"], "with": "null"})
    policies = load(tmp_path, [GRANT, mask])
    asked = (principal(), principal(status="new"), principal(status="old"))
    assert [decided(policies, who).treatments["name"].kind for who in asked] == ["null", "null", "raw"]
    policies = load(tmp_path, [rule("g", {}, unless={"status": {"not": "old"}}, grant=ALL)])
    assert [sees(policies, who) for who in asked] == [False, False, True]


def test_a_date_claim_is_compared_as_text(tmp_path: Path) -> None:
    policies = load(tmp_path, [rule("g", {"since": "2020-01-31"}, grant=ALL)], claims={"since": "date"})
    asked = (principal(since=date(2020, 1, 31)), principal(since=date(2020, 2, 1)), principal(since="2020-01-31"))
    assert [sees(policies, who) for who in asked] == [True, False, False]


def test_a_role_includes_others_through_the_hierarchy(tmp_path: Path) -> None:
    roles = {"chief": ["senior"], "senior": ["junior"]}
    policies = load(tmp_path, [rule("g", {"role": "junior"}, grant=ALL)], roles=roles)
    assert [sees(policies, principal(role=(name,))) for name in ("junior", "chief", "other", "Junior")] == [
        True, True, False, False,
    ]  # fmt: skip


def test_a_deny_reaches_a_role_through_eight_levels(tmp_path: Path) -> None:
    roles = {f"r{level}": [f"r{level + 1}"] for level in range(8)}
    policies = load(tmp_path, [GRANT, rule("d", {"role": "r8"}, deny={"reason": "x"})], roles=roles)
    assert not sees(policies, principal(role=("r0",)))


EVIL = ["False) || (True", "p.sub", "r.sub", "a && b", "!x", "'; --", '"', "x\\", "eval(1)", "*", "g", ", allow", "#"]


@pytest.mark.parametrize("text", EVIL)
def test_a_value_that_looks_like_matcher_text_is_only_a_value(text: str, tmp_path: Path) -> None:
    named = rule("g", {"role": text, "status": text}, grant=ALL)
    policies = load(tmp_path, [named, rule("d", {"subject": text}, deny={"reason": text})])
    assert sees(policies, principal(role=(text,), status=text))
    assert not sees(policies, principal("p", role=("other",), status=text))
    assert not sees(policies, principal("p", role=(text,), status="other"))
    assert not sees(policies, principal(text, role=(text,), status=text))


@pytest.mark.parametrize("text", EVIL)
def test_a_subject_that_looks_like_matcher_text_gains_nothing(text: str, tmp_path: Path) -> None:
    policies = load(tmp_path, [rule("g", {"role": "a"}, grant=ALL)])
    assert not sees(policies, principal(text, role=(text,), status=text))


def test_an_id_is_no_code(tmp_path: Path) -> None:
    with pytest.raises(policy.PolicyError, match="needs an id"):
        load(tmp_path, [{**GRANT, "id": "False) || (True"}])


def test_a_matcher_that_never_holds_grants_nothing_to_anybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "MODEL", policy.MODEL.replace("m = has_role", "m = False && has_role"))
    assert not sees(load(tmp_path, [GRANT]), principal(role=("a",)))


def test_no_rules_are_no_grants(tmp_path: Path) -> None:
    assert not sees(load(tmp_path, []), principal(role=("a",)))


def test_every_matching_rule_is_noted_although_a_deny_ends_the_enforcement(tmp_path: Path) -> None:
    policies = load(tmp_path, [rule("d", {}, deny={"reason": "x"}), rule("r", {}, restrict={"rows": "true"}), GRANT])
    assert set(policies.verdict(principal(), LAB, PEOPLE, at(), frozenset()).matched) == {"g", "r", "d"}


def test_casbin_logs_nothing_of_a_request_even_after_logging_was_configured_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    policies = load(tmp_path, [rule("g", {"role": "a"}, grant=ALL)])
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
    logging.getLogger("casbin.enforcer").setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        assert not sees(policies, principal("secret-subject", status="secret-status"))
    assert "secret" not in caplog.text
    assert not [record for record in caplog.records if record.name.startswith("casbin")]


def test_a_refusal_reads_like_a_name_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as refused:
        decided(load(tmp_path, [GRANT, rule("d", {}, deny={"reason": "HR-7"})]), principal())
    assert str(refused.value) == str(unknown_relation("lab.people"))
    assert refused.value.reason == unknown_relation("x").reason


def test_an_action_that_is_not_granted_on_a_visible_table_is_forbidden(tmp_path: Path) -> None:
    policies = load(tmp_path, [rule("g", {}, grant={**ALL, "actions": ["metadata"]})])
    assert decided(policies, principal(), at(action="metadata")).visible
    with pytest.raises(Forbidden, match="query"):
        decided(policies, principal(), at(action="query"))


def test_a_rule_bears_only_on_the_tables_that_it_names(tmp_path: Path) -> None:
    policies = load(tmp_path, [GRANT, rule("v", {}, on="visits", grant=ALL), rule("d", {}, deny={"reason": "x"})])
    assert not sees(policies, principal())
    assert decided(policies, principal(), name="visits").visible == ("id", "person_id", "store")


def test_a_rule_bears_only_on_the_versions_that_it_names(tmp_path: Path) -> None:
    newer = product("lab", *LAB.tables, version="2.0.0")
    policies = load(tmp_path, [{**GRANT, "on": {"product": "lab", "version": "1"}}], LAB, newer)
    assert policies.decide(principal(), LAB, PEOPLE, at(), frozenset())
    with pytest.raises(NotFound):
        policies.decide(principal(), newer, PEOPLE, at(), frozenset())


def test_a_decision_holds_until_the_next_hour_that_a_rule_names_or_the_credential_ends(tmp_path: Path) -> None:
    policies = load(tmp_path, [GRANT, rule("d", {"hours": "18:00-08:00"}, deny={"reason": "night"})])
    assert decided(policies, principal()).valid_until == NOON + 6 * 3600
    assert decided(policies, principal(until=NOON + 5)).valid_until == NOON + 5
    assert not sees(policies, principal(), at(now=NOON + 6 * 3600))
    assert sees(policies, principal(), at(now=NOON))


def test_an_expired_credential_decides_nothing(tmp_path: Path) -> None:
    with pytest.raises(Unauthenticated):
        decided(load(tmp_path, [GRANT]), principal(until=NOON))


def test_equal_looking_claims_of_other_types_do_not_share_a_decision(tmp_path: Path) -> None:
    policies = load(tmp_path, [rule("g", {"grade": 1}, grant=ALL)])
    answers = [sees(policies, principal(grade=value)) for value in (1, True, 1.0, Decimal(1), "1", 1)]
    assert answers == [True, False, False, False, False, True]


def test_decisions_are_made_once_and_forgotten_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "CACHED_DECISIONS", 2)
    policies = load(tmp_path, [GRANT])
    first = decided(policies, principal("a"))
    assert decided(policies, principal("a")) is first
    decided(policies, principal("b"))
    decided(policies, principal("c"))
    assert decided(policies, principal("a")) is not first


def test_threads_get_the_same_decisions(tmp_path: Path) -> None:
    policies = load(tmp_path, [rule("g", {"role": "a"}, grant={**ALL, "rows": "region = $zone"})])
    found: list[str | None] = []

    def ask(name: str) -> None:
        for _ in range(20):
            found.append(decided(policies, principal(name, role=("a",), zone="N")).rows)

    threads = [threading.Thread(target=ask, args=(f"p{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80
    assert len(set(found)) == 1


def test_a_product_that_no_longer_fits_its_rules_is_not_served(tmp_path: Path) -> None:
    policies = load(tmp_path, [rule("g", {}, grant={**ALL, "rows": "region = 'N'"})])
    changed = product("lab", table("people", column("id", "BIGINT", "internal")), VISITS, version="1.3.0")
    with pytest.raises(NotFound):
        policies.decide(principal(), changed, changed.table("people"), at(), frozenset())


HASHED = rule("h", {}, mask={"columns": ["id", "name"], "with": "hash"})


def test_a_pseudonym_that_is_not_published_yet_is_null_and_said_to_be_pending(tmp_path: Path) -> None:
    policies = load(tmp_path, [GRANT, HASHED])
    wanted = policies.pseudonyms(LAB)
    assert wanted == (Pseudonym("people", "id", "lab"), Pseudonym("people", "name", "lab"))
    waiting = decided(policies, principal())
    assert waiting.pending == ("id$lab", "name$lab")
    assert {waiting.treatments[name].kind for name in ("id", "name")} == {"null"}
    published = policies.decide(principal(), LAB, PEOPLE, at(), frozenset(wanted))
    assert published.pending == ()
    assert published.treatments["id"].expression == '"id$lab"'


def test_keys_references_and_measures_exist_only_where_they_mean_what_they_say(tmp_path: Path) -> None:
    both = [rule(f"g-{name}", {}, on=name, grant=ALL) for name in ("people", "visits")]
    hashes = rule("h", {"role": "ml"}, mask={"columns": ["id"], "with": "hash"})
    refers = rule("f", {"role": "ml"}, on="visits", mask={"columns": ["person_id"], "with": "hash"})
    buckets = rule("b", {"role": "coarse"}, mask={"columns": ["id", "salary"], "with": "bucket"})
    few = rule("few", {"role": "few"}, restrict={"rows": "region = 'N'"})
    policies = load(tmp_path, [*both, hashes, refers, buckets, few])
    links = frozenset(policies.pseudonyms(LAB))

    def seen(role: str) -> tuple[tuple[str, ...], tuple[Relationship, ...], set[str]]:
        who = principal(role=(role,))
        people, visits = (policies.decide(who, LAB, shape, at(), links) for shape in (PEOPLE, VISITS))
        references = visible_relationships(visits, VISITS, {"people": people, "visits": visits})
        return visible_key(people, PEOPLE), references, {one.name for one in visible_semantics(people, PEOPLE)}

    everything = {"payroll", "heads", "mean_pay", "birth_year"}
    assert seen("plain") == (("id",), VISITS.relationships, everything)
    assert seen("ml") == (("id",), VISITS.relationships, everything)
    assert seen("coarse") == ((), (), {"heads", "birth_year"})
    assert seen("few")[0] == ("id",)


def test_a_key_of_which_some_rows_are_nulled_is_no_key(tmp_path: Path) -> None:
    half = [
        rule("n", {}, grant={**ALL, "rows": "region = 'N'"}),
        rule("s", {}, grant={"columns": ["name", "salary"], "rows": "region = 'S'"}),
    ]
    decision = decided(load(tmp_path, half), principal())
    assert visible_key(decision, PEOPLE) == ()
    assert {one.name for one in visible_semantics(decision, PEOPLE)} == {"payroll", "heads", "mean_pay", "birth_year"}


def test_an_explanation_names_the_rules_and_the_reason_of_a_refusal(tmp_path: Path) -> None:
    policies = load(
        tmp_path,
        [
            rule("g", {"role": "a"}, grant={**ALL, "rows": "region = $zone"}),
            rule("m", {}, mask={"columns": ["name"], "with": "partial"}),
            rule("r", {"role": "b"}, restrict={"rows": "store = $store"}, on="visits"),
            rule("v", {"role": "b"}, on="visits", grant=ALL),
            rule("d", {"role": "c"}, on="visits", deny={"reason": "x"}),
        ],
    )

    def told(*roles: str, **claims: Any) -> dict[str, Any]:
        found = explain(policies, principal(role=roles, **claims), LAB, at(), frozenset())
        return {one.table: one for one in found}

    people = told("a", zone="N")["people"]
    assert people.rules == ("g", "m")
    assert "'N'" in str(people.rows)
    names = {one.column: (one.treatment, one.mask, one.rules) for one in people.columns}
    assert names["name"] == ("partial", "partial", ("m",))
    assert names["region"] == ("raw", "", ("g",))
    assert names["note"] == ("hidden", "", ())
    assert told("a")["people"].refusal == "no grant that matches shows a column"
    assert told("b")["visits"].refusal == "the restriction r needs a claim that is absent, empty or of another type"
    assert told("c")["visits"].refusal == "denied by d"
    assert told()["visits"].refusal == "no grant matches"


def test_a_policy_s_own_filter_sees_what_it_hides_and_masks(tmp_path: Path) -> None:
    policies = load(
        tmp_path,
        [
            rule("g", {}, grant={**ALL, "rows": "salary > 60 AND name <> 'Eve'"}),
            rule("h", {}, hide={"columns": ["salary"]}),
            rule("m", {}, mask={"columns": ["name"], "with": "constant"}),
        ],
    )
    answer = World().ask(policies, principal())
    assert answer is not None
    assert set(answer.rows) == {1, 2}
