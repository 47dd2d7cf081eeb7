"""Cases of recipes that tell labels or numbers from rows, for recipe_cases.py: tables and texts, private ones too."""

from tests.support.case_data import (
    ONE_ROW,
    PEOPLE,
    opinions,
    people,
)
from tests.support.recipe_case import Case, put_as

LABELLED: dict[str, Case] = {
    "tabular": Case(
        recipe="tabular",
        put=put_as("table"),
        data=people,
        params={
            "target": "earns", "features": PEOPLE, "width": 16, "layers": 2, "members": 2, "epochs": 3, "batch_size": 8,
            "class_weights": "balanced", "warmup_steps": 0, "learning_rate": 1e-2,
        },
        generate=lambda volume: {"rows": ONE_ROW},
        carries={"task": "classes"},
        bad_params=[
            {"width": 0}, {"network": "forest"}, {"folds": 1}, {"validation_fraction": 0.9}, {"members": "many"}, {"unknown": 1},
            {"target": ["age"]}, {"loss": "hinge"}, {"seed": -1}, {"dropout": 1.0}, {"learning_rate": float("nan")},
        ],
        bad_generate=[{}, {"rows": ""}, {"rows": ONE_ROW, "top_k": 0}],
        bad_data=[
            [("one_class.csv", b"age,hours,job,married,since,note,earns\n" + b"40,50,baker,yes,2020-01-01,tea,much\n" * 30)],
            [("no_target.csv", b"age,hours\n" + b"40,50\n" * 30)],
        ],
    ),
    "tabular of numbers in 2 folds": Case(
        recipe="tabular",
        put=put_as("table"),
        data=lambda: people(60),
        params={
            "target": "euros", "features": ["age", "hours", "job"], "network": "resnet", "width": 8, "layers": 1, "epochs": 3,
            "batch_size": 8, "folds": 2, "warmup_steps": 0, "learning_rate": 1e-2,
        },
        generate=lambda volume: {"rows": "age,hours,job\n40,50,baker\n,,"},
        stop_after=4,
        stages=3,
        bad_params=[{"folds": 11}, {"test_fraction": -1}],
        bad_generate=[{"rows": 3}],
        bad_data=[[("words.csv", b"age,hours,job,euros\n" + b"40,50,baker,lots\n50,,clerk,few\n" * 30 + b"1,1,clerk,once\n")]],
    ),
    "tabular, private": Case(
        recipe="tabular",
        put=put_as("table"),
        data=people,
        params={
            "target": "earns", "features": PEOPLE, "width": 8, "layers": 1, "members": 2, "epochs": 4, "batch_size": 16,
            "validation_fraction": 0.3, "class_weights": "balanced", "warmup_steps": 0, "learning_rate": 3e-2, "epsilon": 100,
        },
        generate=lambda volume: {"rows": ONE_ROW},
        noisy=True,
        carries={"task": "classes", "precision": "float32", "class_weights": "balanced", "xla": "auto", "folds": 0},
        bad_params=[{"epsilon": 0}, {"delta": 1}, {"example_clip_norm": 0}, {"beside_plain": "often"}],
        bad_generate=[{}],
        bad_data=[[("few.csv", b"age,hours,job,married,since,note,earns\n" + b"40,50,baker,yes,2020-01-01,tea,much\n" * 30)]],
    ),
    "text_classifier": Case(
        recipe="text_classifier",
        put=put_as("table"),
        data=opinions,
        params={
            "texts": ["review"], "labels": ["mood"], "width": 8, "epochs": 4, "batch_size": 8, "max_length": 12, "dropout": 0.2,
            "class_weights": "balanced", "warmup_steps": 0, "learning_rate": 1e-2,
        },
        generate=lambda volume: {"text": "a lovely room, very fine; but the food was poor and the staff awful, 太差 太差 太差"},
        bad_params=[
            {"width": 0}, {"network": "forest"}, {"tokens": "syllables"}, {"folds": 1}, {"max_length": 4}, {"labels": "mood"},
            {"label_mark": " "}, {"dropout": 1.0}, {"token_dropout": -1}, {"unknown": 1}, {"seed": -1}, {"vocabulary_size": 10},
        ],
        bad_generate=[{}, {"text": ""}, {"text": "good", "top_k": 0}],
        bad_data=[
            [("one_label.csv", b"review,mood\n" + b"a good room\nbad food\n".replace(b"\n", b",like\n") * 30)],
            [("no_label.csv", b"review\n" + b"a good room\nbad food and more\n" * 30)],
        ],
    ),
    "text_classifier, private": Case(
        recipe="text_classifier",
        put=put_as("table"),
        data=opinions,
        params={
            "texts": ["review"], "labels": ["mood"], "width": 8, "epochs": 4, "batch_size": 16, "max_length": 12,
            "validation_fraction": 0.3, "class_weights": "balanced", "warmup_steps": 0, "learning_rate": 3e-2, "epsilon": 100,
        },
        generate=lambda volume: {"text": "a lovely room, very fine; but the food was poor and the staff awful"},
        noisy=True,
        carries={"precision": "float32", "class_weights": "balanced", "xla": "auto", "folds": 0, "network": "cnn"},
        bad_params=[{"epsilon": 1000}, {"delta": -1}, {"example_clip_norm": -1}],
        bad_generate=[{}],
        bad_data=[[("no_label.csv", b"review\n" + b"a good room\nbad food and more\n" * 30)]],
    ),
    "text_classifier, private upon an encoder": Case(
        recipe="text_classifier",
        put=put_as("table"),
        data=opinions,
        weights="bert",
        params={
            "texts": ["review"], "labels": ["mood"], "method": "lora", "rank": 2, "epochs": 4, "batch_size": 16, "max_length": 24,
            "validation_fraction": 0.3, "warmup_steps": 0, "learning_rate": 3e-2, "epsilon": 100,
        },
        generate=lambda volume: {"text": "a lovely room, very fine; but the food was poor and the staff awful"},
        noisy=True,
        long=True,
        carries={"precision": "float32", "class_weights": "balanced", "xla": "auto", "folds": 0, "method": "lora"},
        bad_params=[{"epsilon": "much"}],
        bad_generate=[{"text": ""}],
        bad_data=[[("no_label.csv", b"review\n" + b"a good room\nbad food and more\n" * 30)]],
    ),
    "text_classifier upon an encoder": Case(
        recipe="text_classifier",
        put=put_as("table"),
        data=opinions,
        weights="bert",
        params={
            "texts": ["review"], "labels": ["mood"], "method": "lora", "rank": 2, "epochs": 4, "batch_size": 8, "max_length": 24,
            "dropout": 0.2, "warmup_steps": 0, "learning_rate": 1e-2,
        },
        generate=lambda volume: {"text": "a lovely room, very fine; but the food was poor and the staff awful, 太差 太差"},
        bad_params=[{"method": "prompt"}, {"pooling": "last"}, {"rank": 0}, {"encoder_share": 0}],
        bad_generate=[{"text": ""}],
        bad_data=[[("no_label.csv", b"review\n" + b"a good room\nbad food and more\n" * 30)]],
    ),
    "text_classifier of many labels in 2 folds": Case(
        recipe="text_classifier",
        put=put_as("table"),
        data=opinions,
        params={
            "texts": ["title", "review"], "labels": ["about"], "label_mark": ";", "network": "transformer", "width": 8, "heads": 2,
            "epochs": 3, "batch_size": 8, "folds": 2, "warmup_steps": 0, "learning_rate": 1e-2, "class_weights": "balanced",
            "tokens": "bpe", "vocabulary_size": 300, "token_evidence": False,
        },
        generate=lambda volume: {"text": "a good room\n床 price", "by_line": True},
        stop_after=4,
        stages=3,
        bad_params=[{"folds": 11}, {"test_fraction": -1}],
        bad_generate=[{"text": 3}],
        bad_data=[[("once.csv", b"title,review,about\n" + b"".join(b"t%d x,r%d y,label%d\n" % (i, i, i) for i in range(30)))]],
    ),
}  # fmt: skip
