"""The families of open weights that are known. Adding one: an object as base.py describes, in a file beside this one."""

from shared.bases.families.base import Family
from shared.bases.families.bert import BERT, DISTILBERT, ROBERTA, XLM_ROBERTA
from shared.bases.families.gemma import GEMMA2, GEMMA3
from shared.bases.families.gpt2 import GPT2
from shared.bases.families.llama import LLAMA, MISTRAL
from shared.bases.families.pictures import KERAS_PICTURES, TIMM_PICTURES
from shared.bases.families.qwen import QWEN2, QWEN3

_DECODERS = (GPT2, LLAMA, MISTRAL, QWEN2, QWEN3, GEMMA2, GEMMA3)
_ENCODERS = (BERT, DISTILBERT, ROBERTA, XLM_ROBERTA)
_BACKBONES = (TIMM_PICTURES, KERAS_PICTURES)
FAMILIES: dict[str, Family] = {family.name: family for family in (*_DECODERS, *_ENCODERS, *_BACKBONES)}


def family_title(name: str) -> str:
    """What a family is called; its name when this installation no longer knows it."""
    return FAMILIES[name].title if name in FAMILIES else name


BY_MODEL_TYPE: dict[str, Family] = {family.model_type: family for family in FAMILIES.values()}
