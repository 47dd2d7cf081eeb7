"""The code that docs/adding-a-recipe.md and docs/adding-a-format.md show does what they say, as it stands there."""

import io
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from shared.datasets.formats import FORMATS
from shared.datasets.importer import Limits, import_dataset
from shared.datasets.looking import get_preview
from shared.errors import DatasetInvalid
from shared.jobs.job import InputRef
from shared.outputs import Scores, Table
from shared.recipes import RECIPES
from shared.recipes.base import validate_params
from shared.volume.volume import Volume
from worker.artifacts import Files
from worker.context import Context
from worker.inputs import open_inputs
from worker.recipe import code_of
from worker.training.fit import fit

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras 3.15 on NumPy 2

DOCS = Path(__file__).resolve().parents[2] / "docs"


def _module(monkeypatch, page: str, path: str) -> ModuleType:
    """A code block of a page as the module it is to become."""
    blocks = re.findall(r"^```python\n# (\S+)\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.M | re.S)
    name = path.removesuffix(".py").replace("/", ".")
    module = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(dict(blocks)[path], str(DOCS / page), "exec"), module.__dict__)
    return module


@pytest.fixture
def volume(tmp_path):
    volume = Volume(tmp_path / "volume")
    volume.ensure()
    return volume


def _import(volume: Volume, name: str, content: bytes, **options):
    return import_dataset(volume, Limits(), [(name, io.BytesIO(content))], name="mine", owner="ann", options=options)


def test_the_recipe_of_the_page_trains_and_says_what_follows(monkeypatch, volume, tmp_path):
    spec = _module(monkeypatch, "adding-a-recipe.md", "shared/recipes/next_letter.py").SPEC
    _module(monkeypatch, "adding-a-recipe.md", "worker/recipes/next_letter.py")
    monkeypatch.setitem(RECIPES, spec.name, spec)
    dataset = _import(volume, "text.txt", b"the other mother gathers. " * 200)
    context, code = Context(volume=volume), code_of(spec)
    inputs = open_inputs({"data": InputRef(dataset_id=dataset.id)}, context)
    params = validate_params(spec.train_params, {"steps": 100})
    data = code.load(inputs, params, context)
    outcome = fit(spec, params, data, context, inputs=inputs)
    generator = code.open_generator(outcome.model, params, data.assets)
    asked = validate_params(spec.uses["generate"].params, {"letter": "h", "top_k": 3})
    said = generator.generate(asked, context, Files(tmp_path))
    scores = said[0] if isinstance(said, list) else None
    assert isinstance(scores, Scores)
    assert scores.items[0].name == "'e'"  # the only letter that follows h in this text


def test_the_format_of_the_page_names_bad_lines_offers_to_drop_them_and_shows_the_rest(monkeypatch, volume):
    format = _module(monkeypatch, "adding-a-format.md", "shared/datasets/formats/colours.py").ColoursFormat()
    monkeypatch.setitem(FORMATS, format.name, format)
    content = b"#ff8800 orange\nred\n#0000ff blue\n"
    with pytest.raises(DatasetInvalid) as refused:
        _import(volume, "few.colours", content)
    assert [(p.file, p.line) for p in refused.value.problems] == [("few.colours", 2)]
    assert [(c.option, c.value) for c in refused.value.choices] == [("bad_rows", "drop")]
    dataset = _import(volume, "few.colours", content, bad_rows="drop")
    assert dataset.format == "colours"
    assert dataset.report.rows == 2
    assert dataset.report.dropped.broken == 1
    shown = get_preview(volume, dataset)[0]
    assert isinstance(shown, Table)
    assert shown.rows == [["#ff8800", "orange"], ["#0000ff", "blue"]]
