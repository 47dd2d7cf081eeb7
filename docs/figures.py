"""What each recipe reached where it was measured, for the tables of docs/recipes.md: lost comparisons are in bold.

How each was measured, on which machine, at which commit and at what cost: benchmarks/RESULTS.md.
"""

from typing import NamedTuple


class Figure(NamedTuple):
    """data: what it learnt from. reached: on what it had not seen. beside: what simple answers or others reach there, or what was
    wanted. lost: it is less."""

    data: str
    reached: str
    beside: str
    lost: bool = False


REACHED: dict[str, tuple[Figure, ...]] = {
    "gpt": (Figure("tinyshakespeare, nanoGPT's small settings", "validation loss 1.9033", "nanoGPT on the same machine 1.9212"),),
    "char_lstm": (
        Figure("tinyshakespeare, 600 steps", "validation loss 2.1613", "the same network in PyTorch 2.1469: 0.7 % apart"),
        Figure("the same, time of a step", "83.9 ms", "PyTorch 35.7 ms", lost=True),
    ),
    "finetune_lm": (
        Figure("SmolLM2-135M, LoRA of rank 8, 100 steps", "loss 2.5283", "Transformers with PEFT 2.5251: 0.13 % apart"),
        Figure("the same, tokens a second", "386", "276: 1.40 times"),
        Figure("the same, memory in bfloat16; first step", "3.72 GB; 27 s", "3.17 GB; 4.5 s", lost=True),
    ),
    "image_classifier": (
        Figure("MNIST", "99.68 %", "wanted 99.3"),
        Figure("Fashion-MNIST, defaults, looked at once", "93.09 %", "all of augmentation from the first step 92.04"),
        Figure("CIFAR-10, 4,500 pictures, defaults", "66.6 %", "the best found by search 67.7", lost=True),
        Figure("CIFAR-10, 50 pictures a class, upon EfficientNet-Lite0", "80.3 %", "from scratch 40.6"),
    ),
    "image_segmenter": (
        Figure("CamVid, 11 classes, from scratch", "mean IoU 0.470", "wanted 0.50; a random forest 0.245", lost=True),
        Figure("the same upon EfficientNet-Lite0", "mean IoU 0.513", "a random forest 0.245"),
    ),
    "object_detector": (
        Figure(
            "BCCD, blood cells, its own parts, from scratch",
            "mAP@0.5 0.912, mAP@[.5:.95] 0.613",
            "wanted 0.85; blobs by colour 0.34",
        ),
    ),
    "image_to_image": (
        Figure("Set5, twice as large", "36.46 dB", "wanted 36.0; bicubic 33.68"),
        Figure("Set5, four times as large", "30.06 dB", "wanted 30.0; bicubic 28.43"),
        Figure("Set5, noise of sigma 25", "32.58 dB", "the better median filter 30.33"),
    ),
    "image_matcher": (
        Figure(
            "ORL faces, ten people never seen",
            "equal error rate 0.099, accuracy 0.879, rank 1 1.00",
            "eigenfaces 0.184, 0.816, 0.99",
        ),
    ),
    "image_text_matcher": (
        Figure("emoji, both encoders from scratch", "recall@10 0.450 and 0.456", "neighbours 0.445: not surely better", lost=True),
        Figure("emoji, upon MiniLM and EfficientNet-Lite0", "recall@10 0.633 and 0.644", "neighbours 0.445; chance 0.059"),
    ),
    "image_vae": (Figure("MNIST, two epochs", "ELBO -106.79 nats", "the same network in PyTorch -106.86"),),
    "image_diffusion": (
        Figure("MNIST, eight epochs", "FID 0.58, 98.8 % look like their digit", "image_gan after two epochs 0.38", lost=True),
    ),
    "image_gan": (Figure("MNIST, two epochs", "FID 0.38, all ten digits", "real pictures 0.20; principal components 25.1"),),
    "style_transfer": (
        Figure("eight pairs, 120 steps each", "style loss 0.13 to 0.20", "colours moved alone 0.79 to 1.58"),
        Figure("four networks, pictures of their kind", "style loss 0.44 to 0.52", "colours moved alone 0.79 to 1.20"),
        Figure("the same four, a flower on black", "behind moving colours in two", "ahead in all", lost=True),
    ),
    "tabular": (
        Figure("Adult", "ROC-AUC 0.9254", "wanted 0.9222; gradient boosting 0.9273", lost=True),
        Figure("Pima diabetes, 5 folds", "ROC-AUC 0.8388", "logistic regression 0.8337"),
        Figure("breast cancer, 5 folds", "ROC-AUC 0.9950", "logistic regression 0.9953", lost=True),
    ),
    "text_classifier": (
        Figure("rt-polarity, 5 folds, from scratch", "77.7 %", "TF-IDF 75.9; naive Bayes 78.1", lost=True),
        Figure("rt-polarity upon MiniLM", "82.0 %", "wanted 82; naive Bayes 78.1"),
        Figure("hotel reviews in Chinese, 5 folds", "87.5 %", "wanted 90.0; TF-IDF 87.9", lost=True),
    ),
    "seq2seq": (
        Figure("Tatoeba, English to Chinese, small, five minutes", "BLEU 19.8 (greedy 18.7)", "the nearest known sentence 17.2"),
        Figure("the same, LSTM", "BLEU 6.3", "the nearest known sentence 17.2", lost=True),
        Figure("BBC news, text to title, from scratch", "ROUGE-L 0.045", "the nearest known title 0.165", lost=True),
        Figure("decoding, one source, width 256, tokens a second", "1,664", "a Keras loop with model.predict 20; Marian 341"),
        Figure("the same, 16 sources and four beams", "2,910", "Transformers' Marian of that shape 1,553"),
    ),
    "question_answering": (
        Figure("XQuAD, English, 48 passages, from scratch", "F1 0.208", "the longest number or name 0.225", lost=True),
        Figure("XQuAD, Chinese, 5 folds, from scratch", "F1 0.246", "the longest number or name 0.216"),
        Figure("XQuAD, English, 5 folds, upon MiniLM, three passes", "F1 0.316", "the longest number or name 0.203"),
        Figure("XQuAD, English, 48 passages, upon MiniLM, four passes", "F1 0.393", "the longest number or name 0.225"),
    ),
    "forecaster": (
        Figure("ETTh1, 96 hours to the next 96, LSTM", "MSE 0.3837", "ridge regression 0.383; the last value 1.294", lost=True),
        Figure("three shares, 20 days", "MSE 0.577", "a random walk 0.509", lost=True),
    ),
    "recommender_mf": (
        Figure("MovieLens small, ratings, 5 folds", "RMSE 0.8558", "wanted 0.87; item-kNN 0.8421 on its tenth", lost=True),
        Figure("the same, each person's last film", "recall@20 0.108, nDCG@20 0.043", "item-kNN 0.116, 0.044", lost=True),
    ),
    "recommender_gnn": (
        Figure(
            "MovieLens small, each person's last film", "recall@20 0.115, nDCG@20 0.045",
            "recommender_mf 0.108, 0.043; item-kNN 0.116, 0.044: no difference beyond chance", lost=True,
        ),
    ),
    "recommender_content": (
        Figure(
            "MovieLens small, each person's last film", "recall@20 0.121, nDCG@20 0.049",
            "item-kNN 0.116, 0.044: no difference beyond chance", lost=True,
        ),
        Figure(
            "the same, titles read by MiniLM, too", "recall@20 0.134, nDCG@20 0.054",
            "item-kNN 0.116, 0.044: no difference beyond chance", lost=True,
        ),
        Figure("the same, films that nothing is learnt of, among themselves", "recall@20 0.268, with MiniLM 0.332", "chance 0.037"),
        Figure(
            "MovieLens 100K, people by age, gender and profession alone", "nDCG@10 0.533, recall@20 0.111",
            "what is popular 0.541, 0.131", lost=True,
        ),
    ),
    "recommender_sequence": (
        Figure(
            "MovieLens small, each person's last film", "recall@20 0.110, nDCG@20 0.043",
            "item-kNN 0.116, 0.044: no difference beyond chance", lost=True,
        ),
    ),
}  # fmt: skip


def figures_table(recipe: str) -> list[str]:
    """Lines of a section; [] of a recipe that has not been measured."""
    if recipe not in REACHED:
        return []
    rows = [
        f"| {each.data} | {each.reached} | {f'**{each.beside}**' if each.lost else each.beside} |"
        for each in REACHED[recipe]
    ]
    told = "Bold: what is better than this, or was wanted and not reached. Commands, machines, costs: "
    told += "[RESULTS.md](../benchmarks/RESULTS.md)."
    return ["### Measured", "", told, "", "| data | reached | beside it, or wanted |", "|---|---|---|", *rows, ""]
