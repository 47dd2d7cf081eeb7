"""Recommenders trained on a small shop: people, newcomers, filters, reasons, whole tables, and what cannot be answered."""

import csv
import io
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("tensorflow")

from shared.errors import DatasetInvalid, InvalidParams, RecipeFailed
from shared.ids import new_id
from shared.jobs.job import InputRef
from shared.outputs import Scores, Table, Text
from shared.recipes import get_recipe
from shared.recipes.base import validate_params
from shared.volume.volume import Volume
from tests.support.tiny_bases import put_base
from tests.support.tiny_datasets import import_files
from worker.artifacts import publishing
from worker.context import Context
from worker.families.recommending.measuring import report_vectors
from worker.families.recommending.vectors import Vectors
from worker.inputs import open_inputs
from worker.recipe import code_of, optional
from worker.training.fit import fit
from worker.verdict import judge

pytestmark = pytest.mark.timeout(300)
SPEC = get_recipe("recommender_mf")
CODE = code_of(SPEC)
GRAPH = get_recipe("recommender_gnn")
CONTENT = get_recipe("recommender_content")
SEQUENCE = get_recipe("recommender_sequence")


NAMES = "ABCDEFGHIJKLMNOPQRST"


SHORT: dict[str, Any] = {
    "width": 8, "length": 6, "negatives": 4, "batch_size": 8, "new_items": 0.15, "item_texts": ["title"], "epochs": 1,
}  # fmt: skip


def _shop() -> str:
    """Twenty items of two kinds; a person buys seven of one kind, and after the first of them any other."""
    rng = np.random.default_rng(0)
    lines = ["who,what,stars,day"]
    for person in range(120):
        own = rng.permutation(10)[:7] * 2 + person % 2
        for number, item in enumerate([own[0], int(rng.integers(10)) * 2 + 1 - person % 2, *own[1:]]):
            stars = 5 if item % 2 == person % 2 else 1
            lines.append(f"p{person},{item}.0,{stars},{1_600_000_000 + 86_400 * number + person}")
    return "\n".join(lines)


_SOLD = [f"{number},Item {name},{('tea', 'tool')[number % 2]}|all" for number, name in enumerate(NAMES + "X")]
ITEMS = "\n".join(["what,title,kind", *_SOLD])


# What people like to do tells what they buy; the last two have bought nothing yet, p119 has no row.
PEOPLE = "\n".join(
    [
        "who,hobby,born",
        *(f"p{n},{('cooking|sun', 'building')[n % 2]},{1950 + n % 40}" for n in range(119)),
        "q1,cooking,",
        "q2,building,1970",
    ]
)


