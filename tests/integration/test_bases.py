"""Base models over HTTP, on the pages and the command line: imported, listed, given to a job, kept while it needs them, deleted."""

import dataclasses
import io
import json
import re
import shutil

import pytest

from cli.main import main
from shared.jobs.job import InputRef
from shared.jobs.models import get_model, save_model
from shared.jobs.record import warm_key
from shared.recipes import RECIPES
from shared.recipes.base import ExportParams, Input, Use
from shared.volume.files import save_file
from tests.integration.test_api import problem
from tests.support.callers import Caller, name_model, train, upload
from tests.support.picky_spec import SPEC
from tests.support.tiny_bases import FOLDER, files_of, put_base
from tests.support.tiny_gguf import write_gguf
from tests.support.tiny_pictures import folder_files
from tests.support.web_site import Site
from web import create_app

STANDING = dataclasses.replace(
    SPEC,
    name="standing",
    bases=("decoder",),
    uses={"generate": Use(ExportParams, "Say"), "export": SPEC.uses["export"]},
    inputs=(*SPEC.inputs, Input("base", "Base model", bases=("decoder",), recipes=("*",), required=False)),
)


@pytest.fixture
def call(settings, store, monkeypatch):
    monkeypatch.setitem(RECIPES, STANDING.name, STANDING)
    return Caller(create_app(settings))


def sent(call, name="qwen3", path="/api/v1/bases", field="file", **form):
    files = [(io.BytesIO(path.read_bytes()), name) for name, path in files_of(name).items()]
    return call("POST", path, data={field: files} | form)


def test_a_folder_is_uploaded_listed_and_deleted(call):
    made = sent(call, name="qwen3")
    assert made.status_code == 201, made.text
    base = made.json
    assert (base["family"], base["kind"], base["config"]["qk_norm"]) == ("qwen3", "decoder", True)
    assert made.headers["Location"] == f"/api/v1/bases/{base['id']}"
    again = sent(call, name="qwen3")
    assert again.status_code == 200 and "there already" in again.json["notes"][-1]
    (listed,) = call("GET", "/api/v1/bases").json["bases"]
    assert listed["id"] == base["id"] and listed["memory_bytes"] > 4 * listed["parameters"]
    assert call("GET", f"/api/v1/bases/{base['id']}").json["parameters"] == listed["parameters"]
    assert call("DELETE", f"/api/v1/bases/{base['id']}").status_code == 204
    assert call("GET", f"/api/v1/bases/{base['id']}").status_code == 404


def test_a_refusal_names_every_problem_by_file(call, volume):
    answer = call(
        "POST", "/api/v1/bases", data={"file": [(io.BytesIO(b"{}"), "config.json"), (io.BytesIO(b"x"), "a.bin")]}
    )
    assert (answer.status_code, answer.json["code"]) == (422, "base_invalid")
    assert {found["file"] for found in answer.json["problems"]} == {"config.json", "tokenizer.json", "a.bin"}
    assert call("POST", "/api/v1/bases", data={"name": "x"}).status_code == 415  # a form without any file
    assert list((volume.root / "bases").iterdir()) == []


def test_what_lies_in_imports_is_taken_by_its_name(call, volume, tmp_path):
    write_gguf(volume.root / "imports" / "tiny.gguf", "llama")
    assert call("GET", "/api/v1/bases").json["imports"] == ["tiny.gguf"]
    made = call("POST", "/api/v1/bases/imports", json={"path": "tiny.gguf", "name": "Tiny"})
    assert made.status_code == 201, made.text
    assert (made.json["name"], made.json["source"]) == ("Tiny", "imports/tiny.gguf")
    assert call("POST", "/api/v1/bases/imports", json={"path": "../jobs"}).status_code == 404


def train_upon(call, base, **more):
    data = call("POST", "/api/v1/datasets", data={"file": (io.BytesIO(b"a,b\n" + b"1,2\n3,4\n" * 20), "t.csv")}).json[
        "id"
    ]
    inputs = {"data": data, "base": base} | more
    return call(
        "POST",
        "/api/v1/jobs",
        json={"kind": "train", "recipe": "standing", "inputs": inputs, "params": {"target": "b"}},
    )


