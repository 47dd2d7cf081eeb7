"""Recommenders trained on a small shop: people, newcomers, filters, reasons, whole tables, and what cannot be answered."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from shared.errors import InvalidParams, RecipeFailed
from shared.jobs.job import InputRef
from shared.outputs import Table, Text
from shared.recipes import get_recipe
from shared.recipes.base import validate_params
from shared.volume.volume import Volume
from tests.support.small_shop import CODE, CONTENT, ITEMS, NAMES, SPEC, items_said, kind_of, purchases, say, train
from tests.support.tiny_datasets import import_files
from worker.context import Context
from worker.inputs import open_inputs
from worker.recipe import optional
from worker.verdict import judge

pytestmark = pytest.mark.timeout(300)
GRAPH = get_recipe("recommender_gnn")
SEQUENCE = get_recipe("recommender_sequence")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A volume with both tables, and a ranking and ratings trained on them."""
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.ensure()
    bought = import_files(volume, [("bought.csv", purchases().encode())], "table")
    items = import_files(volume, [("items.csv", ITEMS.encode())], "table")
    given = {"data": InputRef(dataset_id=bought.id), "items": InputRef(dataset_id=items.id)}
    ranking = train(volume, given, factors=8)
    return SimpleNamespace(
        volume=volume, given=given, ranking=ranking, ratings=train(volume, given, value="stars", factors=8),
        graph=train(volume, given, GRAPH, negatives=4, factors=8),
        content=train(volume, given, CONTENT, width=8, length=6, negatives=4, batch_size=8, new_items=0.15),
    )  # fmt: skip


@pytest.mark.parametrize("which", ["ranking", "graph", "content"])
def test_it_is_better_than_popularity_and_says_so_beside_all_simple_answers(shop, which):
    one = getattr(shop, which)
    simple = optional(CODE, "baselines")
    assert simple is not None and one.report.judge is not None
    beside = simple(one.data, one.params, one.context)
    assert [each.name for each in beside] == ["what is popular", "what goes with the last item", "item-kNN", "ALS"]
    for each in beside:
        assert (
            set(each.metrics) == {name for name in one.report.metrics if name in each.metrics}
            and "test_ndcg_10" in each.metrics
        )
    others = [(each.name, each.predictions) for each in beside[:1]]
    verdict = judge(one.report.judge, one.report.predictions, others, one.report.rows)
    assert verdict is not None and verdict.better and "nDCG@10" in verdict.sentence
    assert one.report.metrics["test_newcomer_ndcg_10"] > beside[0].metrics["test_ndcg_10"]


def test_ratings_are_nearer_than_the_mean_and_the_report_has_groups(shop):
    one = shop.ratings
    simple = optional(CODE, "baselines")
    assert simple is not None
    beside = {each.name: each.metrics["test_rmse"] for each in simple(one.data, one.params, one.context)}
    assert set(beside) == {"the mean", "means of person and item", "item-kNN", "ALS"}
    assert one.report.metrics["test_rmse"] < 0.6 * beside["the mean"]
    tables = [output for output in one.report.outputs if isinstance(output, Table)]
    assert any("By how many items" in table.title for table in tables)
    assert "split by time" in one.data.notes[0]


@pytest.mark.parametrize("which", ["ranking", "graph", "content"])
def test_a_person_gets_their_kind_with_reasons_and_nothing_they_have(shop, which):
    outputs = say(shop, getattr(shop, which), user="p4", count=3)
    has = {row.split(",")[1] for row in purchases().splitlines() if row.startswith("p4,")}
    names = items_said(outputs)
    assert not {f"Item {NAMES[int(float(item))]}" for item in has} & set(names)
    assert kind_of(names[0]) == 0
    assert "because you liked Item" in outputs[0].items[0].note and "tea" in outputs[0].items[0].note
    again = say(shop, getattr(shop, which), user="p4", count=20, seen=True)
    assert len(items_said(again)) == 20


