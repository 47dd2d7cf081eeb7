"""Encoder-decoders write what a search over all answers would find; a small translator answers, batches and reports."""

import csv
import itertools
from typing import Any

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("tensorflow")

import keras  # noqa: E402

from shared.errors import RecipeFailed  # noqa: E402
from shared.outputs import Table, Text  # noqa: E402
from shared.recipes import get_recipe  # noqa: E402
from shared.recipes.seq2seq import Seq2seqTrain  # noqa: E402
from shared.recipes.seq2seq_uses import Seq2seqBatch, Seq2seqGenerate  # noqa: E402
from shared.volume.volume import Volume  # noqa: E402
from tests.support.case_data import translations  # noqa: E402
from tests.support.recipe_cases import CASES  # noqa: E402
from tests.support.tiny_datasets import given, import_files  # noqa: E402
from worker.artifacts import publishing  # noqa: E402
from worker.context import Context  # noqa: E402
from worker.families.translating.losses import TokenCrossEntropy  # noqa: E402
from worker.families.translating.network import Transformer  # noqa: E402
from worker.families.translating.recurrent import Recurrent  # noqa: E402
from worker.generation.decode.beams import BeamEngine, Search  # noqa: E402
from worker.recipes import seq2seq  # noqa: E402
from worker.training.fit import fit  # noqa: E402
from worker.verdict import judge  # noqa: E402

pytestmark = pytest.mark.timeout(400)
SOURCES = np.array([[5, 6, 3, 4, 2, 0], [4, 2, 0, 0, 0, 0], [3, 3, 6, 2, 0, 0]], np.int32)
BEGIN, END = 1, 2


def _network(kind: str) -> Any:
    """One whose answers are neither all alike nor certain: vocabularies of 7 and 5 kinds."""
    keras.utils.set_random_seed(3)
    if kind == "lstm":
        model: Any = Recurrent((7, 5), 8, 2, 0.1)
    else:
        model = Transformer((7, 5), 8, 2, 2, 0.1, window=4 if kind == "windows" else 0)
    model.build()
    for variable in model.trainable_variables:
        variable.assign(variable * 2)
    return model


@pytest.fixture(scope="module")
def networks():
    return {kind: _network(kind) for kind in ("transformer", "lstm", "windows")}


def _engine(model: Any, jit: bool = False) -> BeamEngine:
    return BeamEngine(model, begins=BEGIN, ends=END, fills=0, jit=jit)


def _every_answer(
    model: Any, source: Any, most: int, length: float, coverage: float
) -> list[tuple[float, tuple[int, ...]]]:
    """(score, tokens) of all answers of less than `most` tokens, best first, each scored by itself as the papers write it."""
    all_of_them = [tokens for count in range(most) for tokens in itertools.product((3, 4), repeat=count)]
    target = np.array([[BEGIN, *tokens, *[0] * (most - len(tokens))] for tokens in all_of_them], np.int32)
    x = {"source": np.repeat(source[None], len(target), 0), "target": target}
    logits, looks = model(x).numpy().astype(np.float64), np.asarray(model.looks(x))
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    found = []
    for row, tokens in enumerate(all_of_them):
        total = sum(logs[row, place, token] for place, token in enumerate((*tokens, END)))
        looked = np.clip(looks[row, : len(tokens) + 1].sum(0), 1e-6, 1.0)[source != 0]
        found.append((total / ((5 + len(tokens) + 1) / 6) ** length + coverage * np.log(looked).sum(), tokens))
    return sorted(found, reverse=True)


@pytest.mark.parametrize("kind", ["transformer", "lstm", "windows"])
def test_with_beams_enough_the_answers_are_those_of_a_search_over_all(networks, kind):
    model = networks[kind]
    engine = _engine(model)
    for length, coverage in ((0.0, 0.0), (1.3, 0.4)):
        answers = engine.decode(SOURCES, Search(24, length, coverage, most=4))
        for row, source in enumerate(SOURCES):
            wanted = _every_answer(model, source, 4, length, coverage)
            assert len(wanted) == 15
            np.testing.assert_allclose(answers.scores[row, :15], [score for score, _ in wanted], rtol=1e-4, atol=1e-4)
            said = [tuple(one[one != 0].tolist()) for one in answers.tokens[row, :15]]
            assert said == [tokens for _, tokens in wanted]
            assert answers.ended[row].all() and answers.scores[row, 15] < -1e8


