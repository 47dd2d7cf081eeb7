"""What the code of a recipe must offer: the contract between worker/recipes/<name>.py and everything that runs one.

A recipe's code is a *module* with the names listed in RecipeCode. worker/training/ trains it and reports,
worker/generation/ generates. tests/contract/test_recipes.py holds every recipe to this file.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from shared.recipes import get_recipe

if TYPE_CHECKING:  # TensorFlow and Keras take eight seconds to import: only who builds or trains pays that
    import keras
    import tensorflow as tf

    from worker.context import Context


class Data:
    """A dataset made ready for one training: cleaned, split by the seed, and turned into batches.

    Made by a recipe's load(); must be the same, byte for byte, whenever it is made from the same dataset and params.

    assets: JSON-able dict with all that using the model needs besides its weights (vocabulary, class names, image
        size ...) and the split's sizes. Saved inside every checkpoint and handed to build, sample and open_generator.
    total_steps: steps of the whole training, >= 1.
    steps_per_epoch: steps of one pass over the training part, >= 1. For recipes that draw at random and know no
        epochs: 0; then eval_every must be set and rows carry no epoch.
    eval_every: steps between two evaluations; 0: once an epoch. An evaluation always follows the last step.
    notes: sentences for the user ("3 duplicate images dropped").
    """

    assets: dict[str, Any]
    total_steps: int
    steps_per_epoch: int = 0
    eval_every: int = 0
    notes: list[str]

    def train(self, start_step: int) -> "tf.data.Dataset":
        """Return the batches of steps start_step, start_step + 1, ... up to at least total_steps.

        Elements are (x, y) or (x, y, sample_weight), all of one static shape (else XLA compiles each anew).
        Batch number s must depend on (seed, s) alone, augmentation included (stateless seeds): a training resumed
        at step s then sees exactly what an uninterrupted one does. 0 <= start_step < total_steps.
        Functions given to Dataset.map and tf.function are kept from AutoGraph (tf.autograph.experimental.do_not_convert,
        autograph=False): it writes source files into the temporary folder, which a killed process leaves behind.
        """
        raise NotImplementedError

    def validation(self) -> "tf.data.Dataset | None":
        """Return one full pass over the validation part, the same every time; None when there is none."""
        raise NotImplementedError


@dataclass(frozen=True)
class Sample:
    """One thing to look at while training goes on: text, or a PNG file's bytes. Exactly one of both is set."""

    title: str
    text: str | None = None
    png: bytes | None = None


@dataclass(frozen=True)
class Report:
    """The final, full evaluation of a trained model.

    metrics: finite numbers by name ("test_accuracy", "val_loss"), shown on the job's page and kept with models.
    artifacts: file name -> bytes ("confusion_matrix.csv", "confusion_matrix.png"); plain names without folders.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    artifacts: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class GenerateResult:
    """What one generation job made.

    summary: JSON-able; becomes job.result. Text recipes: {"texts": [...], ...}; classifiers:
        {"predictions": [{"file", "label", "probability", "probabilities": {label: p}}], ...}.
    artifacts: file name -> bytes, as in Report.
    """

    summary: dict[str, Any]
    artifacts: dict[str, bytes] = field(default_factory=dict)


class Generator(Protocol):
    """A loaded model ready for many generation jobs; may keep compiled functions between them."""

    def generate(self, gparams: Any, context: "Context") -> GenerateResult:
        """Carry out one generation job.

        gparams: the recipe's validated GenerateParams.
        Calls context.check() at least about once a second, context.progress() as it goes and, when the spec says
        streams=True, context.event("output", {"index": row, "text": piece}) for each further piece of text.
        Raises InputMissing when a dataset it needs is gone, RecipeFailed when the input cannot be used.
        """
        ...


class RecipeCode(Protocol):
    """The names a module worker/recipes/<name>.py defines. All functions are deterministic."""

    @property
    def XLA_FASTER(self) -> bool:
        """A constant: what params.xla == "auto" means on the CPU. Measured; say where."""
        ...

    @property
    def STEPS_PER_EXECUTION(self) -> int:
        """A constant: most steps run in the graph between two looks at the clock; fit takes fewer when they are slow."""
        ...

    def load(self, dataset: Any, folder: Path, params: Any) -> Data:
        """Read, clean and split a dataset.

        dataset: shared.datasets.DatasetManifest. folder: where its files are (the folder holding manifest.json).
        Raises DatasetInvalid with every problem found: file, line, value.
        """
        ...

    def build(self, params: Any, assets: dict[str, Any]) -> "keras.Model":
        """Return the model, uncompiled but with all variables made, from params and assets alone.

        Called through worker.recipe.build_model, which sets the seed and the precision policy first. Random layers
        (Dropout) use Keras' SeedGenerator state, which checkpoints hold; tf.random.* with hidden state is forbidden.
        Outputs that enter a loss are float32 whatever the precision.
        """
        ...

    def compile_args(self, params: Any, assets: dict[str, Any]) -> dict[str, Any]:
        """Return loss, metrics (and loss_weights) for model.compile. The optimizer and XLA are fit's business."""
        ...

    def sample(self, model: Any, params: Any, assets: dict[str, Any], *, seed: int) -> list[Sample]:
        """Return a few samples after an evaluation. Changes no variable of the model. May return []."""
        ...

    def report(self, model: Any, data: Any, params: Any) -> Report:
        """Evaluate the finished model in full. data is what load returned."""
        ...

    def open_generator(self, model: Any, params: Any, assets: dict[str, Any]) -> Generator:
        """Return a Generator for a model whose weights are loaded."""
        ...


def recipe_code(name: str) -> RecipeCode:
    """Return the code module of a recipe. Raises UnknownRecipe. Imports TensorFlow."""
    get_recipe(name)
    return cast(RecipeCode, import_module(f"worker.recipes.{name}"))


POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


def build_model(
    code: RecipeCode, params: Any, assets: dict[str, Any], *, scope: AbstractContextManager[Any] | None = None
) -> "keras.Model":
    """Build a recipe's model as training and generation both must: same seed, same precision policy.

    Resets Keras' naming counters and the global seeds of Python, NumPy and TensorFlow. Models built earlier in this
    process stay usable. scope: of a tf.distribute strategy; entered here, since the reset must come before it.
    """
    import keras

    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(params.seed)
    keras.config.set_dtype_policy(POLICIES[params.precision])
    try:
        with scope or nullcontext():
            return code.build(params, assets)
    finally:
        keras.config.set_dtype_policy("float32")