def test_ratings_that_are_foreseen_are_on_the_scale_and_higher_for_the_own_kind(shop):
    foreseen = say(shop, shop.ratings, user="p4", count=20, seen=True)[0]
    assert all(1 <= item.value <= 5 for item in foreseen.items) and foreseen.title.startswith("stars")
    assert np.mean([kind_of(item.name) == 0 for item in foreseen.items[:5]]) >= 0.8


@pytest.mark.parametrize("which", ["ranking", "ratings", "graph", "content"])
def test_a_newcomer_is_answered_by_ids_or_titles(shop, which):
    one = getattr(shop, which)
    names = items_said(say(shop, one, liked=["Item B", "3.0", "item f"], count=3))
    assert kind_of(names[0]) == 1 and not {"Item B", "Item D", "Item F"} & set(names)


@pytest.mark.parametrize("which", ["ranking", "graph", "content"])
def test_items_alike_are_of_one_kind(shop, which):
    names = items_said(say(shop, getattr(shop, which), similar_to="Item A", count=3))
    assert "Item A" not in names and np.mean([kind_of(name) == 0 for name in names]) > 0.6


def test_filters_hold_together_and_diversity_changes_what_follows(shop):
    names = items_said(say(shop, shop.ranking, user="p4", only=["kind=TOOL"], without=["Item B"], count=20))
    assert names and all(kind_of(name) == 1 for name in names) and "Item B" not in names
    plain, mixed = (items_said(say(shop, shop.ranking, user="p4", seen=True, count=6, diversity=d)) for d in (0.0, 0.9))
    assert plain[0] == mixed[0] and plain != mixed


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"user": "p444"}, "there is no who 'p444' (is 'p4"),
        (
            {"liked": ["Itm B", "zzz"]},
            "liked: no item 'Itm B' (is 'Item B' meant?); liked: no item 'zzz'; wanted are ids or titles",
        ),
        ({"liked": ["zzz"]}, "such as 'Item "),
        ({"similar_to": "77"}, "similar_to: no item '77'"),
        ({"user": "p4", "only": ["colour=red", "kind", "kind=teas"]}, "cannot be narrowed by 'colour'; there are kind"),
        ({"user": "p4", "only": ["kind=tea"], "without": [f"Item {c}" for c in NAMES[::2]]}, "no item is left"),
    ],
)
def test_what_is_not_known_is_named_at_once_with_what_is_near(shop, asked, said):
    with pytest.raises(RecipeFailed) as caught:
        say(shop, shop.ranking, **asked)
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("spec", "asked", "said"),
    [
        (SPEC, {}, "nobody is named: one of user, liked and similar_to is wanted"),
        (SPEC, {"user": "p4", "liked": ["1"]}, "user and liked are given: one of user, liked and similar_to is wanted"),
        (
            CONTENT,
            {"user": "p4", "about": ["sex=f"], "liked": ["1"]},
            "user and liked and about are given: one of user, liked/about and",
        ),
        (SPEC, {"about": ["sex=f"]}, "unknown; known are"),
    ],
)
def test_what_no_model_could_answer_is_refused_before_it_is_queued(spec, asked, said):
    with pytest.raises(InvalidParams) as caught:
        validate_params(spec.use("generate").params, asked)
    assert said in caught.value.problems[0].message


def test_items_of_a_newcomers_list_that_are_not_known_are_left_out_and_named(shop):
    known = say(shop, shop.ranking, liked=["Item B", "3"], count=4)
    answer, note = say(shop, shop.ranking, liked=["Item B", "nowhere", "3", "Itm D"], count=4)
    assert items_said(known) == items_said([answer])
    assert isinstance(note, Text) and note.text.splitlines()[1:] == [
        "liked: no item 'nowhere'",
        "liked: no item 'Itm D' (is 'Item D' meant?)",
    ]