@pytest.mark.parametrize(("kind", "jit"), [("lstm", False), ("transformer", True)])
def test_one_beam_takes_the_likeliest_token_each_time_also_beyond_the_first_room_for_answers(networks, kind, jit):
    model, most = networks[kind], 40
    answers = _engine(model, jit).decode(SOURCES, Search(1, most=most))
    written = answers.tokens[:, 0]
    ends = np.where(answers.ended, END, 0).astype(np.int32)
    lengths = (written != 0).sum(1)
    begun = np.concatenate([np.full((3, 1), BEGIN, np.int32), written], 1)
    logits = model({"source": SOURCES, "target": begun}).numpy()  # as it is trained, without any cache
    logits[..., [0, BEGIN]] = -np.inf
    for row, length in enumerate(lengths.tolist()):
        assert logits[row, :length].argmax(-1).tolist() == written[row, :length].tolist()
        assert length == most or logits[row, length].argmax() == END == ends[row, 0]
    assert max(lengths) > 32 or kind == "lstm"


def test_no_row_of_tokens_comes_twice_where_that_is_asked_for(networks):
    endless = BeamEngine(
        networks["transformer"], begins=BEGIN, ends=5, fills=0, jit=False
    )  # three tokens, and none that ends
    for n, twice in ((2, False), (0, True)):
        answers = endless.decode(SOURCES, Search(3, no_repeat=n, most=8))
        assert not answers.ended.any() and (answers.tokens > 0).all()
        pairs = [list(itertools.pairwise(one.tolist())) for row in answers.tokens for one in row]
        assert any(len(some) > len(set(some)) for some in pairs) == twice


def test_an_answer_does_not_depend_on_what_is_decoded_beside_it(networks):
    engine, search = _engine(networks["lstm"]), Search(3, most=12)
    together = engine.decode(SOURCES, search)
    for row, source in enumerate(SOURCES):
        alone = engine.decode(source[None, source != 0], search)
        np.testing.assert_allclose(alone.scores[0], together.scores[row], rtol=1e-4)
        for mine, theirs in zip(alone.tokens[0], together.tokens[row], strict=True):
            assert mine[mine != 0].tolist() == theirs[theirs != 0].tolist()


def test_what_only_fills_up_changes_no_loss():
    loss: Any = TokenCrossEntropy(0.1)
    logits = np.random.default_rng(0).normal(size=(2, 5, 7)).astype(np.float32)
    truth = np.array([[3, 4, 2, 0, 0], [5, 2, 0, 0, 0]])
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    each = [-0.9 * logs[r, t, truth[r, t]] - 0.1 * logs[r, t].mean() for r in range(2) for t in range(5) if truth[r, t]]
    assert float(loss(truth, logits)) == pytest.approx(np.mean(each), rel=1e-5)
    changed = logits + 100 * (truth == 0)[..., None] * np.arange(7)
    assert float(loss(truth, changed)) == pytest.approx(float(loss(truth, logits)), rel=1e-6)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """(volume, dataset, data, model, params) of a translator that has learnt what is where."""
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.ensure()
    dataset = import_files(volume, translations(160), "table")
    values = {**CASES["seq2seq"].params, "width": 48, "epochs": 30, "learning_rate": 4e-3, "dropout": 0.0, "beams": 3}
    params = Seq2seqTrain.model_validate(values)
    data = seq2seq.load(given(volume, dataset), params, Context())
    model = fit(get_recipe("seq2seq"), params, data, Context()).model
    return volume, dataset, data, model, params


@pytest.fixture(scope="module")
def writer(place):
    _, _, data, model, params = place
    return seq2seq.open_generator(model, params, data.assets)


def _asked(**values: Any) -> Seq2seqGenerate:
    return Seq2seqGenerate.model_validate(values)


def _used(tmp_path: Any, use: Any) -> Any:
    tmp_path.mkdir(exist_ok=True)
    with publishing(Volume(tmp_path), tmp_path / "artifacts") as (files, outputs):
        made = use(files)
        outputs += made.outputs
    return made, tmp_path / "artifacts"


def test_it_has_learnt_and_the_report_says_so_and_how_it_was_measured(place, tmp_path):
    _, _, data, model, params = place
    made, _ = _used(tmp_path, lambda files: seq2seq.report(model, data, params, Context(), files, []))
    assert made.metrics["test_bleu"] > 30 and made.metrics["test_chrf"] > 30
    assert {"test_bleu_greedy", "test_exact", "test_sources"} <= made.metrics.keys()
    how, lengths, worst = made.outputs
    told = dict(how.rows)
    assert "tok:zh" in told["BLEU"] and told["answers"].startswith("3 beams, length penalty 0.6, ")
    assert [row[0] for row in lengths.rows] == ["source", "target"] and len(worst.rows) > 3
    simple = seq2seq.baselines(data, params, Context())
    assert [one.name for one in simple] == ["copying the source", "the target of the source that is nearest by TF-IDF"]
    assert all(one.metrics.keys() <= made.metrics.keys() for one in simple)
    verdict = judge(made.judge, made.predictions, [(one.name, one.predictions) for one in simple], made.rows)
    assert verdict is not None and "BLEU" in verdict.sentence


