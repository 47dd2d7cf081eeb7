"""Inputs by role over HTTP: what a role takes, what it refuses and how that is said."""

import io

import pytest

from shared.jobs.job import State
from shared.recipes import RECIPES
from tests.integration.test_api import problem
from tests.support.callers import Caller, name_model, publish_checkpoint, train, upload
from tests.support.uploads import classes, zipped
from web import create_app

ORDERS = "order_id,review,city,amount\n" + "".join(
    f"{i},the parcel of day {i} came on time,{('北京', '上海')[i % 2]},{i * 3}\n" for i in range(40)
)


@pytest.fixture
def call(settings, store):
    return Caller(create_app(settings))


@pytest.fixture
def poems(call):
    return upload(call).json["id"]


@pytest.fixture
def orders(call):
    return call("POST", "/api/v1/datasets", data={"file": (io.BytesIO(ORDERS.encode()), "orders.csv")}).json["id"]


@pytest.fixture
def pets(call):
    return call("POST", "/api/v1/datasets", data={"file": (io.BytesIO(zipped(classes())), "pets.zip")}).json["id"]


@pytest.fixture
def trained(call, poems, volume):
    """A checkpoint of a training that waits, as a choice."""
    return publish_checkpoint(volume, train(call, poems).json["id"], step=7).model_dump()


def generate(call, model, **more):
    return call("POST", "/api/v1/jobs", json={"kind": "generate", "inputs": {"model": model}} | more)


def test_a_dataset_may_be_named_in_three_ways(call, poems):
    for choice in (poems, {"id": poems}, {"dataset_id": poems}):
        job = call("POST", "/api/v1/jobs", json={"kind": "train", "recipe": "gpt", "inputs": {"data": choice}})
        assert job.status_code == 202, job.text
        assert job.json["inputs"] == {
            "data": {"dataset_id": poems, "base_id": None, "checkpoint": None, "model_id": None}
        }


def test_a_model_may_be_named_by_its_id_by_a_job_and_by_a_step(call, trained, volume):
    model_id = name_model(volume, "local", trained["job_id"])
    newest = publish_checkpoint(volume, trained["job_id"], step=9)
    first = {
        "checkpoint": publish_checkpoint(volume, trained["job_id"], step=1).model_dump(),
        "dataset_id": None,
        "base_id": None,
    }
    for choice in (model_id, {"model_id": model_id}):
        job = generate(call, choice)
        assert job.status_code == 202 and job.json["recipe"] == "char_lstm", job.text
        assert job.json["inputs"]["model"] == first | {"model_id": model_id}
    job = generate(call, {"job_id": trained["job_id"]})
    assert job.json["inputs"]["model"]["checkpoint"] == newest.model_dump() and job.json["use"] == "generate"
    job = generate(call, {"job_id": trained["job_id"], "step": 7})
    assert job.json["inputs"]["model"]["checkpoint"] == trained


def test_the_model_that_a_training_will_leave_can_be_named_before_it_is_there(call, poems):
    job_id = train(call, poems).json["id"]
    problem(generate(call, job_id), 422, "no model")
    waiting = generate(call, job_id, after=[job_id])
    assert waiting.status_code == 202, waiting.text
    assert waiting.json["inputs"]["model"] == {
        "model_id": job_id,
        "checkpoint": None,
        "dataset_id": None,
        "base_id": None,
    }
    other = problem(generate(call, job_id, after=[job_id], recipe="gpt"), 422)
    assert other["problems"][0]["field"] == "recipe" and "char_lstm" in other["detail"]


def test_a_dataset_of_a_wrong_format_is_refused_with_the_titles_of_those_that_would_do(call, pets, poems):
    wrong = problem(train(call, pets), 422)["problems"]
    assert [p["field"] for p in wrong] == ["inputs.data"]
    titles = {f["name"]: f["title"] for f in call("GET", "/api/v1/formats").json["formats"]}
    assert titles["pictures"] in wrong[0]["message"] and titles["text"] in wrong[0]["message"]
    wrong = problem(train(call, poems, recipe="image_classifier"), 422)["problems"]
    assert titles["pictures"] in wrong[0]["message"] and titles["idx"] in wrong[0]["message"]


