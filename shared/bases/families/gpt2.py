"""GPT-2: layer norm before each part, learned positions, GELU, biases everywhere; matrices stored (inputs, outputs).

Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"; Transformers, models/gpt2.
"""

from shared.bases.decoder import DecoderConfig
from shared.bases.families.base import ACTIVATIONS, Family, Taken
from shared.bases.keys import Keys

_BLOCK = {
    **{f"{part}.kernel": Taken("attn.c_attn.weight", turned=True, part=n, parts=3) for n, part in enumerate("qkv")},
    **{f"{part}.bias": Taken("attn.c_attn.bias", part=n, parts=3) for n, part in enumerate("qkv")},
    "o.kernel": Taken("attn.c_proj.weight", turned=True),
    "o.bias": Taken("attn.c_proj.bias"),
    "up.kernel": Taken("mlp.c_fc.weight", turned=True),
    "up.bias": Taken("mlp.c_fc.bias"),
    "down.kernel": Taken("mlp.c_proj.weight", turned=True),
    "down.bias": Taken("mlp.c_proj.bias"),
    "norm_1.gamma": Taken("ln_1.weight"),
    "norm_1.beta": Taken("ln_1.bias"),
    "norm_2.gamma": Taken("ln_2.weight"),
    "norm_2.beta": Taken("ln_2.bias"),
}
_WHOLE = {
    "tokens.table": "transformer.wte.weight",
    "places.table": "transformer.wpe.weight",
    "norm.gamma": "transformer.ln_f.weight",
    "norm.beta": "transformer.ln_f.bias",
    "head.kernel": "lm_head.weight",
}


def _tensors(config: DecoderConfig) -> dict[str, Taken]:
    found = {}
    for name in config.tensors():
        if name.startswith("blocks."):
            _, number, rest = name.split(".", 2)
            taken = _BLOCK[rest]
            found[name] = Taken(f"transformer.h.{number}.{taken.name}", taken.turned, taken.part, taken.parts)
        else:
            found[name] = Taken(_WHOLE[name])
    return found


def _gpt2(keys: Keys) -> DecoderConfig:
    width, heads, layers = keys.whole("n_embd"), keys.whole("n_head"), keys.whole("n_layer")
    keys.only("scale_attn_weights", True)
    keys.only("scale_attn_by_inverse_layer_idx", False)
    keys.only("add_cross_attention", False)
    keys.get("reorder_and_upcast_attn")  # a matter of precision alone
    head_size = max(width // heads, 1)
    if head_size * heads != width:
        keys.note("n_head", f"{heads} heads cannot share a width of {width} evenly")
    return DecoderConfig(
        vocabulary=keys.whole("vocab_size"),
        context=keys.whole("n_positions"),
        width=width,
        layers=layers,
        heads=heads,
        kv_heads=heads,
        head_size=head_size,
        inner=keys.whole("n_inner", 4 * width),
        norm="layer",
        norm_epsilon=keys.number("layer_norm_epsilon", 1e-5),
        activation=keys.word("activation_function", "gelu_new", ACTIVATIONS),
        gated=False,
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        scale=head_size**-0.5,
        windows=(0,) * layers,
        tied=keys.flag("tie_word_embeddings", True),
    )


GPT2 = Family(
    "gpt2",
    "GPT-2",
    "gpt2",
    ("GPT2LMHeadModel",),
    _gpt2,
    _tensors,
    "transformer.",
    ("attn.bias", "attn.masked_bias"),
    "gpt2",
)