def test_a_job_keeps_its_base_and_a_model_built_upon_it_too(call, store, volume):
    base = sent(call, name="llama").json["id"]
    made = train_upon(call, base)
    assert made.status_code == 202, made.text
    job = made.json["id"]
    assert made.json["inputs"]["base"] == {"dataset_id": None, "base_id": base, "checkpoint": None, "model_id": None}
    refused = call("DELETE", f"/api/v1/bases/{base}")
    assert refused.status_code == 409 and "has not ended and needs this base model" in refused.json["detail"]
    assert call("POST", f"/api/v1/jobs/{job}/cancel").status_code in (200, 202)
    again = call("POST", f"/api/v1/jobs/{job}/retry", json={})
    assert again.json["inputs"]["base"]["base_id"] == base
    call("POST", f"/api/v1/jobs/{again.json['id']}/cancel")

    other = train(call, upload(call).json["id"]).json["id"]
    model_id = name_model(volume, "local", other)
    save_model(volume, get_model(volume, model_id).model_copy(update={"needs": {"base": InputRef(base_id=base)}}))
    refused = call("DELETE", f"/api/v1/bases/{base}")
    assert refused.status_code == 409 and "cannot be used without it" in refused.json["detail"]


def test_a_role_says_what_it_takes(call):
    base, dataset = sent(call, name="llama").json["id"], upload(call).json["id"]
    for choice in ({"base_id": "0" * 32}, "0" * 32):
        problem(train_upon(call, choice), 422, "inputs.base", "no base model")
    problem(train_upon(call, {"dataset_id": dataset}), 422, "inputs.base", "takes a model")
    problem(train_upon(call, base, data={"base_id": base}), 422, "inputs.data", "takes a dataset")
    spec = call("GET", "/api/v1/recipes/standing").json
    assert spec["inputs"][2]["bases"] == ["decoder"]


def test_a_base_is_used_as_it_is_where_a_recipe_can(call, store, monkeypatch):
    tuned = dataclasses.replace(RECIPES["finetune_lm"], bases=())
    monkeypatch.setitem(RECIPES, tuned.name, tuned)  # the first that can is taken: here the one that only tests know
    base = sent(call, name="llama").json["id"]
    for choice in (base, {"base_id": base}):
        made = call("POST", "/api/v1/jobs", json={"kind": "generate", "inputs": {"model": choice}})
        assert made.status_code == 202, made.text
        assert (made.json["recipe"], made.json["inputs"]["model"]["base_id"]) == ("standing", base)
    job = store.claim("generate", worker="w", device="cpu", prefer=[f"base/{base}/standing"])
    assert job is not None and warm_key(job) == f"base/{base}/standing"
    refused = call(
        "POST", "/api/v1/jobs", json={"kind": "generate", "use": "export", "inputs": {"model": {"base_id": base}}}
    )
    problem(refused, 422, "inputs.model")
    assert "Try it" in call("GET", "/bases").text
    assert f'value="{base}"' in call("GET", f"/jobs/new?kind=generate&use=generate&model={base}").text
    monkeypatch.setitem(RECIPES, "standing", dataclasses.replace(STANDING, bases=()))
    refused = call("POST", "/api/v1/jobs", json={"kind": "generate", "inputs": {"model": base}})
    problem(refused, 422, "inputs.model", "any recipe can use")


def test_what_only_a_trained_model_has_is_neither_offered_for_a_base_nor_taken(call):
    base = sent(call, name="llama").json["id"]
    page = call("GET", f"/jobs/new?kind=generate&use=generate&model={base}").text
    assert 'name="params.prompt"' in page and 'name="params.base"' not in page
    body = {"kind": "generate", "inputs": {"model": base}, "params": {"prompt": "Hi", "base": True}}
    problem(call("POST", "/api/v1/jobs", json=body), 422, "params.base", "this is the base itself")
    assert call("POST", "/api/v1/jobs", json=body | {"params": {"prompt": "Hi"}}).status_code == 202


def test_what_a_base_as_it_came_needs_is_asked_for_before_a_job_is_queued(call, volume):
    base = put_base(volume, "backbone").base_id
    page = call("GET", f"/jobs/new?kind=generate&use=generate&model={base}").text
    labels = re.findall(r"<(?:legend|label[^>]*)>(\w+) <span[^>]*>\((required)\)", page)
    assert ("Style", "required") in labels
    picture = save_file(volume, "a.png", io.BytesIO(folder_files(1)[0][1]), owner="local", max_bytes=10**6).id
    body = {"kind": "generate", "inputs": {"model": base}, "params": {"images": [picture]}}
    problem(call("POST", "/api/v1/jobs", json=body), 422, "params.style", "which has learnt none")
    given = body | {"params": {"images": [picture], "style": [picture]}}
    assert call("POST", "/api/v1/jobs", json=given).status_code == 202


