"""Makes the encoders of tests/fixtures/bases: a tiny random model of each family, and what Transformers says of it.

    python benchmarks/make_tiny_encoders.py        # with torch, transformers (benchmarks/requirements.txt)

Each folder is as save_pretrained leaves it, besides expected.json (token numbers of PAGE and of three rows, filled up) and
expected.safetensors (what the last block gives for the rows, float32).
"""

import json
import sys
from pathlib import Path

import torch  # pyright: ignore[reportMissingImports]
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (  # pyright: ignore[reportMissingImports]
    AutoModel,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    DistilBertConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
    XLMRobertaConfig,
)

HERE = Path(__file__).parent.parent / "tests" / "fixtures" / "bases"
torch.set_num_threads(1)
PAGE = (HERE / "page.txt").read_text(encoding="utf-8")
VOCABULARY, CONTEXT, ROWS = 320, 64, (64, 7, 23)
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
ROBERTA = {
    **SIZES,
    "max_position_embeddings": CONTEXT + 2,
    "type_vocab_size": 1,
    "pad_token_id": 1,
    "layer_norm_eps": 1e-5,
}
CONFIGS = {
    "bert": BertConfig(**SIZES, max_position_embeddings=CONTEXT),
    "distilbert": DistilBertConfig(
        vocab_size=VOCABULARY, max_position_embeddings=CONTEXT, dim=32, n_layers=2, n_heads=4, hidden_dim=48
    ),
    "roberta": RobertaConfig(**ROBERTA),
    "xlm-roberta": XLMRobertaConfig(**ROBERTA, hidden_act="gelu_new"),
}
BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def word_pieces() -> PreTrainedTokenizerFast:
    """BERT's way: lower case, pieces of words."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=VOCABULARY, special_tokens=BERT_SPECIAL, limit_alphabet=120, show_progress=False
    )
    tokenizer.train_from_iterator([PAGE], trainer)
    ends = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    tokenizer.enable_truncation(16)  # as many folders have it: neither is of any meaning to a text as a whole
    tokenizer.enable_padding(length=16)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


def by_bytes() -> PreTrainedTokenizerFast:
    """RoBERTa's way: pieces of bytes."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=ROBERTA_SPECIAL,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([PAGE], trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return _roberta(tokenizer)


def by_likelihood() -> PreTrainedTokenizerFast:
    """XLM-R's way: SentencePiece's unigrams."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=VOCABULARY, special_tokens=ROBERTA_SPECIAL, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(PAGE.splitlines(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return _roberta(tokenizer)


def _roberta(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="</s>"
    )


TOKENIZERS = {"bert": word_pieces, "distilbert": word_pieces, "roberta": by_bytes, "xlm-roberta": by_likelihood}


def make(name: str) -> None:
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(len(name))
    whole = BertForMaskedLM(CONFIGS[name]) if name == "bert" else AutoModel.from_config(CONFIGS[name])
    whole = whole.float().eval()  # one of them with what is left out when it is imported
    with torch.no_grad():
        for parameter in whole.parameters():  # as they come, norms and biases would hide a mistake
            parameter.add_(torch.randn_like(parameter) * 0.3)
    whole.save_pretrained(folder)
    TOKENIZERS[name]().save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    page = tokenizer.encode(PAGE)
    parts = [page[: size - 1] + page[-1:] for size in ROWS]
    filled = [part + [tokenizer.pad_token_id] * (max(ROWS) - len(part)) for part in parts]
    mask = [[1] * len(part) + [0] * (max(ROWS) - len(part)) for part in parts]
    model = whole.bert if name == "bert" else whole
    with torch.no_grad():
        hidden = model(torch.tensor(filled), attention_mask=torch.tensor(mask)).last_hidden_state
    (folder / "expected.json").write_text(json.dumps({"page": page, "rows": parts}) + "\n")
    save_file({"hidden": hidden.contiguous()}, folder / "expected.safetensors")
    print(name, sum(path.stat().st_size for path in folder.iterdir()), "bytes,", len(page), "tokens of the page")


for chosen in sys.argv[1:] or CONFIGS:
    make(chosen)
