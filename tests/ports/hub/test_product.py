"""A product's page: what drives its measures, what it is made of, who uses it, and nothing of what is hidden."""

from __future__ import annotations

import html
import re

import pytest

from tests.ports.hub import reading
from tests.ports.hub.conftest import Visit
from tests.ports.hub.shelf import XSS


def test_the_metric_tree_is_drawn_and_told_with_values(visit: Visit) -> None:
    page = visit("analyst").get("/hub/report").text
    drawing = re.search(r'<svg role="img" aria-label="Metric tree of reports".*?</svg>', page, re.DOTALL)
    assert drawing is not None
    assert drawing[0].count("<rect") == 3
    assert drawing[0].count('class="edge"') == 2
    assert "66 EUR" in drawing[0]
    words = reading.read(page).text
    assert "takings (north star): 66 EUR = things * mean_price" in words


def test_what_it_is_comes_first_then_how_to_get_it_then_what_is_in_it(visit: Visit) -> None:
    page = visit("analyst").get("/hub/report").text
    places = [
        page.index(one)
        for one in ('class="lead"', "<dt>Quality", 'id="connect"', 'id="measures"', 'id="t-reports"', 'id="talk"')
    ]
    assert places == sorted(places)


def test_numbers_are_aligned_and_measures_say_how_they_are_computed(visit: Visit) -> None:
    page = visit("analyst").get("/hub/report").text
    assert '<td class="raw number">3.00</td>' in page
    assert 'class="partial number"' not in page
    words = reading.read(page).text
    assert "takings / nullif(things, 0)" in words
    assert "count(*)" in words
    assert words.index("north star") < words.index("How it is computed: mean_price")


def test_products_are_listed_by_domain_where_there_are_several(visit: Visit) -> None:
    whole = visit("steward").get("/").text
    domains = re.findall(r"\?domain=([a-z]+)", whole)
    assert "test" in domains
    shown = {name: visit("steward").get("/", params={"domain": name}).text.count("<dt>Quality") for name in domains}
    assert (shown["test"], shown["inside"]) == (2, 1)
    assert sum(shown.values()) == whole.count("<dt>Quality")
    assert "domain=" not in visit("analyst").get("/").text
    assert visit("steward").get("/", params={"domain": "nowhere"}).text.count("<dt>Quality") == sum(shown.values())


def test_lineage_shows_visible_products_and_columns_alone(visit: Visit) -> None:
    steward = reading.read(visit("steward").get("/hub/source").text)
    assert {"/hub/report", "/hub/inner"} <= set(steward.links)
    assert "Used for inner, report" in steward.text
    analyst = reading.read(visit("analyst").get("/hub/source").text)
    assert "/hub/report" in analyst.links
    assert "Used for report." in analyst.text
    made = reading.read(visit("analyst").get("/hub/report").text).text
    assert "reports.price source.items.price" in made
    assert "Made of source." in made


def test_consumers_are_told_but_for_questions_about_what_is_hidden(visit: Visit) -> None:
    assert "insiders" in visit("steward").get("/hub/report").text
    page = visit("analyst").get("/hub/report").text
    assert "what sells?" in page
    assert "insiders" not in page


@pytest.mark.parametrize("path", ["/", "/hub/source", "/hub/report", "/hub/-/search?q=takings"])
def test_what_is_hidden_is_in_no_page(visit: Visit, path: str) -> None:
    page = visit("analyst").get(path).text
    for hidden in ("secret", "CANARY", "inner", "inside"):
        assert hidden not in page


@pytest.mark.parametrize("subject", ["steward", "analyst"])
@pytest.mark.parametrize("path", ["/", "/hub/source", "/hub/report", "/hub/-/search?q=purpose", "/docs"])
def test_whatever_products_say_is_shown_as_text(visit: Visit, subject: str, path: str) -> None:
    page = visit(subject).get(path).text
    read = reading.read(page)
    assert XSS not in page
    assert {one.attributes["src"] for one in read.of("script")} == {"/hub.js"}
    assert not read.of("img")
    assert "alert(1)" in html.unescape(page)
    assert "{{7*7}}" in page