def test_all_people_of_a_table_are_answered_in_its_order_and_unknown_ones_named(shop):
    people = import_files(shop.volume, [("people.csv", b"who,x\np7,1\np3,2\nnobody,3\np7,4\n")], "table")
    inputs = open_inputs({"data": InputRef(dataset_id=people.id)}, Context(volume=shop.volume))
    report, rows = say(shop, shop.ranking, "batch", inputs, count=2)
    assert [(row["who"], row["rank"]) for row in rows] == [
        ("p7", "1"),
        ("p7", "2"),
        ("p3", "1"),
        ("p3", "2"),
        ("nobody", ""),
    ]
    assert rows[0]["title"] == items_said(say(shop, shop.ranking, user="p7", count=1))[0]
    assert "there is no who 'nobody'" in rows[4]["error"] and report.metrics == {"people": 2.0, "errors": 1.0}


def test_the_value_of_each_row_is_told(shop):
    pairs = import_files(shop.volume, [("pairs.csv", b"who,what\np4,0\np4,1.0\np4,99\n,1\n")], "table")
    inputs = open_inputs({"data": InputRef(dataset_id=pairs.id)}, Context(volume=shop.volume))
    report, rows = say(shop, shop.ratings, "batch", inputs, answer="values")
    assert float(rows[0]["foreseen stars"]) > float(rows[1]["foreseen stars"])
    assert rows[2]["error"] == "there is no what '99'" and rows[3]["error"] == "no who is told"
    assert report.metrics == {"rows": 4.0, "errors": 2.0}


def test_somebody_who_asked_for_it_is_forgotten_by_the_next_training(shop):
    params = validate_params(
        SPEC.train_params, {"user": "who", "item": "what", "forget": ["p4", "nobody"], "item_title": "title"}
    )
    data: Any = CODE.load(open_inputs(shop.given, Context(volume=shop.volume)), params, Context(volume=shop.volume))
    assert "p4" not in data.found.user_ids and "p5" in data.found.user_ids
    assert any(note.startswith("1 of 2 people to forget") for note in data.notes)


def test_an_item_that_nobody_took_is_recommended_by_its_columns_and_measured(shop):
    one = shop.content
    assert one.data.catalogue.ids[-1] == "20" and one.data.popularity[-1] == 0
    assert any(
        "1 items of the table of items have no interaction that counts: they may be" in n for n in one.data.notes
    )
    figures = one.report.metrics
    assert figures["new_alone_recall_20"] == 1.0 == figures["new_alone_chance_20"]  # there are 20 items in all
    assert figures["new_recall_20"] == 1.0 > figures["new_ndcg_10"]
    assert any(
        "Items that nothing is learnt of" in table.title for table in one.report.outputs if isinstance(table, Table)
    )
    for_tea, for_tools = (say(shop, one, user=person, count=21, seen=True)[0] for person in ("p4", "p5"))
    of_new = [next(item.value for item in said.items if item.name == "Item X") for said in (for_tea, for_tools)]
    assert of_new[0] > of_new[1]  # it is tea


def test_the_order_tells_what_comes_next_and_how_a_newcomer_lists_it_too(tmp_path):
    volume = Volume(tmp_path)
    volume.ensure()
    rows = [f"p{n},{(n + day) % 12},{1_600_000_000 + day}" for n in range(96) for day in range(6 + n % 4)]
    walked = import_files(volume, [("walked.csv", "\n".join(["who,what,day", *rows]).encode())], "table")
    given = {"data": InputRef(dataset_id=walked.id)}
    one = train(volume, given, SEQUENCE, width=16, layers=1, length=8, item_title="", item_tags=[], dropout=0.0)
    shop = SimpleNamespace(volume=volume)
    assert items_said(say(shop, one, user="p1", count=1)) == ["8"]  # all that p1 took goes into it: 1 to 7
    assert items_said(say(shop, one, liked=["3", "4", "5"], count=1)) == ["6"]
    assert items_said(say(shop, one, liked=["8", "7", "6", "9"], count=1)) == ["10"]


def test_bpr_learns_the_two_kinds_too(shop):
    one = train(shop.volume, shop.given, factors=8, loss="bpr", regularisation=0.001)
    popular = train(shop.volume, shop.given, factors=8, epochs=1, learning_rate=1e-9).report.metrics["test_ndcg_10"]
    assert one.report.metrics["test_ndcg_10"] > popular + 0.1