def test_a_checkpoint_of_another_recipe_is_refused(call, poems, trained):
    inputs = {"data": poems, "start_from": trained}
    assert train(call, poems, inputs=inputs).status_code == 202
    wrong = problem(train(call, poems, recipe="gpt", inputs=inputs), 422)["problems"]
    assert wrong == [
        {
            "field": "inputs.start_from",
            "message": "is of recipe char_lstm; this job takes gpt",
            "file": None,
            "line": None,
        }
    ]


def test_a_training_may_begin_with_a_model_by_its_name(call, poems, trained, volume):
    publish_checkpoint(volume, trained["job_id"], step=1)
    model_id = name_model(volume, "local", trained["job_id"])
    job = train(call, poems, inputs={"data": poems, "start_from": model_id})
    assert job.status_code == 202 and job.json["inputs"]["start_from"]["model_id"] == model_id


def test_a_private_training_begins_with_no_model(call, poems, trained):
    inputs = {"data": poems, "start_from": trained}
    wrong = problem(train(call, poems, recipe="tabular", inputs=inputs, params={"epsilon": 1}), 422)["problems"]
    assert [p["field"] for p in wrong if "a private training begins anew" in p["message"]] == ["inputs.start_from"]


def test_weights_of_a_model_of_another_shape_are_refused_before_the_job_is_queued(call, poems, trained, store):
    params = {"width": 64, "vocabulary": "byte", "batch_size": 8}
    inputs = {"data": poems, "start_from": trained}
    wrong = problem(train(call, poems, inputs=inputs, params=params), 422)["problems"]
    assert [(p["field"], p["message"]) for p in wrong] == [
        (
            "inputs.start_from",
            "was trained with width 128 (here 64), vocabulary 'char' (here 'byte'): its weights do not fit; set them alike, "
            "or begin without it",
        )
    ]
    params = {"width": "wide", "layers": 3}
    wrong = problem(train(call, poems, inputs=inputs, params=params), 422)["problems"]
    told = {p["field"]: p["message"] for p in wrong}
    assert told.keys() == {"params.width", "inputs.start_from"}, "what is wrong in itself is said once"
    assert "layers 2 (here 3)" in told["inputs.start_from"] and "width" not in told["inputs.start_from"]
    assert store.counts()["queued"] == 1, "the one that was there"
    assert train(call, poems, inputs=inputs, params={"batch_size": 8}).status_code == 202, (
        "what does not make the shape"
    )


def test_weights_of_a_training_that_has_not_ended_and_of_a_named_model_are_looked_at_alike(
    call, poems, trained, volume
):
    publish_checkpoint(volume, trained["job_id"], step=1)
    body = {"name": "mine", "checkpoint": {"job_id": trained["job_id"], "step": 1}}
    named = call("POST", "/api/v1/models", json=body).json["id"]
    for model_id, after in ((named, []), (trained["job_id"], [trained["job_id"]])):
        inputs = {"data": poems, "start_from": model_id}
        wrong = train(call, poems, inputs=inputs, params={"embedding": 32}, after=after)
        assert "embedding 64 (here 32)" in problem(wrong, 422)["problems"][0]["message"]


def test_an_unknown_use_is_named_with_the_known_ones(call, trained):
    wrong = problem(generate(call, trained, use="paint"), 422)["problems"]
    assert [p["field"] for p in wrong] == ["use"] and "generate, batch, export" in wrong[0]["message"]


def test_a_use_has_roles_and_params_of_its_own(call, trained, orders):
    problem(generate(call, trained, use="batch"), 422, "inputs.data", "params.prompt")
    problem(
        generate(call, trained, params={"prompt": "x"}, inputs={"model": trained, "data": orders}), 422, "inputs.data"
    )
    body = {"use": "batch", "inputs": {"model": trained, "data": orders}, "params": {"prompt": "review"}}
    job = generate(call, None, **body)
    assert job.status_code == 202, job.text
    assert (job.json["use"], job.json["inputs"]["data"]["dataset_id"]) == ("batch", orders)
    problem(call("DELETE", f"/api/v1/datasets/{orders}"), 409, job.json["id"])


