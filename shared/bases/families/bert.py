"""BERT (MiniLM too), DistilBERT, RoBERTa and XLM-R: encoders of texts. What they were trained to guess words with is left out.

Sources: Devlin et al. 2018, arXiv:1810.04805; Sanh et al. 2019, arXiv:1910.01108; Liu et al. 2019, arXiv:1907.11692; Conneau et al.
2019, arXiv:1911.02116; Transformers, models/bert, models/distilbert, models/roberta.
"""

from collections.abc import Callable, Mapping
from typing import Any

from shared.bases.encoder import EncoderConfig
from shared.bases.families.base import ACTIVATIONS, Family, Taken
from shared.bases.keys import Keys

_ACTIVATIONS = {**ACTIVATIONS, "relu": "relu"}
_BERT = {  # our name: theirs, in encoder.layer.<i>
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "o": "attention.output.dense",
    "norm_1": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm_2": "output.LayerNorm",
}
_DISTILBERT = {  # in transformer.layer.<i>
    "q": "attention.q_lin",
    "k": "attention.k_lin",
    "v": "attention.v_lin",
    "o": "attention.out_lin",
    "norm_1": "sa_layer_norm",
    "up": "ffn.lin1",
    "down": "ffn.lin2",
    "norm_2": "output_layer_norm",
}
_WHOLE = {
    "tokens": "embeddings.word_embeddings",
    "places": "embeddings.position_embeddings",
    "types": "embeddings.token_type_embeddings",
    "norm": "embeddings.LayerNorm",
}
_LAST = {"gamma": "weight", "beta": "bias", "kernel": "weight", "bias": "bias", "table": "weight"}
# Keys that say nothing of what a block gives: of training, and of the parts left out. Places come as a table, however made.
_SILENT = """
attention_probs_dropout_prob classifier_dropout directionality hidden_dropout_prob pooler_fc_size pooler_num_attention_heads
pooler_num_fc_layers pooler_size_per_head pooler_type tie_word_embeddings
dropout output_past qa_dropout seq_classif_dropout sinusoidal_pos_embds tie_weights_
"""


def _named(prefix: str, layers: str, block: Mapping[str, str]) -> Callable[[EncoderConfig], dict[str, Taken]]:
    """Where each tensor comes from. prefix: of the model's own name. layers: before a block's number."""

    def tensors(config: EncoderConfig) -> dict[str, Taken]:
        found = {}
        for name in config.tensors():
            part, last = name.rsplit(".", 1)
            if part.startswith("blocks."):
                _, number, inside = part.split(".")
                theirs = f"{layers}.{number}.{block[inside]}"
            else:
                theirs = _WHOLE[part]
            found[name] = Taken(f"{prefix}{theirs}.{_LAST[last]}")
        return found

    return tensors


def _bert(keys: Keys) -> EncoderConfig:
    return EncoderConfig(**_sizes(keys), context=keys.whole("max_position_embeddings"))


def _roberta(keys: Keys) -> EncoderConfig:
    """Places are counted from the number of the token that fills up, plus 1."""
    rows, filler = keys.whole("max_position_embeddings"), keys.get("pad_token_id")
    filler = 1 if filler is None else filler
    if type(filler) is not int or not 0 <= filler < rows - 1:
        keys.note("pad_token_id", f"must be a whole number below {rows - 1}, not {filler!r:.40}")
        filler = 0
    return EncoderConfig(**_sizes(keys), place_offset=filler + 1, context=max(rows - filler - 1, 1))


def _sizes(keys: Keys) -> dict[str, Any]:
    keys.only("position_embedding_type", "absolute")
    keys.only("is_decoder", False)
    keys.silent(*_SILENT.split())
    return {
        "vocabulary": keys.whole("vocab_size"),
        "width": keys.whole("hidden_size"),
        "layers": keys.whole("num_hidden_layers"),
        "heads": keys.whole("num_attention_heads"),
        "inner": keys.whole("intermediate_size"),
        "norm_epsilon": keys.number("layer_norm_eps", 1e-12),
        "activation": keys.word("hidden_act", "gelu", _ACTIVATIONS),
        "types": keys.whole("type_vocab_size", 2),
    }


def _distilbert(keys: Keys) -> EncoderConfig:
    keys.silent(*_SILENT.split())
    return EncoderConfig(
        vocabulary=keys.whole("vocab_size"),
        context=keys.whole("max_position_embeddings"),
        width=keys.whole("dim"),
        layers=keys.whole("n_layers"),
        heads=keys.whole("n_heads"),
        inner=keys.whole("hidden_dim"),
        norm_epsilon=1e-12,
        activation=keys.word("activation", "gelu", _ACTIVATIONS),
    )


def _heads(name: str) -> tuple[str, ...]:
    """Models that are this encoder with something upon it."""
    return tuple(
        f"{name}{task}"
        for task in ("Model", "ForMaskedLM", "ForPreTraining", "ForSequenceClassification", "ForTokenClassification")
    )


_LEFT = ("pooler.", "cls.", "classifier.", "pre_classifier.", "lm_head.", "vocab_")
_RENAMED = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}
_BUFFERS = ("embeddings.position_ids", "embeddings.token_type_ids")


def _family(
    name: str, title: str, classes: str, read: Any, prefix: str, layers: str, block: Mapping[str, str]
) -> Family:
    """classes: how the names of its models in Transformers begin."""
    named = _named(prefix, layers, block)
    return Family(
        name,
        title,
        name,
        _heads(classes),
        read,
        named,
        prefix,
        _BUFFERS,
        kind="encoder",
        left=_LEFT,
        renamed=_RENAMED,
    )


BERT = _family("bert", "BERT", "Bert", _bert, "bert.", "encoder.layer", _BERT)
DISTILBERT = _family(
    "distilbert", "DistilBERT", "DistilBert", _distilbert, "distilbert.", "transformer.layer", _DISTILBERT
)
ROBERTA = _family("roberta", "RoBERTa", "Roberta", _roberta, "roberta.", "encoder.layer", _BERT)
XLM_ROBERTA = _family("xlm-roberta", "XLM-RoBERTa", "XLMRoberta", _roberta, "roberta.", "encoder.layer", _BERT)
