"""Addresses of the files that outputs name: a plain name lies beside the outputs, "file:<id>" is an uploaded file."""

from collections.abc import Callable
from urllib.parse import quote

from web.representation import API

Place = Callable[[str], str]

_UPLOADED = "file:"


def beside(folder: str) -> Place:
    """Files below an address such as /api/v1/jobs/<id>/artifacts."""

    def place(name: str) -> str:
        if name.startswith(_UPLOADED):
            return f"{API}/files/{quote(name.removeprefix(_UPLOADED), safe='')}/content"
        return f"{folder}/{quote(name)}"

    return place


def of_job(job_id: str) -> Place:
    """What a job has made."""
    return beside(f"{API}/jobs/{job_id}/artifacts")


def of_sample(job_id: str, attempt: int, step: int) -> Place:
    """A sample drawn while training."""
    return beside(f"{API}/jobs/{job_id}/samples/{attempt}/{step}")


def of_dataset(dataset_id: str) -> Place:
    """The preview of a dataset, whose files may lie in folders."""
    return beside(f"{API}/datasets/{dataset_id}/files")
