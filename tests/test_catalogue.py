from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from attrs import evolve

from bc_toy import BarParams, bars, quotes, ticks
from bcore.catalogue import Catalogue
from bcore.errors import ConflictError, NotFoundError, RequestError


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue.of([ticks(), quotes()], [bars()])


def test_datasets_and_derivations_are_views(catalogue: Catalogue) -> None:
    assert {"ticks", "quotes", "bars"} == set(catalogue.views)


def test_a_view_shows_what_a_consumer_may_know(catalogue: Catalogue) -> None:
    ticks_view, bars_view = catalogue.view("ticks"), catalogue.view("bars")
    assert ("Toy ticks", ticks().schema, "timestamp", ("lot",), None) == (
        ticks_view.summary,
        ticks_view.schema,
        ticks_view.time,
        ticks_view.facets,
        ticks_view.params,
    )
    assert ("Toy bars", bars().schema, ("lot",), BarParams, ticks()) == (
        bars_view.summary,
        bars_view.schema,
        bars_view.facets,
        bars_view.params,
        bars_view.dataset,
    )


def test_a_derivation_of_a_dataset_that_is_not_there_is_no_view() -> None:
    assert {"quotes"} == set(Catalogue.of([quotes()], [bars()]).views)


def test_an_unknown_view_names_near_ones_and_all(catalogue: Catalogue) -> None:
    with pytest.raises(NotFoundError, match=r"did you mean ticks\?\); views: bars, quotes, ticks"):
        catalogue.view("tick")


def test_with_nothing_to_read_the_message_asks_for_a_plugin() -> None:
    with pytest.raises(NotFoundError, match="is a plugin missing"):
        Catalogue.of([], []).view("ticks")


def test_the_same_dataset_twice_is_one_view() -> None:
    views = Catalogue.of([ticks(), evolve(ticks(), summary="declared")], []).views
    assert ["Toy ticks"] == [view.summary for view in views.values()]


@pytest.mark.parametrize("change", [{"key": ("id", "lot")}, {"sequence": None}])
def test_two_datasets_that_differ_may_not_share_a_name(change: dict[str, Any]) -> None:
    with pytest.raises(ConflictError, match="'ticks' exists with two different"):
        Catalogue.of([ticks(), evolve(ticks(), **change)], [])


def test_a_derivation_may_not_be_called_as_a_dataset() -> None:
    with pytest.raises(ConflictError, match="'ticks' is both"):
        Catalogue.of([ticks()], [evolve(bars(), name="ticks")])


@pytest.mark.parametrize("typed", ["1,2", [1, 2], (1.0, 2.0), ["1", "2"]])
def test_facets_are_brought_into_the_columns_type(catalogue: Catalogue, typed: Any) -> None:
    assert {"lot": (1.0, 2.0)} == catalogue.view("ticks").split({"lot": typed})[0]


@pytest.mark.parametrize("typed", [1, "1", 1.0])
def test_an_int_facet_takes_a_whole_number_however_it_is_typed(catalogue: Catalogue, typed: Any) -> None:
    assert {"level": (1,)} == catalogue.view("quotes").split({"level": typed})[0]


def test_parameters_are_typed_by_the_derivation(catalogue: Catalogue) -> None:
    assert ({"lot": (1.0,)}, BarParams(30)) == catalogue.view("bars").split({"seconds": "30", "lot": 1})


def test_every_wrong_parameter_is_named_at_once(catalogue: Catalogue) -> None:
    with pytest.raises(RequestError) as caught:
        catalogue.view("bars").split({"seconds": "0", "lot": "big", "second": 1})
    assert 3 == len(caught.value.problems)
    assert any("lot must be a number" in problem for problem in caught.value.problems)
    assert any("second is not known (did you mean seconds?)" in problem for problem in caught.value.problems)


def test_a_plain_dataset_takes_no_parameters(catalogue: Catalogue) -> None:
    with pytest.raises(RequestError, match="seconds is not known; known: none"):
        catalogue.view("quotes").split({"seconds": 1})


def test_an_archive_with_more_columns_than_declared_is_read_as_it_is() -> None:
    held = evolve(ticks(), schema=ticks().schema.append(pa.field("more", pa.int8())))
    assert "more" in Catalogue.of([held, ticks()], []).view("ticks").schema.names
