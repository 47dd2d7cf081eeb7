"""Spec of image_text_matcher: pictures found by words, and words by a picture. Code: worker/recipes/image_text_matcher.py.

A dataset row: the picture images/dog.jpg with the text "a brown dog runs over grass", as a line of captions.tsv has it:

    file	text
    images/dog.jpg	a brown dog runs over grass
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from shared.errors import Problem
from shared.recipes.backbone_params import BackboneShare, Learns, backbone_input, foresee_size
from shared.recipes.base import (
    BatchParams,
    Criterion,
    ExportParams,
    Input,
    Params,
    RecipeSpec,
    TrainParams,
    Use,
    advanced,
    with_defaults,
)
from shared.recipes.fields import FileId, Files
from shared.recipes.picture_params import AUGMENT, DATA, Colour, Part, Rotation, Zoom

MAX_IMAGES = 16  # of one generation; more belong into a dataset
LEAST_PICTURES = 8  # two of them held out, two more to test with
_PICTURES: dict[str, Any] = {"group": "Pictures"}
_TEXTS: dict[str, Any] = {"group": "Texts"}
_Base = with_defaults(
    TrainParams,
    batch_size=(
        256,
        "Pictures per step: each is told apart from all others of its step, so that more make it harder to learn.",
    ),
    learning_rate=(2e-3, "Peak step size of the optimizer; that of what was trained before is a share of it."),
    final_learning_rate=1e-5,
    warmup_steps=(50, "Steps over which the rate rises from zero; at most a tenth of the run."),
    weight_decay=(0.05, "Decoupled weight decay (L2) of matrices; not of biases and norms."),
    beta_2=0.999,
)


class ImageTextMatcherTrain(_Base):
    """How to train. The defaults suit from some hundred to some ten thousand small pictures with a text or a few each."""

    epochs: int = Field(
        0,
        ge=0,
        le=10_000,
        description="Passes over the pictures. 0: as many as make 200 steps, 3 to 100; upon a backbone 100.",
    )
    embedding: int = Field(
        128,
        ge=4,
        le=2_048,
        description="Length of the vectors in which pictures and texts meet.",
        json_schema_extra={"group": "Model", "unit": "numbers"},
    )
    temperature: float = Field(
        0.07,
        ge=0.01,
        le=1,
        description="Likenesses are divided by it before they are compared; it is learnt, and this is where it begins.",
        json_schema_extra=advanced("Model"),
    )
    dropout: float = Field(
        0.4, ge=0, lt=1, description="Share of a picture's features dropped while training; of a text's a quarter of it.",
        json_schema_extra=advanced("Regularisation"),
    )  # fmt: skip
    width: int = Field(
        16,
        ge=4,
        le=512,
        description="Without a backbone: channels of the first stage; doubles at each further one.",
        json_schema_extra=_PICTURES | {"unit": "channels"},
    )
    depth: int = Field(
        1, ge=1, le=8, description="Without a backbone: residual blocks per stage.",
        json_schema_extra=_PICTURES | {"unit": "blocks"},
    )  # fmt: skip
    picture_method: Learns = "full"
    backbone_share: BackboneShare = 0.1
    image_size: int = Field(
        0,
        ge=0,
        le=512,
        description="Side to which pictures are scaled. 0: as they are, at most 96; upon a backbone 128, or its own where smaller.",
        json_schema_extra=_PICTURES | {"unit": "pixels"},
    )
    text_width: int = Field(
        128,
        ge=16,
        le=1_024,
        multiple_of=8,
        description="Without an encoder, where there are blocks of attention: numbers of each token.",
        json_schema_extra=advanced("Texts", "numbers"),
    )
    text_layers: int = Field(
        0,
        ge=0,
        le=12,
        description="Without an encoder: blocks of attention over its tokens. 0: a text is the sum of its tokens, of which rare "
        "ones weigh more; better where texts are few.",
        json_schema_extra=_TEXTS | {"unit": "blocks"},
    )
    token_dropout: float = Field(
        0.3, ge=0, lt=1, description="Share of a text's tokens left out of its sum while training.",
        json_schema_extra=advanced("Regularisation"),
    )  # fmt: skip
    tokens: Literal["words", "characters", "bpe"] = Field(
        "words",
        description="Without an encoder: what a text is cut into. words: of Chinese and other scripts without spaces its "
        "characters; bpe: frequent pieces of words, learnt.",
        json_schema_extra=advanced("Texts"),
    )
    vocabulary_size: int = Field(
        4_000,
        ge=300,
        le=200_000,
        description="Without an encoder: most kinds of tokens, the commonest of the training part.",
        json_schema_extra=advanced("Texts"),
    )
    max_length: int = Field(
        64, ge=8, le=512, description="Tokens of a text that are read; what is behind them is not.",
        json_schema_extra=advanced("Texts", "tokens"),
    )  # fmt: skip
    text_method: Literal["frozen", "lora", "full"] = Field(
        "frozen",
        description="What learns of an encoder. frozen: nothing, its vectors are made once: fast; lora: narrow matrices beside its "
        "own; full: everything.",
        json_schema_extra=_TEXTS,
    )
    pooling: Literal["mean", "first"] = Field(
        "mean",
        description="What stands for a text: the mean of its tokens, or the token before the first.",
        json_schema_extra=advanced("Texts"),
    )
    rank: int = Field(
        8, ge=1, le=1_024, description="Width of the narrow matrices of lora.", json_schema_extra=advanced("Texts")
    )
    encoder_share: float = Field(
        0.05, gt=0, le=1, description="Of an encoder that learns whole: its step size is learning_rate times this.",
        json_schema_extra=advanced("Texts"),
    )  # fmt: skip
    validation_fraction: float = Field(
        0.1,
        gt=0,
        le=0.5,
        description="Share of the pictures held out to watch progress and keep the best state, unless the dataset has such a part.",
        json_schema_extra=DATA,
    )
    test_fraction: float = Field(
        0.1,
        ge=0,
        le=0.5,
        description="Share of the pictures that the finished model is measured on, unless the dataset has such a part.",
        json_schema_extra=DATA,
    )
    flip: Literal["none", "horizontal", "both"] = Field(
        "none", description="Random mirroring: not where texts say left and right.", json_schema_extra=AUGMENT
    )
    rotation: Rotation = 4
    translation: float = Field(
        0.03, ge=0, le=0.5, description="Random shift up to this share of the side.", json_schema_extra=AUGMENT
    )
    zoom: Zoom = 0.05
    colour: Colour = 0.0


def _few(what: str, default: int) -> Any:
    return Field(default, ge=1, le=100, description=f"How many {what} are shown.", json_schema_extra={"short": True})


class ImageTextMatcherSearch(Params):
    """What to look for among the pictures of a dataset."""

    text: str = Field(
        min_length=1,
        max_length=10_000,
        description="What the pictures are to show, in words of your own.",
        json_schema_extra={"short": True},
    )
    top_k: int = _few("pictures", 12)


class ImageTextMatcherDescribe(Params):
    """What to find texts for, and among which."""

    images: list[FileId] = Files(f"Up to {MAX_IMAGES} pictures.", accepts=("image/*",), most=MAX_IMAGES)
    texts: str = Field(
        default="",
        max_length=100_000,
        description="Texts to choose among, one a line. Empty: those of the dataset.",
        json_schema_extra={"short": True, "widget": "lines"},
    )
    top_k: int = _few("texts for each", 5)


class ImageTextMatcherBatch(BatchParams):
    """Which pictures of a dataset to find texts for."""

    part: Part = "all"
    top_k: int = Field(3, ge=1, le=20, description="How many texts are told of each.")


_SEARCHED = ("captioned_pictures", "pictures", "idx")
_WITH_TEXTS = ("captioned_pictures",)
ENCODER = Input(
    "base",
    "Text encoder",
    "One that has read many texts already; it knows words that yours have not. None: from scratch.",
    bases=("encoder",),
    required=False,
)


def check(params: Any, datasets: Mapping[str, Any]) -> list[Problem]:
    """Problems that show only when params and dataset are known together."""
    report = datasets["data"].report
    if report.rows < LEAST_PICTURES:
        message = f"has {report.rows} pictures; {LEAST_PICTURES} are needed at least"
        return [Problem(field="inputs.data", message=message)]
    if report.facts.get("different_texts", 0) < LEAST_PICTURES:
        message = f"has {report.facts.get('different_texts', 0)} different texts; {LEAST_PICTURES} are needed at least"
        return [Problem(field="inputs.data", message=message)]
    return []


SPEC = RecipeSpec(
    name="image_text_matcher",
    version=1,
    title="Pictures and words",
    summary="Finds pictures by words and words by a picture: two encoders, of pictures and of texts, that meet in one space.",
    family="images",
    train_params=ImageTextMatcherTrain,
    inputs=(
        Input("data", "Pictures with texts", "What each picture shows, in words.", formats=_WITH_TEXTS),
        ENCODER,
        backbone_input("backbone"),
    ),
    uses={
        "generate": Use(
            ImageTextMatcherSearch,
            "Find pictures",
            (Input("data", "Pictures", "The pictures that are searched; they need no texts.", formats=_SEARCHED),),
            help="Type words, see the pictures that are nearest to them.",
        ),
        "describe": Use(
            ImageTextMatcherDescribe,
            "Find words",
            (
                Input(
                    "texts", "Texts", "Texts to choose among, where none are typed in.", formats=_WITH_TEXTS, required=False
                ),
            ),
            help="Which texts say best what a picture shows.",
        ),
        "batch": Use(
            ImageTextMatcherBatch,
            "Find words for a dataset",
            (
                Input("data", "Pictures", "With or without texts.", formats=_SEARCHED),
                Input("texts", "Texts", "The texts to choose among.", formats=_WITH_TEXTS),
            ),
            help="The best texts for every picture of a dataset, as a table.",
        ),
        "export": Use(
            ExportParams,
            "Export",
            help="Weights and tokenizer as one zip, with both encoders and an example that run without this service.",
        ),
    },
    source="CLIP: Radford et al. 2021, arXiv:2103.00020; InfoNCE: van den Oord et al. 2018, arXiv:1807.03748; residual blocks: "
    "He et al. 2016, arXiv:1512.03385; attention: Vaswani et al. 2017, arXiv:1706.03762",
    limits="It ranks what it is given and always finds something: the best of pictures none of which fits is no match. It knows "
    "the things and words of its training alone, and of a sentence more which words stand in it than how they belong together.",
    criterion=Criterion("val_mrr", "max"),
    shape=("embedding", "width", "depth", "picture_method", "text_width", "text_layers", "tokens", "text_method", "pooling",
           "rank"),
    check=check,
    foresee=foresee_size("backbone"),
)  # fmt: skip
