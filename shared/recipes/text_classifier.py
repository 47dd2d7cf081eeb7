"""Spec of text_classifier: tell which label, or which labels, a text has. Code: worker/recipes/text_classifier.py.

A dataset row, where the column mood is to be told from the column review:

    mood,review
    good,房间很大，早餐不错

Networks are trained from scratch, or stand on a pre-trained encoder, whose tokenizer then cuts the texts.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from shared.recipes.base import (
    BatchParams,
    ExportParams,
    Foreseen,
    Given,
    Input,
    Params,
    RecipeSpec,
    TrainParams,
    Use,
    advanced,
    with_defaults,
)
from shared.recipes.fields import Column, Groups, refuse_uneven_heads
from shared.recipes.measured import CostOfMissing, Folds, TestShare, ValidationShare
from shared.recipes.privacy import (
    SEED_HELP,
    BesidePlain,
    Delta,
    Epsilon,
    ExampleClipNorm,
    private_network_problems,
)
from shared.recipes.text_columns import LABEL_KINDS, TEXT_KINDS, check_texts

MOST_TEXTS = 1_000  # typed in; more belong into a dataset

_Base = with_defaults(
    TrainParams,
    batch_size=(64, "Texts per step; of small tables fewer are taken, so that there are 16 steps in an epoch."),
    learning_rate=1e-3,
    final_learning_rate=1e-5,
    warmup_steps=(100, "Steps over which the rate rises from zero; at most a tenth of the run."),
    weight_decay=(0.01, "Decoupled weight decay (L2) of matrices; not of biases and norms."),
    beta_2=0.999,
    seed=(0, SEED_HELP),
)


class TextClassifierTrain(_Base):
    """How to train. The defaults suit some hundred to some ten thousand texts."""

    texts: list[str] = Column(
        "What is read; several columns are put together. None: every column that holds texts.",
        kinds=TEXT_KINDS,
        default=[],
        max_length=20,
    )
    labels: list[str] = Column(
        "What is to be told: one column of labels, or several of 0 and 1 (yes and no), a label each.",
        kinds=LABEL_KINDS,
        default=[],
        needed=True,
        max_length=1_000,
    )
    label_mark: str = Field(
        "",
        max_length=5,
        description="What parts the labels in a cell that may hold several, such as ; or |. Empty: a cell is one label.",
        json_schema_extra={"group": "Columns"},
    )
    groups: str = Groups()
    epochs: int = Field(
        0,
        ge=0,
        le=10_000,
        description="Passes over the training part. 0: as many as make 1,500 steps, 4 to 40; where an encoder learns, 2 to 4.",
    )
    network: Literal["cnn", "bilstm", "transformer"] = Field(
        "cnn",
        description="Without an encoder. cnn: looks for short phrases, fast; bilstm: reads forwards and backwards; transformer: "
        "every token looks at every other, wants many texts.",
        json_schema_extra={"group": "Model"},
    )
    width: int = Field(
        64,
        ge=4,
        le=2_048,
        description="Length of a token's vector; filters of each size, or units of each direction.",
        json_schema_extra={"group": "Model", "unit": "units"},
    )
    layers: int = Field(
        1,
        ge=1,
        le=24,
        description="LSTM layers or Transformer blocks; of cnn, convolutions before the phrases are looked for are one less.",
        json_schema_extra={"group": "Model"},
    )
    heads: int = Field(
        4,
        ge=1,
        le=64,
        description="Attention heads; must divide the width. For transformer only.",
        json_schema_extra=advanced("Model"),
    )
    token_evidence: bool = Field(
        True,
        description="Add up what each token says by itself, beginning with its naive Bayes weight; helps small tables.",
        json_schema_extra=advanced("Model"),
    )
    tokens: Literal["auto", "words", "characters", "bpe"] = Field(
        "auto",
        description="What a text is cut into. words: of Chinese and other scripts without spaces its characters; bpe: frequent "
        "pieces of words, learnt. auto: characters where most are of such scripts, else words.",
        json_schema_extra={"group": "Text"},
    )
    vocabulary_size: int = Field(
        20_000,
        ge=300,
        le=200_000,
        description="Most kinds of tokens, the commonest of the training part; others count as unknown.",
        json_schema_extra=advanced("Text"),
    )
    max_length: int = Field(
        256,
        ge=8,
        le=4_096,
        description="Tokens read at once. A longer text is read in several windows, whose answers are averaged.",
        json_schema_extra={"group": "Text", "unit": "tokens"},
    )
    method: Literal["full", "lora", "frozen"] = Field(
        "full",
        description="What learns of an encoder. full: everything; lora: narrow matrices beside those of the encoder, small "
        "checkpoints; frozen: nothing, its vectors are made once, fast and weaker.",
        json_schema_extra={"group": "Encoder"},
    )
    pooling: Literal["mean", "first"] = Field(
        "mean",
        description="What stands for a text: the mean of its tokens, or the token before the first.",
        json_schema_extra=advanced("Encoder"),
    )
    rank: int = Field(
        8, ge=1, le=1_024, description="Width of the narrow matrices of lora.", json_schema_extra=advanced("Encoder")
    )
    encoder_share: float = Field(
        0.05, gt=0, le=1, description="Of method full: the encoder's step size is learning_rate times this.",
        json_schema_extra=advanced("Encoder"),
    )  # fmt: skip
    dropout: float = Field(
        0.5, ge=0, lt=1, description="Share of activations dropped while training; within an encoder a fifth of it.",
        json_schema_extra=advanced("Regularisation"),
    )  # fmt: skip
    token_dropout: float = Field(
        0.1, ge=0, lt=1, description="Share of tokens made unknown while training, so that it leans on no single one.",
        json_schema_extra=advanced("Regularisation"),
    )  # fmt: skip
    class_weights: Literal["none", "balanced"] = Field(
        "none",
        description="balanced: rare labels weigh as much as frequent ones.",
        json_schema_extra={"group": "Data"},
    )
    cost_of_missing: CostOfMissing = 1.0
    validation_fraction: ValidationShare = 0.1
    test_fraction: TestShare = 0.2
    folds: Folds = 0
    epsilon: Epsilon = None
    delta: Delta = 0.0
    example_clip_norm: ExampleClipNorm = 10.0
    beside_plain: BesidePlain = True

    @field_validator("label_mark")
    @classmethod
    def _no_blank_mark(cls, value: str) -> str:
        if value and not value.strip():
            raise ValueError("white space parts words, not labels: use a mark such as ; or |")
        return value

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "TextClassifierTrain":
        if self.network == "transformer":
            refuse_uneven_heads(self.width, self.heads)
        return self


def _classes() -> Any:
    return Field(
        default_factory=list,
        max_length=100,
        description="For an encoder as it came alone: names to choose among, by how near a text is to each. Weak: a training on "
        "some hundred texts with labels tells far better.",
        json_schema_extra={"group": "Without training"},
    )


class TextClassifierGenerate(Params):
    """Texts to classify, typed in."""

    text: str = Field(
        min_length=1,
        max_length=1_000_000,
        description="What to classify.",
        json_schema_extra={"short": True, "widget": "lines"},
    )
    by_line: bool = Field(
        False,
        description=f"Every line is a text of its own, up to {MOST_TEXTS:,}.",
        json_schema_extra={"short": True},
    )
    explain: bool = Field(
        True,
        description="Also mark which words spoke for the answer (first 8 texts); costs an answer for each of them.",
        json_schema_extra={"short": True},
    )
    top_k: int = Field(5, ge=1, le=1_000, description="How many labels are told with their probability.")
    classes: list[str] = _classes()


class TextClassifierBatch(BatchParams):
    """Which texts, and what the table that comes back holds."""

    texts: list[str] = Column(
        "What is read. None: the columns that it was trained on.", kinds=TEXT_KINDS, default=[], max_length=20
    )
    keep_columns: bool = Field(True, description="Also the columns of the table itself.")
    probabilities: bool = Field(True, description="A column for the probability of each label, of up to 20 labels.")
    classes: list[str] = _classes()


def foresee(params: Any, given: Mapping[str, Given], room: int) -> Foreseen:
    """What is known only with the encoder."""
    return Foreseen(private_network_problems(params, upon_encoder="base" in given))


_FORMATS = ("table", "text_folders")
TABLE = Input(
    "data",
    "Table",
    "A text in each row, with its label or labels; or texts in folders of a label each.",
    formats=_FORMATS,
)
ENCODER = Input(
    "base",
    "Encoder",
    "A pre-trained encoder to stand on, better from a few hundred texts on. None: trained from scratch.",
    bases=("encoder",),
    required=False,
)


SPEC = RecipeSpec(
    name="text_classifier",
    version=1,
    title="Text classifier",
    summary="Tells which label a text has, or which of several: moods, topics, spam. From scratch in any language, or on a "
    "pre-trained encoder.",
    family="text",
    train_params=TextClassifierTrain,
    inputs=(TABLE, ENCODER),
    uses={
        "generate": Use(TextClassifierGenerate, "Classify"),
        "batch": Use(
            TextClassifierBatch,
            "Classify a table",
            (Input("data", "Table", "A text in each row; other columns do no harm.", formats=_FORMATS),),
            help="Classify the text of every row of a table; a table comes back, in the same order.",
        ),
        "export": Use(
            ExportParams,
            "Export",
            help="Weights, tokenizer and labels as one zip, with a model and an example that run without this service.",
        ),
    },
    source="Encoders: Devlin et al. 2018, arXiv:1810.04805; LoRA: Hu et al. 2021, arXiv:2106.09685; "
    "convolutions over words: Kim 2014, arXiv:1408.5882; Transformer: Vaswani et al. 2017, arXiv:1706.03762; BiLSTM with "
    "pooling: Zhou et al. 2016, arXiv:1611.06639; naive Bayes weights: Wang, Manning 2012; occlusion: Li et al. 2016, "
    "arXiv:1612.08220",
    bases=("encoder",),
    limits="It knows words from its training texts alone: of texts about other things, in another style or language, its answers "
    "and their probabilities mean little.",
    shape=(
        "labels",
        "network",
        "width",
        "layers",
        "heads",
        "token_evidence",
        "tokens",
        "vocabulary_size",
        "max_length",
        "method",
        "pooling",
        "rank",
    ),
    check=check_texts,
    foresee=foresee,
)
