"""What the code of a recipe must offer: the contract between a recipe's module and everything that runs one.

A recipe's code is a *module* with the names listed in RecipeCode, spec.code_module. worker/training/ trains it and reports,
worker/generation/ uses its models. tests/contract/test_recipes.py holds every recipe to this file.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from shared.errors import RecipeFailed
from shared.outputs import Output
from shared.recipes import get_recipe
from shared.recipes.base import RecipeSpec

if TYPE_CHECKING:  # TensorFlow and Keras take eight seconds to import: only who builds or trains pays that
    import keras
    import numpy as np
    import tensorflow as tf

    from worker.artifacts import Files
    from worker.context import Context
    from worker.privacy import Privacy
    from worker.verdict import Judge

XlaChoice = Literal["faster", "slower", "never"]


def _no_model() -> Any:
    raise RecipeFailed("a dataset and a base hold no model of a recipe")


@dataclass(frozen=True)
class OpenInput:
    """What a job was given in one role, ready to be read.

    folder: a dataset's (the one holding files/ and manifest.json), a base model's, or a checkpoint's. dataset: its
    DatasetManifest. base: its Base. checkpoint: its CheckpointInfo, verified. Exactly one of them is set. hash: changes with the
    content. load: rebuilds a checkpoint's model with its weights, a worker.training.checkpoint.LoadedModel; for recipes that
    build upon another one.
    """

    folder: Path
    dataset: Any = None
    base: Any = None
    checkpoint: Any = None
    hash: str = ""
    load: "Callable[[], Any]" = _no_model


Inputs = Mapping[str, OpenInput]


@dataclass
class Assets:
    """All that using a model needs besides its weights. Written once per job and stage, referenced by hash in checkpoints.

    json: small and JSON-able (class names, image size, a vocabulary). arrays: by name, of any size (item vectors, graphs); plain
    NumPy types. Equal assets have equal hashes, in every process.
    """

    json: dict[str, Any] = field(default_factory=dict)
    arrays: "dict[str, np.ndarray]" = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        """An entry of json."""
        return self.json[name]


class Data:
    """A dataset made ready for one training: cleaned, split by the seed, and turned into batches.

    Made by a recipe's load(), or one of its stages(); must be the same, byte for byte, whenever it is made from the same inputs and
    params. Its memory is bounded by settings, not by the dataset: texts, rows and pictures are read as they are needed.

    total_steps: steps of the whole training (of this stage), >= 1.
    steps_per_epoch: steps of one pass over the training part, >= 1. For recipes that draw at random and know no
        epochs: 0; then eval_every must be set and rows carry no epoch.
    eval_every: steps between two evaluations; 0: once an epoch. An evaluation always follows the last step.
    split: examples by part ("train", "val", "test"), kept with the model.
    notes: sentences for the user ("3 duplicate images dropped").
    steering: lets evaluations change the batches that follow them; None: nothing does.
    privacy: set where single rows are to be kept private. train() then draws rows by Poisson sampling from the job's secret
        (worker/families/private_rows.py); batches are ((x, y[, sample_weight]), int64 (2,) of which the step's noise is drawn),
        as many rows as were drawn, none of them any other row's business: no augmentation across rows, no batch statistics.
    """

    assets: Assets
    total_steps: int
    steps_per_epoch: int = 0
    eval_every: int = 0
    split: dict[str, int]
    notes: list[str]
    steering: "Steering | None" = None
    privacy: "Privacy | None" = None

    def train(self, start_step: int) -> "tf.data.Dataset":
        """Return the batches of steps start_step, start_step + 1, ... up to at least total_steps.

        Elements are (x, y) or (x, y, sample_weight), all of one static shape (else XLA compiles each anew).
        Batch number s must depend on (seed, s), the state of steering and the job's secret alone, augmentation included: a
        training resumed at step s then sees exactly what an uninterrupted one does. 0 <= start_step < total_steps.
        Functions given to Dataset.map and tf.function are kept from AutoGraph (tf.autograph.experimental.do_not_convert,
        autograph=False): it writes source files into the temporary folder, which a killed process leaves behind.
        """
        raise NotImplementedError

    def validation(self) -> "tf.data.Dataset | None":
        """Return one full pass over the validation part, the same every time; None when there is none."""
        raise NotImplementedError


class Steering(Protocol):
    """What evaluations change in the batches that follow them, such as how far pictures are varied.

    state: JSON-able; checkpoints hold it, and it is set anew where a training begins (to start) or goes on. most: the state of
    which a preview is made. shown: by the name of its series.
    """

    start: Any
    most: Any
    state: Any

    @property
    def shown(self) -> Mapping[str, float]: ...

    def take(self, metrics: Mapping[str, float]) -> bool:
        """Take note of the newest metrics, just after an evaluation.

        Returns whether other batches follow: then train() is called anew.
        """
        ...


class Lazily(Sequence[Data]):
    """Stages that are made when they are asked for, and made anew when they are asked for again: nothing holds them all.

    Each is asked for twice, once for the number of its steps. makers: one for each stage.
    """

    def __init__(self, makers: Sequence[Callable[[], Data]]):
        self._makers = makers

    def __getitem__(self, index: Any) -> Any:
        return [make() for make in self._makers[index]] if isinstance(index, slice) else self._makers[index]()

    def __len__(self) -> int:
        return len(self._makers)


@dataclass(frozen=True)
class Report:
    """The final, full evaluation of a trained model, or what a use of one has made.

    metrics: finite numbers by name ("test_accuracy", "val_loss"), shown on the job's page and, of a training, kept with models.
    outputs: what there is to see besides (a confusion matrix, worst mistakes); their files were written through `files`.

    Of a training that has baselines, what the verdict is made of (worker/verdict.py): judge compares predictions over `rows` rows,
    the same that the baselines' predictions are of. None and 0 where there is nothing to compare.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    outputs: list[Output] = field(default_factory=list)
    predictions: Any = None
    judge: "Judge | None" = None
    rows: int = 0


@dataclass(frozen=True)
class Baseline:
    """A trivial or classical answer to the same task, measured on the same part, with the names of metrics the report uses.

    name: as it stands in a sentence ("always 'no'", "gradient boosting"). predictions: as Report.predictions, None where the model
    is not to be compared with it. seconds: that it took to learn, where that is worth telling beside the model's own.
    """

    name: str
    metrics: dict[str, float]
    predictions: Any = None
    seconds: float | None = None


class Generator(Protocol):
    """A loaded model ready for many jobs; may keep compiled functions between them. A method for each use of the spec,
    called with inputs when the use has some.

    "export" needs none: worker/generation/export.py does it for every recipe.
    All call context.check() at least about once a second, context.progress() as they go and, when the use streams,
    context.event("output", {"index": row, "text": piece}) for each further piece of text. They return a Report where there are
    figures of the whole ("accuracy", "tokens_per_s"), else outputs alone.
    """

    def generate(self, params: Any, context: "Context", files: "Files") -> list[Output] | Report:
        """Carry out one generation. params: validated. files: where the files of outputs are written.

        Raises InputMissing when a file it needs is gone, RecipeFailed when the input cannot be used.
        """
        ...

    def batch(self, params: Any, inputs: Inputs, context: "Context", files: "Files") -> list[Output] | Report:
        """Use the model on a whole dataset, in its order. Memory does not grow with it: rows go to a file as they come.

        The first output is a Table whose file holds all rows; a row that cannot be used has its reason in the column "error" and
        fails nothing else.
        """
        ...


class RecipeCode(Protocol):
    """The names a recipe's module defines. All functions are deterministic.

    Optional ones, looked up by worker/training/ and left out by most recipes:
      compile(model, params, assets, total_steps, xla)   instead of compile_args; a GAN makes its two optimizers here
      evaluate(model, data, look) -> dict | None          metrics by the names the criterion and the series use ("val_loss", ...);
                                                          None where there is nothing to evaluate on, never {};
                                                          calls look(batches done) after each few batches
      stages(data) -> Sequence[Data]                      k folds and a last stage on everything; fresh model, optimizer, schedule
                                                          and assets each, on one global axis of steps. The last one's model is
                                                          kept. Lazily(...) makes each when its turn comes: one fold is in memory
      NUMBERED_BY, a constant: {name: what it is called}   assets, of json or arrays, that say what the rows of weights stand for
                                                          (a vocabulary, the ids of items): a training that begins with the
                                                          weights of another one must have the same
      fixed(model) -> list of variables                   those that build() restores by itself from an input: no checkpoint holds
                                                          them; the input's hash is kept and compared on resume
      baselines(data, params, context) -> list[Baseline]
      preview(batch, assets, files) -> list[Output]        what is learnt from, varied as far as it may be, shown before the first
                                                          step. batch: the first of data.train(0), its NumPy arrays
      open_base(opened) -> Generator                      a base model as it came, of a kind that spec.bases names, for its uses
      export(model, params, assets, folder) -> keras.Model   writes saved_model/, preprocessing inside where TensorFlow can
                                                          express it, example.py that answers with it where this project is not,
                                                          and what it needs besides; returns the model for model.keras, of
                                                          Keras' own layers where it can be; None of one that is too large for
                                                          a second copy, or that nobody loads with Keras
    """

    @property
    def XLA(self) -> XlaChoice:
        """A constant: what params.xla == "auto" means on the CPU ("faster": on; measured, say where); "never": it cannot
        compile its step, params.xla == "on" is refused."""
        ...

    @property
    def STEPS_PER_EXECUTION(self) -> int:
        """A constant: most steps run in the graph between two looks at the clock; fit takes fewer when they are slow."""
        ...

    def load(self, inputs: Inputs, params: Any, context: "Context") -> Data:
        """Read, clean and split the inputs. context.check() at least once a second, context.progress in phase "loading".

        Raises DatasetInvalid with every problem found: file, line, value.
        """
        ...

    def build(self, params: Any, assets: Assets, inputs: Inputs) -> "keras.Model":
        """Return the model, uncompiled but with all variables made, from params, assets and inputs alone.

        inputs: of the training, those that fixed() needs; {} of a model whose recipe has no fixed().
        Called through worker.recipe.build_model, which sets the seed and the precision policy first. Random layers
        (Dropout) use Keras' SeedGenerator state, which checkpoints hold; tf.random.* with hidden state is forbidden.
        Outputs that enter a loss are float32 whatever the precision.
        """
        ...

    def compile_args(self, params: Any, assets: Assets) -> dict[str, Any]:
        """Return loss, metrics (and loss_weights) for model.compile. The optimizer and XLA are fit's business."""
        ...

    def sample(
        self, model: Any, params: Any, assets: Assets, *, seed: int, context: "Context", files: "Files"
    ) -> list[Output]:
        """Return a few outputs to look at after an evaluation. Changes no variable of the model. May return [].

        context.check() at least once a second where it takes long: a stop asked for meanwhile costs the sample, not the training.
        """
        ...

    def report(
        self, model: Any, data: Any, params: Any, context: "Context", files: "Files", stages: list[dict[str, float]]
    ) -> Report:
        """Evaluate the finished model in full. data: the last stage's. stages: the metrics each stage ended with, in order."""
        ...

    def open_generator(self, model: Any, params: Any, assets: Assets) -> Generator:
        """Return a Generator for a model whose weights are loaded."""
        ...


def recipe_code(name: str) -> RecipeCode:
    """Return the code module of a recipe. Raises UnknownRecipe. Imports TensorFlow."""
    return code_of(get_recipe(name))


def code_of(spec: RecipeSpec) -> RecipeCode:
    """Return the code module that belongs to a spec. Imports TensorFlow."""
    return cast(RecipeCode, import_module(spec.code_module))


def optional(code: RecipeCode, name: str) -> Callable[..., Any] | None:
    """One of the optional functions of a recipe, None where it has none."""
    return getattr(code, name, None)


def numbered_by(code: RecipeCode) -> Mapping[str, str]:
    """NUMBERED_BY of a recipe, {} where it has none."""
    return getattr(code, "NUMBERED_BY", {})


POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


def build_model(
    code: RecipeCode, params: Any, assets: Assets, inputs: Inputs, *, scope: AbstractContextManager[Any] | None = None
) -> "keras.Model":
    """Build a recipe's model as training and generation both must: same seed, same precision policy.

    Resets Keras' naming counters and the global seeds of Python, NumPy and TensorFlow. Models built earlier in this
    process stay usable. scope: of a tf.distribute strategy; entered here, since the reset must come before it. A recipe's build()
    may come here again for the model of an input.
    """
    import keras

    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(params.seed)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[getattr(params, "precision", "float32")])
    try:
        with scope or nullcontext():
            return code.build(params, assets, inputs)
    finally:
        keras.config.set_dtype_policy(policy)
