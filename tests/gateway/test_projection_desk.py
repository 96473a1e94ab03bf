"""Who may define a projection, over what, and what he is told where he may not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway import BadQuery, Expired, Forbidden, Gateway, NotFound, Password, Query, Session
from gateway.desks import projections
from gateway.principal import Scope
from gateway.serving.projection import ProjectionError, parse
from gateway.serving.projection_shelf import NAME, Defined, ProjectionShelf, Shelved
from gateway.settings import Settings
from tests import projection_world

MINE: dict[str, Any] = {
    "kind": "Projection",
    "name": "analyst_mail",
    "of": "shop",
    "tables": [{"name": "mail", "of": "customers", "columns": ["customer_id", {"name": "email", "as": "address"}]}],
}


settings, gateway = projection_world.settings, projection_world.gateway


def opened(gateway: Gateway, subject: str = "analyst") -> Session:
    return gateway.open(Password(subject, f"{subject}-secret"), "rest")


def said(**changes: Any) -> tuple[str, str]:
    """The projection with changes, None for what is left out."""
    return "mine.yaml", yaml.safe_dump({key: value for key, value in {**MINE, **changes}.items() if value is not None})


def table(**changes: Any) -> list[dict[str, Any]]:
    return [{key: value for key, value in {**MINE["tables"][0], **changes}.items() if value is not None}]


def refusal(gateway: Gateway, who: str = "analyst", **changes: Any) -> str:
    with pytest.raises(BadQuery) as error:
        gateway.projections.define(opened(gateway, who), [said(**changes)])
    return str(error.value.message)


def test_what_is_defined_is_there_at_once_and_after_a_restart(gateway: Gateway, settings: Settings) -> None:
    session = opened(gateway)
    (told,) = gateway.projections.define(session, [said(consumers=["steward"], title="Mail")])
    assert (told.own, told.by, told.state, told.absent) == (True, "analyst", "served", ())
    assert told.document["owner"] == "analyst"
    again = Gateway(settings)
    try:
        for one in (gateway, again):
            for who, rows in (("analyst", 300), ("steward", 600)):
                with one.answer(opened(one, who), Query("SELECT address FROM analyst_mail.mail")) as result:
                    assert sum(batch.num_rows for batch in result.batches()) == rows
        with pytest.raises(NotFound):
            again.answer(opened(again, "ml"), Query("SELECT address FROM analyst_mail.mail"))
    finally:
        again.close()
    assert gateway.projections.delete(session, "analyst_mail") == "analyst_mail"
    with pytest.raises(NotFound):
        gateway.answer(session, Query("SELECT address FROM analyst_mail.mail"))
    with pytest.raises(NotFound):
        gateway.projections.show(session, "analyst_mail")


def test_a_name_that_its_definer_does_not_see_reads_like_one_that_is_not_there(gateway: Gateway) -> None:
    hidden = refusal(gateway, tables=table(columns=["salary"]))
    absent = refusal(gateway, tables=table(columns=["salery"]))
    assert hidden.replace("salary", "salery") == absent
    assert 'tables[0].columns[0]: column "salery" does not exist' in absent
    assert "salary" not in absent
    assert "did you mean email?" in refusal(gateway, tables=table(columns=["emial"]))
    hidden, absent = (refusal(gateway, of=of) for of in ("hr", "hs"))
    assert hidden.replace("hr", "hs") == absent
    hidden, absent = (
        refusal(gateway, "clerk", name="clerk_x", tables=table(of=of)) for of in ("customers", "castomers")
    )
    assert hidden.replace("customers", "castomers") == absent


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "sales_mail"}, 'name: "sales_mail" is no name of analyst (analyst, or analyst_NAME)'),
        ({"name": "analystmail"}, "is no name of analyst"),
        ({"name": "analyst_v2"}, "a schema cannot be called"),
        ({"name": "Analyst"}, "a name is needed here"),
        ({"owner": "steward", "name": "steward_x"}, 'owner: "steward" is neither'),
        ({"owner": "everybody", "name": "everybody_x"}, "is neither"),
        ({"owner": "role:steward", "name": "steward_x"}, "is neither"),
        ({"of": "shop@2"}, 'of: product "shop@2" does not exist'),
        (
            {"of": "analyst_narrow"},
            'of: "analyst_narrow" is a projection itself, and one is over a product (of: shop@1)',
        ),
        ({"of": None}, "of names the product"),
        ({"kind": "View"}, "this is no Projection"),
        ({"filter": "region = 'N'"}, '"filter" is nothing that a projection says'),
        ({"tables": []}, "tables is a list of 1 to 50 tables"),
        ({"consumers": ["everybody"]}, "consumers: to show it to everybody is for who operates the deployment"),
        ({"consumers": "steward"}, "consumers is a list of names"),
        ({"tables": table(where="1 = 1")}, '"where" is nothing that a projection says (filters and expressions are'),
        ({"tables": table(columns=["upper(email)"])}, "tables[0].columns[0]: a name is needed here"),
        ({"tables": table(columns=[{"name": "email", "as": "x", "mask": "none"}])}, '"mask" is nothing'),
        ({"tables": table(columns=["email", {"name": "email", "as": "x"}])}, '"email" is taken twice'),
        ({"tables": table(columns=["email", {"name": "phone", "as": "email"}])}, '"email" is given twice'),
        ({"tables": table(columns=None)}, "a table has columns, or a grain and measures"),
        ({"tables": table(grain=["region"])}, "a table has columns, or a grain and measures"),
        ({"tables": table(columns=None, grain=["region"])}, "a grain and measures stand together"),
        ({"tables": table() + table()}, '"mail" stands twice'),
        ({"tables": table(columns=None, grain=["region"], measures=["n"])}, 'measures[0]: measure "n" does not exist'),
    ],
)
def test_what_is_no_projection_is_refused_with_its_place(gateway: Gateway, changes: dict[str, Any], words: str) -> None:
    assert words in refusal(gateway, **changes)
    assert "analyst_mail" not in {one.declared.name for one in gateway.projections.listed(opened(gateway))}


def test_several_are_taken_all_or_none(gateway: Gateway) -> None:
    good, bad = said(), said(name="analyst_other", tables=table(columns=["nothing"]))
    with pytest.raises(BadQuery) as error:
        gateway.projections.define(opened(gateway), [good, bad])
    assert isinstance(error.value.__cause__, ProjectionError)
    assert [(one.path, one.line) for one in error.value.__cause__.findings] == [("tables[0].columns[0]", 6)]
    with pytest.raises(NotFound):
        gateway.projections.show(opened(gateway), "analyst_mail")


def test_a_measure_that_its_definer_may_not_ask_by_a_dimension_is_no_part_of_a_grain(gateway: Gateway) -> None:
    homes = {"name": "partner_h", "of": "survey"}
    grain = [{"name": "h", "of": "people", "grain": ["household_id"], "measures": ["heads", "mean_income"]}]
    assert 'measures[1]: measure "mean_income" is not for groups' in refusal(gateway, "partner", **homes, tables=grain)
    assert 'measure "top_income" does not exist' in refusal(
        gateway, "partner", **homes, tables=[{**grain[0], "grain": ["segment"], "measures": ["top_income"]}]
    )
    assert 'dimension "income" does not exist' in refusal(
        gateway, "partner", **homes, tables=[{**grain[0], "grain": ["income"], "measures": ["heads"]}]
    )


def test_a_name_of_anothers_or_of_a_product_is_not_free(gateway: Gateway, settings: Settings) -> None:
    taken = projection_world.PARTNER.replace("name: partner_towns", "name: role_x").replace(
        "owner: partner", "owner: role-x"
    )
    projection_world.put(settings, projection_world.ANALYST, projection_world.PARTNER, taken)
    other = opened(gateway)
    session = replace(other, principal=replace(other.principal, subject="role_x"))
    with pytest.raises(BadQuery, match="role_x: this name is not free"):
        gateway.projections.define(session, [said(name="role_x", owner=None)])
    shop = replace(other, principal=replace(other.principal, subject="shop"))
    with pytest.raises(BadQuery, match="shop: this name is not free"):
        gateway.projections.define(shop, [said(name="shop", owner=None)])
    projection_world.put(settings, projection_world.ANALYST, projection_world.PARTNER)


def test_a_role_owns_together(gateway: Gateway) -> None:
    session = opened(gateway)
    second = replace(session, principal=replace(session.principal, subject="second"))
    gateway.projections.define(session, [said(owner="role:analyst")])
    told = gateway.projections.show(second, "analyst_mail")
    assert (told.own, told.by, told.absent) == (True, "analyst", ())
    gateway.projections.define(second, [said(owner="role:analyst", title="Ours")])
    assert gateway.projections.show(session, "analyst_mail").declared.title == "Ours"
    assert gateway.projections.delete(session, "analyst_mail") == "analyst_mail"


def test_a_consumer_is_told_what_of_it_is_there_for_him(gateway: Gateway) -> None:
    seen = gateway.projections.show(opened(gateway, "clerk"), "analyst_narrow")
    assert not seen.own
    assert [one["name"] for one in seen.document["tables"]] == ["purchases"]
    assert not {"consumers", "absent", "defined_by"} & seen.document.keys()
    mine = gateway.projections.show(opened(gateway), "analyst_narrow")
    assert mine.absent == ("customers.salary", "customers.unsorted")
    assert [one.declared.name for one in gateway.projections.listed(opened(gateway, "stranger"))] == []
    with pytest.raises(Forbidden, match="is its owner's"):
        gateway.projections.delete(opened(gateway, "clerk"), "analyst_narrow")
    with pytest.raises(NotFound, match="does not exist"):
        gateway.projections.delete(opened(gateway, "stranger"), "analyst_narrow")


def test_no_key_of_less_than_a_whole_right_defines(gateway: Gateway) -> None:
    session = opened(gateway)
    for scope in (Scope(None, None, ("query",)), Scope(None, ("shop",), None)):
        narrow = replace(session, principal=replace(session.principal, scope=scope))
        with pytest.raises(Forbidden):
            gateway.projections.define(narrow, [said()])
    behalf = replace(session, principal=replace(session.principal, behalf=opened(gateway, "ml").principal))
    with pytest.raises(Forbidden):
        gateway.projections.define(behalf, [said()])


def test_a_file_that_cannot_be_read_leaves_what_was_there(tmp_path: Path, settings: Settings) -> None:
    shelf = ProjectionShelf(tmp_path)
    assert shelf.current().every == ()
    (tmp_path / NAME).write_bytes((settings.state / NAME).read_bytes())
    before = shelf.current()
    assert {one.projection.name for one in before.every} == {"analyst_narrow", "partner_towns"}
    (tmp_path / NAME).write_text('{"format": 1, "projections": [{"declared": ["Projection"]}]}')
    assert shelf.current() is before
    assert "cannot be read" in shelf.problem
    (tmp_path / NAME).unlink()
    assert shelf.current().every == ()


def test_one_that_is_not_fit_any_more_is_kept_from_everybody_and_all_others_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = projection_world.build(tmp_path)
    made = Gateway(settings)
    try:
        mine = opened(made)
        made.projections.define(mine, [said()])
        # As if a rule had become stricter since: a title may not have a line end.
        path = settings.state / NAME
        kept = json.loads(path.read_text())
        (one,) = (one for one in kept["projections"] if one["declared"]["name"] == "analyst_mail")
        one["declared"]["title"] = "two\nlines"
        path.write_text(json.dumps(kept))
        assert made.answer(mine, Query("SELECT id FROM analyst_narrow.people LIMIT 1")).schema.names == ["id"]
        with pytest.raises(NotFound):
            made.answer(mine, Query("SELECT address FROM analyst_mail.mail"))
        (told,) = (one for one in made.projections.listed(mine) if one.declared.name == "analyst_mail")
        assert (told.state, told.document["tables"]) == ("not fit", [])
        assert "title" in told.document["findings"][0]
        assert made.projections.show(mine, "analyst_mail") == told
        assert "analyst_mail of analyst" in caplog.text
        assert any("analyst_mail" in one for one in made.ready().problems)
        # To others it is as if it had never been, and its name is not free.
        other = opened(made, "partner")
        assert "analyst_mail" not in {one.declared.name for one in made.projections.listed(other)}
        with pytest.raises(NotFound):
            made.projections.show(other, "analyst_mail")
        # What others change leaves it where it is; its owner defines it anew, or takes it back.
        made.projections.define(mine, [said(name="analyst_more")])
        assert "two\\nlines" in path.read_text()
        made.projections.define(mine, [said(title="one line")])
        assert made.projections.show(mine, "analyst_mail").state == "served"
        path.write_text(json.dumps(kept))
        assert made.projections.delete(mine, "analyst_mail") == "analyst_mail"
        assert "analyst_mail" not in path.read_text()
        assert made.ready().problems == ()
    finally:
        made.close()


def test_what_a_projection_declares_is_read_back_as_it_was() -> None:
    for text in (projection_world.ANALYST, projection_world.PARTNER):
        declared, _ = parse("one.yaml", text)
        again, _ = parse("two.yaml", yaml.safe_dump(declared.document))
        assert again == declared
        assert again.digest == declared.digest


def test_what_is_declared_in_few_characters_is_read_back_though_it_takes_more(tmp_path: Path) -> None:
    columns = ",".join(f"c{place}" for place in range(500))
    tables = "".join(f"  - {{name: t{place}, of: t, columns: [{columns}]}}\n" for place in range(40))
    declared, _ = parse(
        "one.yaml", f"kind: Projection\nname: analyst_wide\nowner: analyst\nof: shop\ntables:\n{tables}"
    )
    shelf = ProjectionShelf(tmp_path)
    shelf.changed(lambda _: Shelved((Defined(declared, "analyst", ""),)))
    shelf.changed(lambda before: before)
    assert [one.projection for one in ProjectionShelf(tmp_path).current().every] == [declared]


def test_a_character_that_json_writes_as_two_is_one(gateway: Gateway, tmp_path: Path) -> None:
    text = json.dumps({**MINE, "owner": "analyst", "title": "Mail \U0001f4ec"})
    assert "\\ud83d" in text
    declared, _ = parse("one.json", text)
    assert declared.title == "Mail \U0001f4ec"
    shelf = ProjectionShelf(tmp_path)
    shelf.changed(lambda _: Shelved((Defined(declared, "analyst", ""),)))
    assert ProjectionShelf(tmp_path).current().projections == (declared,)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"title": "x" * 201}, "title is a text of at most 200 characters, in one line"),
        ({"title": "one\ntwo"}, "title is a text of at most 200 characters, in one line"),
        ({"title": "\x7f"}, "title is a text of at most 200"),
        ({"title": "\u202eliam"}, "title is a text of at most 200"),
        ({"description": "x" * 4_001}, "description is a text of at most 4000 characters"),
        ({"tables": table(description="\x1b[2J")}, "tables[0].description: description is a text"),
        ({"consumers": ["steward\nclerk"]}, "consumers[0]: consumers is a text"),
        ({"consumers": [f"role:r{place}" for place in range(51)]}, "there are at most 50 consumers"),
    ],
)
def test_what_is_no_text_to_be_shown_is_refused(gateway: Gateway, changes: dict[str, Any], words: str) -> None:
    assert words in refusal(gateway, **changes)


def test_half_a_character_is_refused_in_words_that_can_be_sent(gateway: Gateway) -> None:
    for text in (json.dumps({**MINE, "title": "\ud83d"}), json.dumps({**MINE, "\ud83d": 1})):
        with pytest.raises(BadQuery) as error:
            gateway.projections.define(opened(gateway), [("mine.json", text)])
        assert error.value.message.encode()


def test_an_owner_has_so_many_tables_and_no_more(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    several = [{**MINE["tables"][0], "name": f"mail{place}"} for place in range(3)]
    monkeypatch.setattr(projections, "OWNED_TABLES", 6)  # four are there
    assert "one owner has at most 50 projections with 6 tables in all" in refusal(gateway, tables=several)
    monkeypatch.setattr(projections, "OWNED_TABLES", 100)
    monkeypatch.setattr(projections, "ALL_TABLES", 12)  # twelve are there
    assert "all together there are at most" in refusal(gateway, tables=several)


def test_a_state_tells_of_no_product_that_is_hidden(gateway: Gateway, settings: Settings) -> None:
    over = {name: projection_world.ANALYST.replace("of: shop@1", f"of: {name}") for name in ("hr", "hs")}
    shadowed = projection_world.ANALYST.replace("name: analyst_narrow", "name: hr")
    told = {}
    try:
        for name, text in over.items():
            projection_world.put(settings, text)
            told[name] = gateway.projections.show(opened(gateway), "analyst_narrow").state
        projection_world.put(settings, shadowed)
        taken = gateway.projections.show(opened(gateway), "hr").state
    finally:
        projection_world.put(settings, projection_world.ANALYST, projection_world.PARTNER)
    assert told == {"hr": "without an origin", "hs": "without an origin"}
    assert taken == "its name is not free"


def test_nothing_is_defined_over_what_is_retired(gateway: Gateway) -> None:
    with pytest.raises((BadQuery, Expired)):
        gateway.projections.define(opened(gateway), [said(of="shop@7")])