def test_an_upload_is_named_by_the_folder_it_came_from(call):
    files = [(io.BytesIO(path.read_bytes()), f"my model/{name}") for name, path in files_of("llama").items()]
    base = call("POST", "/api/v1/bases", data={"file": files}).json
    assert (base["name"], base["source"]) == ("my model", "upload: the folder my model")
    unnamed = sent(call, name="qwen2").json
    assert unnamed["source"] == f"upload: {len(files_of('qwen2'))} files" and unnamed["name"] == "qwen2"


def test_an_upload_is_told_as_it_is_checked(call, volume):
    files = [(io.BytesIO(path.read_bytes()), name) for name, path in files_of("llama").items()]
    told = call("POST", "/api/v1/bases", data={"file": files}, headers={"Accept": "application/x-ndjson"})
    first, *_, last = [json.loads(line) for line in told.text.splitlines() if line]
    assert first["of"] >= first["done"] > 0
    assert last["status"] == 201 and last["body"]["family"] == "llama"
    wrong = {"file": [(io.BytesIO(b"{}"), "config.json")]}
    told = call("POST", "/api/v1/bases", data=wrong, headers={"Accept": "application/x-ndjson"})
    (last,) = [json.loads(line) for line in told.text.splitlines() if line]
    assert last["status"] == 422 and last["body"]["code"] == "base_invalid"
    (kept,) = call("GET", "/api/v1/bases").json["bases"]
    assert [path.name for path in (volume.root / "bases").iterdir()] == [kept["id"]]


def test_the_pages_import_show_and_delete(call, volume):
    laid = volume.root / "imports" / "tiny-qwen"
    laid.mkdir()
    for name, path in files_of("qwen2").items():
        shutil.copy(path, laid / name)
    assert "tiny-qwen" in call("GET", "/bases").text
    assert call("POST", "/bases/imports", data={"path": "tiny-qwen"}).status_code == 302
    (base,) = call("GET", "/api/v1/bases").json["bases"]
    shown = call("GET", f"/bases?added={base['id']}").text
    assert "is imported" in shown and "Qwen 2" in shown and "not named by its source" in shown
    assert f'value="{base["id"]}"' in call("GET", "/jobs/new?kind=train&recipe=standing").text
    made = sent(call, path="/bases", field="files", name="gemma2")
    assert made.status_code == 302, made.text
    refused = call("POST", "/bases", data={"files": (io.BytesIO(b"x"), "model.bin")})
    assert refused.status_code == 422 and "is a pickle" in refused.text
    assert call("POST", f"/bases/{base['id']}/delete").status_code == 302
    assert len(call("GET", "/api/v1/bases").json["bases"]) == 1


def test_another_owners_base_is_not_there(ann, bob):
    base = sent(ann, name="llama").json["id"]
    assert bob("GET", f"/api/v1/bases/{base}").status_code == 404
    assert bob("DELETE", f"/api/v1/bases/{base}").status_code == 404
    assert bob("GET", "/api/v1/bases").json["bases"] == []
    assert sent(bob, name="llama").status_code == 201  # his own, of the same weights


def test_the_command_line_imports_lists_and_deletes(settings, store, capsys, tmp_path):
    site = Site(settings)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["--url", site.url, "models", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    try:
        code, out, err = run("import", str(FOLDER / "llama"), "--name", "tiny")
        assert code == 2 and "expected.safetensors" in err  # the fixture's own file is none of the model's
        folder = tmp_path / "tiny-llama"
        folder.mkdir()
        for name, path in files_of("llama").items():
            shutil.copy(path, folder / name)
        code, out, err = run("import", str(folder))
        assert code == 0 and "tiny-llama, llama, " in out, err
        assert "tiny-llama" in run("bases")[1]
        assert run("delete-base", "tiny-llama")[0] == 0
        assert "no base models" in run("bases")[1]
        code, out, err = run("import", str(tmp_path / "nothing"))
        assert code == 2 and "no such file or folder" in err
    finally:
        site.stop()