def test_typed_texts_are_answered_with_scores_and_with_what_each_part_looks_at(writer, tmp_path):
    params = _asked(text="the key 3 is here\n\nthe dog 40 is gone", by_line=True, answers=2, beams=3)
    made, _ = _used(tmp_path, lambda files: writer.generate(params, Context(), files))
    assert made.metrics["texts"] == 2
    texts = [output for output in made.outputs if isinstance(output, Text)]
    tables = [output for output in made.outputs if isinstance(output, Table)]
    assert [text.prompt for text in texts] == ["the key 3 is here\n", "", "the dog 40 is gone\n", ""]
    assert texts[0].title.startswith("answer 1 of 2; score -") and "鑰匙" in texts[0].text
    scores = [float(text.title.split("score ")[1].split(";")[0]) for text in texts]
    assert scores[0] >= scores[1] and scores[2] >= scores[3]
    words = {"the", "key", "3", "is", "here"}
    assert "".join(str(row[0]) for row in tables[0].rows) == texts[0].text
    assert {row[1] for row in tables[0].rows} <= words and all(
        0 < float(str(row[2])) <= 1.001 for row in tables[0].rows
    )


def test_a_text_longer_than_is_read_says_so_and_nothing_to_read_is_refused(writer, tmp_path):
    long = _asked(text="the key is here " * 6_000, alignment=False, beams=3)
    made, _ = _used(tmp_path, lambda files: writer.generate(long, Context(), files))
    assert "of the source the first 31 tokens were read" in made.outputs[0].title
    with pytest.raises(RecipeFailed, match="nothing to write from"):
        writer.generate(_asked(text=" \n "), Context(), None)


def test_many_texts_come_back_as_a_table(writer, tmp_path):
    params = _asked(text="\n".join(f"the dog {n} is gone" for n in range(9)), by_line=True, beams=3)
    made, folder = _used(tmp_path, lambda files: writer.generate(params, Context(), files))
    (table,) = made.outputs
    assert table.count == 9 and table.columns == ["row", "source", "answer", "score"]
    with (folder / table.file).open(encoding="utf-8-sig") as file:
        assert [row["source"] for row in csv.DictReader(file)][8] == "the dog 8 is gone"


def test_a_table_is_answered_in_its_order_with_errors_in_their_rows_and_figures_where_it_holds_the_truth(
    place, writer, tmp_path
):
    volume = place[0]
    dataset = import_files(
        volume,
        [
            (
                "more.csv",
                "english,chinese\nthe dog 4 is gone,狗4不見了。\n,空\nthe key 9 is here,鑰匙9在這裡。\n".encode(),
            )
        ],
        "table",
    )
    params = Seq2seqBatch.model_validate({"beams": 3})
    made, folder = _used(tmp_path, lambda files: writer.batch(params, given(volume, dataset), Context(), files))
    (table,) = made.outputs
    assert made.metrics["measured_rows"] == 2 and 0 <= made.metrics["bleu"] <= 100
    with (folder / table.file).open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [row["row"] for row in rows] == ["1", "2", "3"]
    assert rows[1]["error"] == "there is no text to read" and not rows[1]["answer"]
    assert "狗" in rows[0]["answer"] and "鑰匙" in rows[2]["answer"] and not rows[0]["error"]


def test_summaries_are_measured_by_rouge_beside_the_first_sentence(tmp_path):
    lines = ["text,title"]
    for n in range(24):
        lines.append(f'"Dog {n} ran away. {"It was seen by many people in the town. " * 4}",dog {n} gone')
    volume = Volume(tmp_path / "volume")
    volume.ensure()
    inputs = given(volume, import_files(volume, [("news.csv", "\n".join(lines).encode())], "table"))
    values = {
        **CASES["seq2seq"].params,
        "source": "text",
        "target": "title",
        "measure": "summary",
        "epochs": 1,
        "architecture": "lstm",
    }
    params = Seq2seqTrain.model_validate(values)
    data = seq2seq.load(inputs, params, Context())
    assert data.shared, "both sides are written in the same script"
    model = fit(get_recipe("seq2seq"), params, data, Context()).model
    made, _ = _used(tmp_path / "made", lambda files: seq2seq.report(model, data, params, Context(), files, []))
    simple = {one.name: one.metrics for one in seq2seq.baselines(data, params, Context())}
    lead = simple["the first sentence of the source"]
    assert (
        lead["test_rouge_1"] == pytest.approx(2 * 2 / (4 + 3))
        and {"test_rouge_1", "test_rouge_l"} <= made.metrics.keys()
    )
    assert made.judge.title == "ROUGE-L"
