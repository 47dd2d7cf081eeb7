"""Makes tests/fixtures/bases: a tiny random model of each family, and what Transformers says of it.

    python benchmarks/make_tiny_bases.py        # with torch, transformers (benchmarks/requirements.txt)

Each folder is as save_pretrained leaves it, besides expected.json (token numbers of PAGE, greedy continuation) and
expected.safetensors (float32 logits of the prompt).
"""

import json
import sys
from pathlib import Path

import torch  # pyright: ignore[reportMissingImports]
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (  # pyright: ignore[reportMissingImports]
    AutoModelForCausalLM,
    AutoTokenizer,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

HERE = Path(__file__).parent.parent / "tests" / "fixtures" / "bases"
torch.set_num_threads(1)
PAGE = (HERE / "page.txt").read_text(encoding="utf-8")
VOCABULARY, CONTEXT, WRITTEN = 320, 160, 120
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QWEN = (  # as Transformers has it for every Qwen, whatever tokenizer.json says
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
CONFIGS = {
    "gpt2": GPT2Config(
        vocab_size=VOCABULARY, n_positions=CONTEXT, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=2
    ),
    "llama": LlamaConfig(**SIZES, tie_word_embeddings=True, head_dim=12, rope_theta=100_000.0),
    "llama3": LlamaConfig(
        **SIZES,
        attention_bias=True,
        mlp_bias=True,
        rope_parameters={
            "rope_type": "llama3",
            "rope_theta": 10_000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32,
        },
    ),
    "mistral": MistralConfig(**SIZES, sliding_window=16, head_dim=8),
    "qwen2": Qwen2Config(**SIZES, use_sliding_window=True, sliding_window=16, max_window_layers=1),
    "qwen3": Qwen3Config(**SIZES, head_dim=16, tie_word_embeddings=True),
    "gemma2": Gemma2Config(**SIZES, head_dim=16, sliding_window=16, query_pre_attn_scalar=24),
    "gemma3": Gemma3TextConfig(
        **SIZES,
        head_dim=16,
        sliding_window=16,
        query_pre_attn_scalar=24,
        layer_types=["sliding_attention", "sliding_attention", "full_attention"],
        rope_parameters={
            "full_attention": {"rope_type": "linear", "rope_theta": 1_000_000.0, "factor": 8.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
        },
    ),
}


def tokenizer_of(name: str) -> Tokenizer:
    """Pieces learnt from the page, parted as the family parts them."""
    if (
        name.startswith("gemma") or name == "mistral"
    ):  # SentencePiece's way: spaces as a character, unknown ones as bytes
        tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
        tokenizer.normalizer = normalizers.Replace(" ", "▁")
        tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
        tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
        pieces = [*SPECIAL, "<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
        trainer = trainers.BpeTrainer(
            vocab_size=VOCABULARY, special_tokens=pieces, limit_alphabet=30, show_progress=False
        )
        tokenizer.train_from_iterator([PAGE], trainer)
        stored = json.loads(tokenizer.to_str())
        stored["added_tokens"] = [t for t in stored["added_tokens"] if t["content"] in (*SPECIAL, "<unk>")]
        return Tokenizer.from_str(json.dumps(stored))
    tokenizer = Tokenizer(models.BPE())
    bytewise = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if name.startswith("qwen"):
        tokenizer.normalizer = normalizers.NFC()
        words = pre_tokenizers.Split(Regex(QWEN), "isolated")
        bytewise = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, bytewise])
    else:
        digits = [] if name == "gpt2" else [pre_tokenizers.Digits(individual_digits=name == "llama")]
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*digits, bytewise])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([PAGE], trainer)
    return tokenizer


def make(name: str) -> None:
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(len(name))
    model = AutoModelForCausalLM.from_config(CONFIGS[name], attn_implementation="eager").float().eval()
    with torch.no_grad():
        for part, parameter in model.named_parameters():  # as they come, norms and biases would hide a mistake
            table = "embed" in part or "wte" in part  # a large one would make the model repeat what it has just read
            parameter.add_(torch.randn_like(parameter) * (0.05 if table else 0.35))
    model.save_pretrained(folder)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer_of(name), bos_token=SPECIAL[0], eos_token=SPECIAL[2], pad_token=SPECIAL[0]
    )
    wrapped.chat_template = TEMPLATE
    wrapped.save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    page = tokenizer.encode(PAGE)
    prompt = torch.tensor([page[:40]])
    with torch.no_grad():
        logits = model(prompt).logits[0]
        seen = prompt
        for _ in range(WRITTEN):  # without a cache: nothing to go wrong
            seen = torch.cat([seen, model(seen, use_cache=False).logits[:, -1:].argmax(-1)], 1)
    written = seen[0, 40:].tolist()
    cached = model.generate(prompt, max_new_tokens=WRITTEN, do_sample=False, eos_token_id=None, pad_token_id=0)
    assert cached[0, 40:].tolist() == written, "the model's own cache disagrees"
    expected = {"page": page, "prompt": page[:40], "greedy": written}
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
    save_file({"logits": logits.contiguous()}, folder / "expected.safetensors")
    print(name, sum(path.stat().st_size for path in folder.iterdir()), "bytes", len(set(written)), "different tokens")


for chosen in sys.argv[1:] or CONFIGS:
    make(chosen)
