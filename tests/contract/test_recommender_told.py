"""Recommenders that know people by columns of their own, and items by what bases tell of them; groups of people."""

import io
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("tensorflow")

from shared.errors import DatasetInvalid, RecipeFailed
from shared.jobs.job import InputRef
from shared.outputs import Table, Text
from shared.recipes.base import validate_params
from shared.volume.volume import Volume
from tests.support.small_shop import CODE, CONTENT, ITEMS, SPEC, items_said, kind_of, purchases, say, train
from tests.support.tiny_bases import put_base
from tests.support.tiny_datasets import import_files
from worker.context import Context
from worker.families.recommending.measuring import report_vectors
from worker.families.recommending.vectors import Vectors
from worker.inputs import open_inputs
from worker.recipe import code_of

pytestmark = pytest.mark.timeout(300)
# What people like to do tells what they buy; the last two have bought nothing yet, p119 has no row.
PEOPLE = "\n".join(
    [
        "who,hobby,born",
        *(f"p{n},{('cooking|sun', 'building')[n % 2]},{1950 + n % 40}" for n in range(119)),
        "q1,cooking,",
        "q2,building,1970",
    ]
)


SHORT: dict[str, Any] = {
    "width": 8, "length": 6, "negatives": 4, "batch_size": 8, "new_items": 0.15, "item_texts": ["title"], "epochs": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A volume with the tables of a shop; told: of what columns of people tell, too."""
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.ensure()
    bought = import_files(volume, [("bought.csv", purchases().encode())], "table")
    items = import_files(volume, [("items.csv", ITEMS.encode())], "table")
    people = import_files(volume, [("people.csv", PEOPLE.encode())], "table")
    given = {"data": InputRef(dataset_id=bought.id), "items": InputRef(dataset_id=items.id)}
    told = train(
        volume, given | {"people": InputRef(dataset_id=people.id)}, CONTENT, width=8, length=6, negatives=4, batch_size=8,
        new_items=0, new_people=0.2, user_tags=["hobby"], user_numbers=["born"], epochs=8, forget=["p118"],
    )  # fmt: skip
    return SimpleNamespace(volume=volume, given=given, told=told)


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


def _reported(place, people, served, **params):
    """(what the job said, metrics, tables) of a report on a shop whose table of people is given."""
    put = import_files(place.volume, [("people.csv", people.encode())], "table")
    context = _Telling(volume=place.volume)
    asked = validate_params(SPEC.train_params, {"user": "who", "item": "what", "time": "day", **params})
    data: Any = CODE.load(open_inputs(place.given | {"people": InputRef(dataset_id=put.id)}, context), asked, context)
    report = report_vectors(_served_well(data, served(data)), data, asked, context, [])
    return context.__dict__.get("told", []), report.metrics, [one for one in report.outputs if isinstance(one, Table)]


def test_groups_of_people_that_are_served_unequally_are_a_warning(place):
    people = "\n".join(["who,sex,town", *(f"p{n},{'fm'[n % 2]},{n % 5}" for n in range(110)), "p200,f,1"])
    told, metrics, tables = _reported(
        place, people, lambda data: np.array([int(name[1:]) % 2 == 0 for name in data.found.user_ids]), groups="sex"
    )
    assert metrics["test_recall_20_gap"] == 0 and metrics["test_ndcg_10_gap"] > 0.7  # there are 20 items in all
    assert (
        len(told) == 1 and "groups by 'sex' differ beyond chance: nDCG@10: " in told[0] and " of m, 1 of f" in told[0]
    )
    (by,) = [table for table in tables if table.title.startswith("Groups by sex")]
    assert by.columns == ["sex", "people", "recall@20", "nDCG@10"]
    assert [row[:2] for row in by.rows] == [["f", 55], ["m", 55], ["missing", 10]]
    assert str(by.rows[0][3]).startswith("1 (") and by.rows[2][3] == "10 people: too few"


def test_groups_served_alike_are_no_warning_and_where_nothing_can_be_compared_it_is_said(place):
    everybody = lambda data: np.ones(data.users, bool)  # noqa: E731
    sexes = "\n".join(["who,sex,kind", *(f"p{n},{'fm'[n % 2]},human" for n in range(120))])
    assert _reported(place, sexes, everybody, groups="sex")[:1] == ([],)
    told, metrics, _ = _reported(place, sexes, everybody, groups="kind")
    assert (
        "all people of the test part are of one, 'human', so nothing is compared" in told[0]
        and "test_recall_20_gap" not in metrics
    )
    few = "\n".join(["who,sex", *(f"p{n},{'fm'[n % 2]}" for n in range(30))])
    assert "fewer than two have 20 people in the test part" in _reported(place, few, everybody, groups="sex")[0][0]


def test_groups_of_ratings_are_of_people_too(place):
    sexes = "\n".join(["who,sex", *(f"p{n},{'fm'[n % 2]}" for n in range(120))])
    told, metrics, tables = _reported(
        place,
        sexes,
        lambda data: np.ones(data.users, bool),
        groups="sex",
        value="stars",
        goal="ratings",
        split="random",
    )
    (by,) = [table for table in tables if table.title.startswith("Groups by sex")]
    assert by.columns == ["sex", "people", "absolute error", "said minus true"] and not told
    assert by.count == 2 and metrics["test_error_gap"] >= 0


def test_a_newcomer_is_recommended_to_by_columns_of_their_own_and_measured(place):
    one, metrics = place.told, place.told.report.metrics
    assert one.data.split["unheard"] > 100 and one.data.found.user_ids == [n for n in one.data.user_ids if n[0] == "p"]
    assert one.data.user_ids[-2:] == ["q1", "q2"] and "p118" not in one.data.user_ids
    assert metrics["new_people_ndcg_10"] > metrics["new_people_popular_ndcg_10"] + 0.1
    (table,) = [
        each for each in one.report.outputs if isinstance(each, Table) and each.title.startswith("People of whom")
    ]
    assert table.rows[2][0] == "more by their columns, with a 95% interval"
    for person, kind in (("q1", 0), ("q2", 1)):
        answer = say(place, one, user=person, count=4)
        assert answer[0].subject == f"{person}, by hobby, born alone" and not answer[0].items[0].note.startswith(
            "because"
        )
        assert np.mean([kind_of(name) == kind for name in items_said(answer)]) == 1


def test_what_is_known_of_somebody_may_be_typed_in_or_stand_in_a_table(place):
    ask = partial(say, place, place.told, spec=CONTENT)
    answer = ask(about=["hobby=Building", "born=1970"], count=3)
    assert items_said(answer) == items_said(say(place, place.told, user="q2", count=3))
    assert "of whom is known: hobby=Building" in answer[0].subject
    answer, note = ask(about=["hobby=cooking", "hobby=skiing"], liked=["Item A", "Item C"], count=3)
    assert (
        "Item A" not in items_said([answer])
        and isinstance(note, Text)
        and note.text.splitlines()[1:] == ["about: hobby 'skiing'"]
    )
    for about, said in (
        (["hoby=x"], "'hoby' is no column that was learnt from (is 'hobby' meant?)"), (["born=then"], "born: 'then' is no number"),
        (["hobby=skiing"], "nothing of it is known: hobby 'skiing'"), (["cooking"], "'cooking' is no column=value"),
        (["born=inf"], "born: 'inf' is no number"), (["born=nan"], "born: 'nan' is no number"), (["born="], "'born' has no value"),
    ):  # fmt: skip
        with pytest.raises(RecipeFailed) as caught:
            ask(about=about)
        assert said in caught.value.message
    assert items_said(ask(about=["born=1e308"], count=3))
    table = "who,hobby,born\np7,,\nnew,building,1970\nodd,skiing,\nbad,building,then\n"
    people = import_files(place.volume, [("more.csv", table.encode())], "table")
    inputs = open_inputs({"data": InputRef(dataset_id=people.id)}, Context(volume=place.volume))
    report, rows = say(place, place.told, "batch", inputs, count=2)
    assert report.metrics == {"people": 2.0, "errors": 2.0} and [row["who"] for row in rows] == [
        "p7",
        "p7",
        "new",
        "new",
        "odd",
        "bad",
    ]
    assert [row["title"] for row in rows[2:4]] == items_said(say(place, place.told, user="q2", count=2))
    assert rows[4]["error"] == "there is no who 'odd', and nothing that is known in hobby, born"
    assert rows[5]["error"] == "there is no who 'bad'; born: 'then' is no number"


def _foreseen(params, *roles):
    """Fields of the problems that are told before a training with these roles is queued."""
    given: Any = dict.fromkeys(roles)
    return [problem.field for problem in CONTENT.foresee(params, given, 0).problems]


def test_texts_of_items_are_read_by_an_encoder_once_and_the_model_does_without_it(place, tmp_path):
    given = place.given | {"base": put_base(place.volume, "bert")}
    one = train(place.volume, given, CONTENT, **SHORT, words=False)
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
    with pytest.raises(RecipeFailed, match="learnt nothing of people's columns"):
        say(place, one, spec=CONTENT, about=["hobby=cooking"])
    context = Context(volume=place.volume, cache_dir=tmp_path)
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


def test_pictures_of_items_are_seen_by_a_backbone_beside_an_encoder(place):
    put = import_files(place.volume, _pictures([f"{n}.png" for n in range(12)]), "pictures")
    bases = {"base": put_base(place.volume, "bert"), "backbone": put_base(place.volume, "backbone")}
    given = place.given | bases | {"pictures": InputRef(dataset_id=put.id)}
    one = train(place.volume, given, CONTENT, **SHORT)
    vectors = one.data.catalogue.features.vectors
    assert vectors.shape == (21, 32 + 24)
    seen = np.array([int(item) < 12 for item in one.data.catalogue.ids])
    assert (vectors[:, 32:].any(1) == seen).all()
    assert [note for note in one.data.notes if "picture" in note] == [
        "pictures of 12 items are seen by the backbone 'tiny'", "9 items have no picture that can be read",
    ]  # fmt: skip
    assert len(items_said(say(place, one, liked=["Item B"], count=3))) == 3
    others = import_files(place.volume, _pictures(["x.png", "y.png"]), "pictures")
    with pytest.raises(
        DatasetInvalid, match=r"no item has a picture: none is named '.*', say; the dataset has x\.png, y\.png"
    ):
        train(place.volume, given | {"pictures": InputRef(dataset_id=others.id)}, CONTENT, **SHORT)
    for roles, fields in (
        ({"pictures"}, ["inputs.backbone"]), ({"backbone"}, ["inputs.pictures"]), ({"pictures", "backbone"}, []),
    ):  # fmt: skip
        assert _foreseen(one.params, *roles) == fields