def _train(volume: Volume, given: dict[str, InputRef], spec=SPEC, **params: Any) -> SimpleNamespace:
    chosen = {
        "user": "who",
        "item": "what",
        "time": "day",
        "item_title": "title",
        "item_tags": ["kind"],
        "batch_size": 16,
        "epochs": 15,
        "learning_rate": 0.02,
    }
    code = code_of(spec)
    params_ = validate_params(spec.train_params, chosen | params)
    job_id = new_id()
    context = Context(volume.start_attempt(job_id, 1), volume, job_id, checkpoint_interval_s=1e9)
    data: Any = code.load(open_inputs(given, context), params_, context)
    outcome = fit(spec, params_, data, context)
    with publishing(volume, volume.root / job_id) as (files, _):
        report = code.report(outcome.model, outcome.data, params_, context, files, outcome.stages)
    generator: Any = code.open_generator(outcome.model, params_, outcome.data.assets)
    return SimpleNamespace(
        data=outcome.data, report=report, generator=generator, params=params_, context=context, model=outcome.model
    )


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A volume with both tables, and a ranking and ratings trained on them."""
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.ensure()
    bought = import_files(volume, [("bought.csv", _shop().encode())], "table")
    items = import_files(volume, [("items.csv", ITEMS.encode())], "table")
    people = import_files(volume, [("people.csv", PEOPLE.encode())], "table")
    given = {"data": InputRef(dataset_id=bought.id), "items": InputRef(dataset_id=items.id)}
    ranking = _train(volume, given, factors=8)
    return SimpleNamespace(
        volume=volume, given=given, ranking=ranking, ratings=_train(volume, given, value="stars", factors=8),
        graph=_train(volume, given, GRAPH, negatives=4, factors=8),
        content=_train(volume, given, CONTENT, width=8, length=6, negatives=4, batch_size=8, new_items=0.15),
        told=_train(
            volume, given | {"people": InputRef(dataset_id=people.id)}, CONTENT, width=8, length=6, negatives=4, batch_size=8,
            new_items=0, new_people=0.2, user_tags=["hobby"], user_numbers=["born"], epochs=8, forget=["p118"],
        ),
    )  # fmt: skip


def _say(shop, of, use="generate", inputs=None, context=None, spec=SPEC, **params):
    with publishing(shop.volume, shop.volume.root / new_id()) as (files, _):
        asked = validate_params(spec.use(use).params, params)
        if use == "generate":
            return of.generator.generate(asked, Context(), files)
        found = of.generator.batch(asked, inputs, context or Context(), files)
        return found, list(csv.DictReader(io.StringIO(files.path("rows.csv").read_text("utf-8-sig"))))


def _items(outputs):
    (answer,) = outputs
    assert isinstance(answer, Scores)
    return [item.name for item in answer.items]


def _kind(name):
    return (NAMES + "X").index(name[-1]) % 2


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
    outputs = _say(shop, getattr(shop, which), user="p4", count=3)
    has = {row.split(",")[1] for row in _shop().splitlines() if row.startswith("p4,")}
    names = _items(outputs)
    assert not {f"Item {NAMES[int(float(item))]}" for item in has} & set(names)
    assert _kind(names[0]) == 0
    assert "because you liked Item" in outputs[0].items[0].note and "tea" in outputs[0].items[0].note
    again = _say(shop, getattr(shop, which), user="p4", count=20, seen=True)
    assert len(_items(again)) == 20


def test_ratings_that_are_foreseen_are_on_the_scale_and_higher_for_the_own_kind(shop):
    foreseen = _say(shop, shop.ratings, user="p4", count=20, seen=True)[0]
    assert all(1 <= item.value <= 5 for item in foreseen.items) and foreseen.title.startswith("stars")
    assert np.mean([_kind(item.name) == 0 for item in foreseen.items[:5]]) >= 0.8


@pytest.mark.parametrize("which", ["ranking", "ratings", "graph", "content"])
def test_a_newcomer_is_answered_by_ids_or_titles(shop, which):
    one = getattr(shop, which)
    names = _items(_say(shop, one, liked=["Item B", "3.0", "item f"], count=3))
    assert _kind(names[0]) == 1 and not {"Item B", "Item D", "Item F"} & set(names)


@pytest.mark.parametrize("which", ["ranking", "graph", "content"])
def test_items_alike_are_of_one_kind(shop, which):
    names = _items(_say(shop, getattr(shop, which), similar_to="Item A", count=3))
    assert "Item A" not in names and np.mean([_kind(name) == 0 for name in names]) > 0.6


def test_filters_hold_together_and_diversity_changes_what_follows(shop):
    names = _items(_say(shop, shop.ranking, user="p4", only=["kind=TOOL"], without=["Item B"], count=20))
    assert names and all(_kind(name) == 1 for name in names) and "Item B" not in names
    plain, mixed = (_items(_say(shop, shop.ranking, user="p4", seen=True, count=6, diversity=d)) for d in (0.0, 0.9))
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
        _say(shop, shop.ranking, **asked)
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
    known = _say(shop, shop.ranking, liked=["Item B", "3"], count=4)
    answer, note = _say(shop, shop.ranking, liked=["Item B", "nowhere", "3", "Itm D"], count=4)
    assert _items(known) == _items([answer])
    assert isinstance(note, Text) and note.text.splitlines()[1:] == [
        "liked: no item 'nowhere'",
        "liked: no item 'Itm D' (is 'Item D' meant?)",
    ]


def test_all_people_of_a_table_are_answered_in_its_order_and_unknown_ones_named(shop):
    people = import_files(shop.volume, [("people.csv", b"who,x\np7,1\np3,2\nnobody,3\np7,4\n")], "table")
    inputs = open_inputs({"data": InputRef(dataset_id=people.id)}, Context(volume=shop.volume))
    report, rows = _say(shop, shop.ranking, "batch", inputs, count=2)
    assert [(row["who"], row["rank"]) for row in rows] == [
        ("p7", "1"),
        ("p7", "2"),
        ("p3", "1"),
        ("p3", "2"),
        ("nobody", ""),
    ]
    assert rows[0]["title"] == _items(_say(shop, shop.ranking, user="p7", count=1))[0]
    assert "there is no who 'nobody'" in rows[4]["error"] and report.metrics == {"people": 2.0, "errors": 1.0}


def test_the_value_of_each_row_is_told(shop):
    pairs = import_files(shop.volume, [("pairs.csv", b"who,what\np4,0\np4,1.0\np4,99\n,1\n")], "table")
    inputs = open_inputs({"data": InputRef(dataset_id=pairs.id)}, Context(volume=shop.volume))
    report, rows = _say(shop, shop.ratings, "batch", inputs, answer="values")
    assert float(rows[0]["foreseen stars"]) > float(rows[1]["foreseen stars"])
    assert rows[2]["error"] == "there is no what '99'" and rows[3]["error"] == "no who is told"
    assert report.metrics == {"rows": 4.0, "errors": 2.0}


def _served_well(data, served):
    """Vectors that say to those who are served what they took in the test part, and nothing of use to the others."""
    users = np.zeros((data.users, data.items), np.float32)
    rows = data.rows["test"]
    users[data.found.users[rows], data.found.items[rows]] = 1
    users[~served] *= -1
    return Vectors(users, np.eye(data.items, dtype=np.float32), np.zeros(data.users), np.zeros(data.items, np.float32))


class _Telling(Context):
    def event(self, type, data):
        self.__dict__.setdefault("told", []).append(data["message"])


def _reported(shop, people, served, **params):
    """(what the job said, metrics, tables) of a report on a shop whose table of people is given."""
    put = import_files(shop.volume, [("people.csv", people.encode())], "table")
    context = _Telling(volume=shop.volume)
    asked = validate_params(SPEC.train_params, {"user": "who", "item": "what", "time": "day", **params})
    data: Any = CODE.load(open_inputs(shop.given | {"people": InputRef(dataset_id=put.id)}, context), asked, context)
    report = report_vectors(_served_well(data, served(data)), data, asked, context, [])
    return context.__dict__.get("told", []), report.metrics, [one for one in report.outputs if isinstance(one, Table)]


def test_groups_of_people_that_are_served_unequally_are_a_warning(shop):
    people = "\n".join(["who,sex,town", *(f"p{n},{'fm'[n % 2]},{n % 5}" for n in range(110)), "p200,f,1"])
    told, metrics, tables = _reported(
        shop, people, lambda data: np.array([int(name[1:]) % 2 == 0 for name in data.found.user_ids]), groups="sex"
    )
    assert metrics["test_recall_20_gap"] == 0 and metrics["test_ndcg_10_gap"] > 0.7  # there are 20 items in all
    assert (
        len(told) == 1 and "groups by 'sex' differ beyond chance: nDCG@10: " in told[0] and " of m, 1 of f" in told[0]
    )
    (by,) = [table for table in tables if table.title.startswith("Groups by sex")]
    assert by.columns == ["sex", "people", "recall@20", "nDCG@10"]
    assert [row[:2] for row in by.rows] == [["f", 55], ["m", 55], ["missing", 10]]
    assert str(by.rows[0][3]).startswith("1 (") and by.rows[2][3] == "10 people: too few"


def test_groups_served_alike_are_no_warning_and_where_nothing_can_be_compared_it_is_said(shop):
    everybody = lambda data: np.ones(data.users, bool)  # noqa: E731
    sexes = "\n".join(["who,sex,kind", *(f"p{n},{'fm'[n % 2]},human" for n in range(120))])
    assert _reported(shop, sexes, everybody, groups="sex")[:1] == ([],)
    told, metrics, _ = _reported(shop, sexes, everybody, groups="kind")
    assert (
        "all people of the test part are of one, 'human', so nothing is compared" in told[0]
        and "test_recall_20_gap" not in metrics
    )
    few = "\n".join(["who,sex", *(f"p{n},{'fm'[n % 2]}" for n in range(30))])
    assert "fewer than two have 20 people in the test part" in _reported(shop, few, everybody, groups="sex")[0][0]


def test_groups_of_ratings_are_of_people_too(shop):
    sexes = "\n".join(["who,sex", *(f"p{n},{'fm'[n % 2]}" for n in range(120))])
    told, metrics, tables = _reported(
        shop, sexes, lambda data: np.ones(data.users, bool), groups="sex", value="stars", goal="ratings", split="random"
    )
    (by,) = [table for table in tables if table.title.startswith("Groups by sex")]
    assert by.columns == ["sex", "people", "absolute error", "said minus true"] and not told
    assert by.count == 2 and metrics["test_error_gap"] >= 0


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
    for_tea, for_tools = (_say(shop, one, user=person, count=21, seen=True)[0] for person in ("p4", "p5"))
    of_new = [next(item.value for item in said.items if item.name == "Item X") for said in (for_tea, for_tools)]
    assert of_new[0] > of_new[1]  # it is tea


def test_a_newcomer_is_recommended_to_by_columns_of_their_own_and_measured(shop):
    one, metrics = shop.told, shop.told.report.metrics
    assert one.data.split["unheard"] > 100 and one.data.found.user_ids == [n for n in one.data.user_ids if n[0] == "p"]
    assert one.data.user_ids[-2:] == ["q1", "q2"] and "p118" not in one.data.user_ids
    assert metrics["new_people_ndcg_10"] > metrics["new_people_popular_ndcg_10"] + 0.1
    (table,) = [
        each for each in one.report.outputs if isinstance(each, Table) and each.title.startswith("People of whom")
    ]
    assert table.rows[2][0] == "more by their columns, with a 95% interval"
    for person, kind in (("q1", 0), ("q2", 1)):
        answer = _say(shop, one, user=person, count=4)
        assert answer[0].subject == f"{person}, by hobby, born alone" and not answer[0].items[0].note.startswith(
            "because"
        )
        assert np.mean([_kind(name) == kind for name in _items(answer)]) == 1


def test_what_is_known_of_somebody_may_be_typed_in_or_stand_in_a_table(shop):
    ask = partial(_say, shop, shop.told, spec=CONTENT)
    answer = ask(about=["hobby=Building", "born=1970"], count=3)
    assert _items(answer) == _items(_say(shop, shop.told, user="q2", count=3))
    assert "of whom is known: hobby=Building" in answer[0].subject
    answer, note = ask(about=["hobby=cooking", "hobby=skiing"], liked=["Item A", "Item C"], count=3)
    assert (
        "Item A" not in _items([answer])
        and isinstance(note, Text)
        and note.text.splitlines()[1:] == ["about: hobby 'skiing'"]
    )
    for about, said in (
        (["hoby=x"], "'hoby' is no column that was learnt from (is 'hobby' meant?)"), (["born=then"], "born: 'then' is no number"),
        (["hobby=skiing"], "nothing of it is known: hobby 'skiing'"), (["cooking"], "'cooking' is no column=value"),
    ):  # fmt: skip
        with pytest.raises(RecipeFailed) as caught:
            ask(about=about)
        assert said in caught.value.message
    with pytest.raises(RecipeFailed, match="learnt nothing of people's columns"):
        _say(shop, shop.content, spec=CONTENT, about=["hobby=cooking"])
    table = "who,hobby,born\np7,,\nnew,building,1970\nodd,skiing,\nbad,building,then\n"
    people = import_files(shop.volume, [("more.csv", table.encode())], "table")
    inputs = open_inputs({"data": InputRef(dataset_id=people.id)}, Context(volume=shop.volume))
    report, rows = _say(shop, shop.told, "batch", inputs, count=2)
    assert report.metrics == {"people": 2.0, "errors": 2.0} and [row["who"] for row in rows] == [
        "p7",
        "p7",
        "new",
        "new",
        "odd",
        "bad",
    ]
    assert [row["title"] for row in rows[2:4]] == _items(_say(shop, shop.told, user="q2", count=2))
    assert rows[4]["error"] == "there is no who 'odd', and nothing that is known in hobby, born"
    assert rows[5]["error"] == "there is no who 'bad'; born: 'then' is no number"


def _foreseen(params, *roles):
    """Fields of the problems that are told before a training with these roles is queued."""
    given: Any = dict.fromkeys(roles)
    return [problem.field for problem in CONTENT.foresee(params, given, 0).problems]


def test_texts_of_items_are_read_by_an_encoder_once_and_the_model_does_without_it(shop, tmp_path):
    given = shop.given | {"base": put_base(shop.volume, "bert")}
    one = _train(shop.volume, given, CONTENT, **SHORT, words=False)
    features = one.data.catalogue.features
    assert features.vectors.dtype == np.float16 and features.vectors.shape == (21, 32) and features.vectors.any(1).all()
    assert features.kinds == 3  # tea, tool, all: no word of a title
    (note,) = [note for note in one.data.notes if "encoder" in note]
    assert note == "texts of items are read by the encoder 'bert', instead of words"
    built = code_of(CONTENT).build(one.params, one.data.assets, {})  # of its assets alone
    for mine, theirs in zip(built.variables, one.model.variables, strict=True):
        mine.assign(theirs)
    places = np.arange(21, dtype=np.int32)
    np.testing.assert_allclose(built.tower(places), one.model.tower(places), atol=1e-6)
    context = Context(volume=shop.volume, cache_dir=tmp_path)
    asked = validate_params(CONTENT.train_params, {**one.params.model_dump(), "words": True})
    code: Any = code_of(CONTENT)
    first = code.load(open_inputs(given, context), asked, context).catalogue.features
    (kept,) = list(tmp_path.glob("*/whole_texts-*/vectors.f4"))
    made = kept.stat().st_mtime_ns
    again = code.load(open_inputs(given, context), asked, context).catalogue.features
    assert kept.stat().st_mtime_ns == made and (again.vectors == first.vectors).all() and again.kinds > 3
    assert _foreseen(asked.model_copy(update={"item_texts": []}), "base") == ["params.item_texts"]


def _pictures(names):
    rng, found = np.random.default_rng(0), []
    for name in names:
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)).save(file, "PNG")
        found.append((name, file.getvalue()))
    return found


def test_pictures_of_items_are_seen_by_a_backbone_beside_an_encoder(shop):
    put = import_files(shop.volume, _pictures([f"{n}.png" for n in range(12)]), "pictures")
    bases = {"base": put_base(shop.volume, "bert"), "backbone": put_base(shop.volume, "backbone")}
    given = shop.given | bases | {"pictures": InputRef(dataset_id=put.id)}
    one = _train(shop.volume, given, CONTENT, **SHORT)
    vectors = one.data.catalogue.features.vectors
    assert vectors.shape == (21, 32 + 24)
    seen = np.array([int(item) < 12 for item in one.data.catalogue.ids])
    assert (vectors[:, 32:].any(1) == seen).all()
    assert [note for note in one.data.notes if "picture" in note] == [
        "pictures of 12 items are seen by the backbone 'tiny'", "9 items have no picture that can be read",
    ]  # fmt: skip
    assert len(_items(_say(shop, one, liked=["Item B"], count=3))) == 3
    others = import_files(shop.volume, _pictures(["x.png", "y.png"]), "pictures")
    with pytest.raises(
        DatasetInvalid, match=r"no item has a picture: none is named '.*', say; the dataset has x\.png, y\.png"
    ):
        _train(shop.volume, given | {"pictures": InputRef(dataset_id=others.id)}, CONTENT, **SHORT)
    for roles, fields in (
        ({"pictures"}, ["inputs.backbone"]), ({"backbone"}, ["inputs.pictures"]), ({"pictures", "backbone"}, []),
    ):  # fmt: skip
        assert _foreseen(one.params, *roles) == fields


def test_the_order_tells_what_comes_next_and_how_a_newcomer_lists_it_too(tmp_path):
    volume = Volume(tmp_path)
    volume.ensure()
    rows = [f"p{n},{(n + day) % 12},{1_600_000_000 + day}" for n in range(96) for day in range(6 + n % 4)]
    walked = import_files(volume, [("walked.csv", "\n".join(["who,what,day", *rows]).encode())], "table")
    given = {"data": InputRef(dataset_id=walked.id)}
    one = _train(volume, given, SEQUENCE, width=16, layers=1, length=8, item_title="", item_tags=[], dropout=0.0)
    shop = SimpleNamespace(volume=volume)
    assert _items(_say(shop, one, user="p1", count=1)) == ["8"]  # all that p1 took goes into it: 1 to 7
    assert _items(_say(shop, one, liked=["3", "4", "5"], count=1)) == ["6"]
    assert _items(_say(shop, one, liked=["8", "7", "6", "9"], count=1)) == ["10"]


def test_bpr_learns_the_two_kinds_too(shop):
    one = _train(shop.volume, shop.given, factors=8, loss="bpr", regularisation=0.001)
    popular = _train(shop.volume, shop.given, factors=8, epochs=1, learning_rate=1e-9).report.metrics["test_ndcg_10"]
    assert one.report.metrics["test_ndcg_10"] > popular + 0.1
