"""Configs of well-known models, as they were published, become what the network needs; nothing in them is unknown."""

from typing import Any

import pytest

from shared.bases.decoder import Rotary
from shared.bases.families import BY_MODEL_TYPE
from shared.bases.keys import Keys

GPT2 = {
    "activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"], "attn_pdrop": 0.1, "bos_token_id": 50256,
    "embd_pdrop": 0.1, "eos_token_id": 50256, "initializer_range": 0.02, "layer_norm_epsilon": 1e-05, "model_type": "gpt2",
    "n_ctx": 1024, "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024, "resid_pdrop": 0.1,
    "summary_activation": None, "summary_first_dropout": 0.1, "summary_proj_to_labels": True, "summary_type": "cls_index",
    "summary_use_proj": True, "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}},
    "vocab_size": 50257,
}  # fmt: skip
SMOLLM2 = {
    "architectures": ["LlamaForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2,
    "hidden_act": "silu", "hidden_size": 576, "initializer_range": 0.041666666666666664, "intermediate_size": 1536,
    "is_llama_config": True, "max_position_embeddings": 8192, "mlp_bias": False, "model_type": "llama", "num_attention_heads": 9,
    "num_hidden_layers": 30, "num_key_value_heads": 3, "pad_token_id": 2, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
    "rope_interleaved": False, "rope_scaling": None, "rope_theta": 100000, "tie_word_embeddings": True,
    "torch_dtype": "bfloat16", "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16", "fp16": "float16"}},
    "transformers_version": "4.42.3", "use_cache": True, "vocab_size": 49152,
}  # fmt: skip
LLAMA_3_2_1B = {
    "architectures": ["LlamaForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 128000,
    "eos_token_id": [128001, 128008, 128009], "head_dim": 64, "hidden_act": "silu", "hidden_size": 2048,
    "initializer_range": 0.02, "intermediate_size": 8192, "max_position_embeddings": 131072, "mlp_bias": False,
    "model_type": "llama", "num_attention_heads": 32, "num_hidden_layers": 16, "num_key_value_heads": 8, "pretraining_tp": 1,
    "rms_norm_eps": 1e-05, "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
    "original_max_position_embeddings": 8192, "rope_type": "llama3"}, "rope_theta": 500000.0, "tie_word_embeddings": True,
    "torch_dtype": "bfloat16", "transformers_version": "4.45.0.dev0", "use_cache": True, "vocab_size": 128256,
}  # fmt: skip
MISTRAL_7B = {
    "architectures": ["MistralForCausalLM"], "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 4096,
    "initializer_range": 0.02, "intermediate_size": 14336, "max_position_embeddings": 32768, "model_type": "mistral",
    "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-05, "rope_theta": 10000.0,
    "sliding_window": 4096, "tie_word_embeddings": False, "torch_dtype": "bfloat16", "transformers_version": "4.34.0.dev0",
    "use_cache": True, "vocab_size": 32000,
}  # fmt: skip
QWEN_2_5 = {
    "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151643, "eos_token_id": 151645,
    "hidden_act": "silu", "hidden_size": 896, "initializer_range": 0.02, "intermediate_size": 4864,
    "max_position_embeddings": 32768, "max_window_layers": 21, "model_type": "qwen2", "num_attention_heads": 14,
    "num_hidden_layers": 24, "num_key_value_heads": 2, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "sliding_window": 32768,
    "tie_word_embeddings": True, "torch_dtype": "bfloat16", "transformers_version": "4.43.1", "use_cache": True,
    "use_sliding_window": False, "vocab_size": 151936,
}  # fmt: skip
GEMMA_3_1B = {
    "architectures": ["Gemma3ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "attn_logit_softcapping": None,
    "bos_token_id": 2, "cache_implementation": "hybrid", "eos_token_id": [1, 106], "final_logit_softcapping": None,
    "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 1152, "initializer_range": 0.02,
    "intermediate_size": 6912, "max_position_embeddings": 32768, "model_type": "gemma3_text", "num_attention_heads": 4,
    "num_hidden_layers": 26, "num_key_value_heads": 1, "pad_token_id": 0, "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06,
    "rope_local_base_freq": 10000, "rope_scaling": None, "rope_theta": 1000000, "sliding_window": 512,
    "sliding_window_pattern": 6, "torch_dtype": "bfloat16", "transformers_version": "4.50.0.dev0", "use_cache": True,
    "vocab_size": 262144,
}  # fmt: skip
MINILM_L6 = {
    "_name_or_path": "nreimers/MiniLM-L6-H384-uncased", "architectures": ["BertModel"], "attention_probs_dropout_prob": 0.1,
    "gradient_checkpointing": False, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "hidden_size": 384,
    "initializer_range": 0.02, "intermediate_size": 1536, "layer_norm_eps": 1e-12, "max_position_embeddings": 512,
    "model_type": "bert", "num_attention_heads": 12, "num_hidden_layers": 6, "pad_token_id": 0,
    "position_embedding_type": "absolute", "transformers_version": "4.8.2", "type_vocab_size": 2, "use_cache": True,
    "vocab_size": 30522,
}  # fmt: skip
BERT_MULTILINGUAL = {
    "architectures": ["BertForMaskedLM"], "attention_probs_dropout_prob": 0.1, "directionality": "bidi", "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1, "hidden_size": 768, "initializer_range": 0.02, "intermediate_size": 3072,
    "layer_norm_eps": 1e-12, "max_position_embeddings": 512, "model_type": "bert", "num_attention_heads": 12,
    "num_hidden_layers": 12, "pad_token_id": 0, "pooler_fc_size": 768, "pooler_num_attention_heads": 12,
    "pooler_num_fc_layers": 3, "pooler_size_per_head": 128, "pooler_type": "first_token_transform",
    "position_embedding_type": "absolute", "transformers_version": "4.7.0.dev0", "type_vocab_size": 2, "use_cache": True,
    "vocab_size": 119547,
}  # fmt: skip
DISTILBERT = {
    "activation": "gelu", "architectures": ["DistilBertForMaskedLM"], "attention_dropout": 0.1, "dim": 768, "dropout": 0.1,
    "hidden_dim": 3072, "initializer_range": 0.02, "max_position_embeddings": 512, "model_type": "distilbert", "n_heads": 12,
    "n_layers": 6, "pad_token_id": 0, "qa_dropout": 0.1, "seq_classif_dropout": 0.2, "sinusoidal_pos_embds": False,
    "tie_weights_": True, "transformers_version": "4.10.0.dev0", "vocab_size": 30522,
}  # fmt: skip
XLM_R = {
    "architectures": ["XLMRobertaForMaskedLM"], "attention_probs_dropout_prob": 0.1, "bos_token_id": 0, "eos_token_id": 2,
    "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "hidden_size": 768, "initializer_range": 0.02, "intermediate_size": 3072,
    "layer_norm_eps": 1e-05, "max_position_embeddings": 514, "model_type": "xlm-roberta", "num_attention_heads": 12,
    "num_hidden_layers": 12, "output_past": True, "pad_token_id": 1, "position_embedding_type": "absolute",
    "transformers_version": "4.17.0.dev0", "type_vocab_size": 1, "use_cache": True, "vocab_size": 250002,
}  # fmt: skip


def read(values: dict[str, Any]) -> Any:
    keys = Keys(values, "config.json")
    config = BY_MODEL_TYPE[values["model_type"]].read(keys)
    keys.unknown()
    assert keys.problems == []
    return config


@pytest.mark.parametrize(
    ("values", "millions"),
    [
        (GPT2, 124.4),
        (SMOLLM2, 134.5),
        (LLAMA_3_2_1B, 1235.8),
        (MISTRAL_7B, 7241.7),
        (QWEN_2_5, 494.0),
        (GEMMA_3_1B, 999.9),
        (MINILM_L6, 22.57),  # of 22.71 with its pooler
        (BERT_MULTILINGUAL, 177.26),  # of 177.85
        (DISTILBERT, 66.36),
        (XLM_R, 277.45),  # of 278.04
    ],
)
def test_a_published_config_gives_the_published_number_of_parameters(values: dict[str, Any], millions: float) -> None:
    assert read(values).parameters / 1e6 == pytest.approx(millions, abs=0.06)


def test_what_decides_of_the_result_is_read() -> None:
    llama = read(LLAMA_3_2_1B)
    assert llama.rotary == Rotary(theta=5e5, scaling="llama3", factor=32, low=1, high=4, original=8192)
    assert llama.tied and llama.scale == 0.125
    assert set(read(MISTRAL_7B).windows) == {4096}
    assert set(read(MISTRAL_7B | {"sliding_window": None}).windows) == {0}
    qwen = read(QWEN_2_5)
    assert qwen.qkv_bias and not qwen.out_bias and set(qwen.windows) == {0}
    assert read(QWEN_2_5 | {"use_sliding_window": True}).windows == (0,) * 21 + (32768,) * 3
    gemma = read(GEMMA_3_1B)
    assert gemma.windows[:7] == (512, 512, 512, 512, 512, 0, 512)
    assert (gemma.rotary_of(0), gemma.rotary_of(5)) == (Rotary(theta=1e4), Rotary(theta=1e6))
    assert gemma.norm_after and gemma.norm_offset == 1 and gemma.qk_norm and gemma.tied and gemma.logit_cap is None
    assert gemma.embedding_scale == pytest.approx(1152**0.5)


def test_what_decides_of_an_encoders_vectors_is_read() -> None:
    assert (read(MINILM_L6).context, read(MINILM_L6).types, read(MINILM_L6).place_offset) == (512, 2, 0)
    assert (read(XLM_R).context, read(XLM_R).types, read(XLM_R).place_offset) == (512, 1, 2)
    assert (read(DISTILBERT).types, read(DISTILBERT).head_size) == (0, 64)


@pytest.mark.parametrize(
    ("key", "value"), [("position_embedding_type", "relative_key"), ("is_decoder", True), ("hidden_act", "mish")]
)
def test_an_encoder_that_would_read_otherwise_is_refused(key: str, value: Any) -> None:
    keys = Keys(MINILM_L6 | {key: value}, "config.json")
    BY_MODEL_TYPE["bert"].read(keys)
    assert [problem.field for problem in keys.problems] == [key]


@pytest.mark.parametrize(
    "scaling", [{"rope_type": "dynamic", "factor": 2.0}, {"type": "yarn"}, {"rope_type": "longrope"}, "no"]
)
def test_a_way_to_stretch_places_that_is_not_known_is_refused(scaling: Any) -> None:
    keys = Keys(LLAMA_3_2_1B | {"rope_scaling": scaling}, "config.json")
    BY_MODEL_TYPE["llama"].read(keys)
    assert keys.problems and all(problem.field.startswith("rope_scaling") for problem in keys.problems)