def test_a_column_that_the_dataset_has_not_is_answered_with_the_nearest(call, trained, orders):
    body = {"use": "batch", "inputs": {"model": trained, "data": orders}}
    wrong = problem(generate(call, None, **body, params={"prompt": "reviews"}), 422)["problems"]
    assert [p["field"] for p in wrong] == ["params.prompt"] and "did you mean 'review'?" in wrong[0]["message"]
    wrong = problem(generate(call, None, **body, params={"prompt": "amount"}), 422)["problems"]
    assert "column 'amount' holds numbers" in wrong[0]["message"]


def test_columns_params_inputs_and_everything_else_are_named_at_once(call, trained, orders, poems):
    body = {
        "use": "batch",
        "inputs": {"model": trained, "data": orders, "extra": poems},
        "params": {"prompt": "reviews", "temperature": -1, "bogus": 1},
        "after": ["0" * 26],
    }
    fields = [p["field"] for p in problem(generate(call, None, **body), 422)["problems"]]
    assert sorted(fields) == [
        "after.0", "inputs.extra", "params.bogus", "params.prompt", "params.temperature",
    ]  # fmt: skip


def test_a_retry_asks_for_the_same_inputs_in_the_same_roles(call, trained, orders, store):
    body = {"use": "batch", "inputs": {"model": trained, "data": orders}, "params": {"prompt": "review"}}
    job = generate(call, None, **body).json
    call("POST", f"/api/v1/jobs/{job['id']}/cancel")
    again = call("POST", f"/api/v1/jobs/{job['id']}/retry").json
    assert {name: again[name] for name in ("inputs", "use", "params", "kind")} == {
        name: job[name] for name in ("inputs", "use", "params", "kind")
    }


def test_a_retry_whose_dataset_is_gone_says_which_role_lacks_it(call, poems):
    job_id = train(call, poems).json["id"]
    call("POST", f"/api/v1/jobs/{job_id}/cancel")
    assert call("DELETE", f"/api/v1/datasets/{poems}").status_code == 204
    problem(call("POST", f"/api/v1/jobs/{job_id}/retry"), 422, "inputs.data", "no dataset")


def test_a_dataset_is_kept_for_as_long_as_a_job_needs_it(call, poems, store):
    job_id = train(call, poems).json["id"]
    problem(call("DELETE", f"/api/v1/datasets/{poems}"), 409, job_id)
    claimed = store.claim("train", worker="w", device="cpu")
    problem(call("DELETE", f"/api/v1/datasets/{poems}"), 409, job_id)
    store.finish(claimed.id, 1, State.succeeded, result={})
    assert call("DELETE", f"/api/v1/datasets/{poems}").status_code == 204


def test_recipes_tell_their_roles_uses_and_criterion(call):
    shown = {recipe["name"]: recipe for recipe in call("GET", "/api/v1/recipes").json["recipes"]}
    assert shown.keys() == RECIPES.keys()
    for name, spec in RECIPES.items():
        recipe = shown[name]
        assert recipe["criterion"] == {"metric": spec.criterion.metric, "mode": spec.criterion.mode}
        assert [i["role"] for i in recipe["inputs"]] == [i.role for i in spec.inputs_of("train")]
        assert recipe["uses"].keys() == spec.uses.keys() and recipe["verb"] == spec.verb
        if "batch" not in spec.uses:
            continue
        assert recipe["uses"]["batch"]["inputs"][0] == {
            "role": "model", "title": "Model", "help": "", "formats": [], "recipes": [name], "bases": list(spec.bases),
            "required": True,
        }  # fmt: skip
        assert recipe["uses"]["batch"]["params"]["properties"].keys() == spec.uses["batch"].params.model_fields.keys()
