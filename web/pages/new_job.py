"""The submission form: choose what to do, give it what the recipe's spec asks for, submit."""

import contextlib
from dataclasses import dataclass, replace
from typing import IO, Any

from flask import redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug.wrappers import Response

from shared.clock.estimate import Estimate
from shared.errors import ClientError, NotFound, Problem
from shared.ids import new_id
from shared.jobs.job import DATA, MODEL, Job
from shared.jobs.queues import expected, queues
from shared.outputs import Output
from shared.recipes import RECIPES, get_recipe
from shared.recipes.base import Use
from shared.volume.files import FileInfo
from web import access
from web.forms import Form, build_form
from web.job_body import JobBody
from web.job_inputs import names_a_base
from web.job_request import build_request, look_into, problems_of_params
from web.pages.draft import Draft, body_of, draft_asked_for, once
from web.pages.formatting import plural
from web.pages.outputs.places import beside
from web.pages.reach import pages, services, store
from web.pages.roles import Role, choice_of, offers, roles, words_of
from web.pages.row_form import fill_cells, without_what_means_nothing
from web.pages.uploading import examples, most_bytes, offered_formats, take_upload
from web.posted import read_values
from web.problems import from_validation
from web.submission import submit
from web.taking import take_file

_MOST_WAITED_FOR = 30


@dataclass(frozen=True)
class Expected:
    """How long a job would take, and what there is to see of it before. eta: None where that is not yet known."""

    eta: Estimate | None
    outputs: list[Output]


_OWN_FIELDS = {
    "name": "name",
    "priority": "priority",
    "after": "after",
    "deadline_at": "hours",
}  # field -> id of its input


@pages.get("/jobs/new")
def new_job() -> str:
    """Show the choice of recipes and models, or the form of the one chosen."""
    draft = draft_asked_for(request.args)
    if draft is not None:
        return _show(draft)
    dataset = _dataset(request.args.get("dataset", ""))
    return render_template(
        "new_job.html",
        active="jobs",
        recipes=[spec for spec in RECIPES.values() if dataset is None or dataset.format in spec.formats],
        dataset=dataset,
        uses=_uses_of(dataset) if dataset else [],
        sources=offers() if dataset is None else [],
    )


def _dataset(dataset_id: str) -> Any:
    with contextlib.suppress(NotFound):
        return access.dataset(dataset_id) if dataset_id else None
    return None


def _uses_of(dataset: Any) -> list[dict[str, str]]:
    """What models can do with a whole dataset."""
    found = []
    for model in access.models():
        spec = RECIPES.get(model.recipe)
        for name, use in spec.uses.items() if spec else ():
            if any(dataset.format in taken.formats for taken in use.inputs):
                url = url_for("pages.new_job", kind="generate", model=model.id, use=name, dataset=dataset.id)
                found.append({"title": f"{use.verb} with {model.name}", "about": use.help, "url": url})
    return found


@pages.get("/jobs/new/inputs")
def new_job_inputs() -> str:
    """Render again what depends on the inputs picked: reports and pickers of columns. The form's script takes them over."""
    args = request.args
    kind = "generate" if args.get("kind") == "generate" else "train"
    keys = {name.removeprefix("inputs."): key for name, key in args.items() if name.startswith("inputs.")}
    draft = Draft(kind, get_recipe(args.get("recipe", "")), args.get("use", ""), keys)
    shown = roles(draft.spec, draft.inputs, keys, fixed=(MODEL,), learns=draft.kind == "train")
    return render_template("new_job_inputs.html", roles=shown, form=_form(draft, shown))


def _form(draft: Draft, shown: list[Role]) -> Form:
    columns = {role.taken.role: role.picked.report.columns for role in shown if role.picked}
    form = build_form(draft.params_model, draft.values, draft.problems, columns=columns, find_file=find_file)
    for item in form.fields:
        if item.widget == "rows" and draft.keys.get(MODEL):
            fill_cells(draft.spec, draft.keys[MODEL], item)
    if draft.keys.get(MODEL):
        without_what_means_nothing(draft.keys[MODEL], form)
    if _upon_base(draft):
        form.leave_out(lambda item: item.trained)
        for item in form.fields:
            item.needed = item.needed or item.needed_of_base
    return form


def _upon_base(draft: Draft) -> bool:
    return MODEL in draft.keys and names_a_base(choice_of(draft.keys[MODEL]))


def _offered(draft: Draft) -> dict[str, Use]:
    """What can be done with the model that is chosen; with a base as it came not all."""
    found = draft.spec.uses
    return {
        name: use
        for name, use in found.items()
        if not _upon_base(draft) or draft.spec.inputs_of("generate", name)[0].bases
    }


def find_file(file_id: str) -> FileInfo | None:
    """What is known of an uploaded file; None for one that is gone."""
    try:
        return access.file(file_id)[0]
    except NotFound:
        return None


def _show(draft: Draft) -> str:
    fixed = (MODEL,) if draft.kind == "generate" else ()
    shown = roles(draft.spec, draft.inputs, draft.keys, draft.problems, fixed, learns=draft.kind == "train")
    form = _form(draft, shown)
    own = {field: [p.message for p in draft.problems if p.field.split(".")[0] == field] for field in _OWN_FIELDS}
    name, about = words_of(draft.keys.get(MODEL, "")) if draft.kind == "generate" else ("", "")
    return render_template(
        "new_job_form.html",
        active="jobs",
        draft=draft,
        recipe=draft.spec,
        uses=_offered(draft),
        roles=shown,
        form=form,
        problems=draft.problems,
        ids=_ids(form, shown, draft),
        own_problems=own,
        idempotency_key=new_id(),
        model_name=name,
        model_about=about,
        formats={role.taken.role: offered_formats(role.taken.formats) for role in shown if role.taken.formats},
        examples={  # they are what is learnt from, not what may be told beside it
            role.taken.role: examples(role.taken.formats, draft.spec.name, fill=draft.kind == "train")
            for role in shown
            if role.taken.formats and role.taken.role == DATA
        },
        most_bytes=most_bytes(),
        unfinished=_unfinished(),
        queue_note=_queue_note(draft.kind),
        expected=_expected(draft),
        no_place=beside(""),  # what is foreseen has no files
    )


@pages.post("/jobs/new/expected")
def expected_job() -> str:
    """Send how long the job in the form would take and what it would learn from, for its script; nothing is submitted."""
    form = request.form
    kind = "generate" if form.get("kind") == "generate" else "train"
    draft = Draft(kind, get_recipe(form.get("recipe", "")), form.get("use", "") if kind == "generate" else "")
    for taken in draft.inputs:
        draft.keys[taken.role] = form.get(f"inputs.{taken.role}", "")
    draft.values, problems = read_values(draft.params_model, form, request.files, _no_file)
    return render_template(
        "new_job_reply.html", expected=_expected(draft) if not problems else None, no_place=beside("")
    )


def _no_file(name: str, stream: IO[bytes]) -> FileInfo:
    raise NotFound(f"{name} is not sent along when only time is asked for")


def _expected(draft: Draft) -> Expected | None:
    """How long the job would take as it stands, and what is seen of it; None where it cannot be submitted so."""
    problems: list[Problem] = []
    try:
        wanted, seen = look_into(services(), JobBody.model_validate(body_of(draft, problems)))
    except (ValidationError, ClientError):
        return None
    return None if problems else Expected(expected(store(), wanted), seen.outputs)


def _ids(form: Form, shown: list[Role], draft: Draft) -> dict[str, str]:
    """For each problem's field the id of the input it is about."""
    ids = {f.path: f.id for f in form.fields} | {role.name: role.id for role in shown} | _OWN_FIELDS
    for problem in draft.problems:
        parent = ".".join(problem.field.split(".")[:2])
        if parent in ids:
            ids[problem.field] = ids[parent]
    return ids


def _unfinished() -> list[Job]:
    """Jobs that another may wait for, newest first."""
    return [
        job
        for state in ("running", "queued", "paused")
        for job in access.list_jobs(state=state, limit=_MOST_WAITED_FOR).jobs
    ]


def _queue_note(kind: str) -> str:
    queue = next(q for q in queues(store()) if q.name == kind)
    if not queue.workers:
        return f"No worker serves queue {kind} at the moment; the job waits for one."
    if queue.ready:
        return f"{plural(queue.ready, 'job')} already wait{'s' if queue.ready == 1 else ''} on {kind}."
    return ""


@pages.post("/jobs/new")
def submit_job() -> Response | tuple[str, int]:
    """Submit the form; refused, it comes back with every problem at its field and all input kept, files included.

    The address is that of the empty form, so that a refused one can be loaded again and gone back to.
    """
    draft, seen = _posted()
    problems: list[Problem] = list(seen)
    if not any(p.field.startswith("inputs.") for p in seen):
        try:
            body = JobBody.model_validate(body_of(draft, problems))
            wanted = build_request(services(), body)
            if not problems:
                # what is drawn or counted from now (a seed, a deadline) is no difference between two presses of one form
                asked = body.model_copy(update={"deadline_at": None})
                job, _ = submit(services(), wanted, once(request.form.get("idempotency_key", ""), draft), asked)
                return redirect(url_for("pages.job", job_id=job.id))
        except ValidationError as err:
            also = problems_of_params(draft.kind, draft.spec.name, draft.values, draft.use)
            problems += _further(from_validation(err).problems + also, seen)
        except ClientError as err:
            problems += _further(err.problems or [Problem(field="", message=err.message)], seen)
    return _show(replace(draft, problems=tuple(problems))), 422


def _posted() -> tuple[Draft, list[Problem]]:
    """The draft that was posted, with the files that came along taken in, and what was wrong with those."""
    form = request.form
    kind = "generate" if form.get("kind") == "generate" else "train"
    draft = Draft(kind, get_recipe(form.get("recipe", "")), form.get("use", "") if kind == "generate" else "")
    problems: list[Problem] = []
    for taken in draft.inputs:
        name = f"inputs.{taken.role}"
        draft.keys[taken.role] = form.get(name, "")
        if any(upload.filename for upload in request.files.getlist(f"upload.{taken.role}")):
            try:
                only = taken.formats[0] if len(taken.formats) == 1 else ""  # else told from the files
                draft.keys[taken.role] = take_upload(f"upload.{taken.role}", format=only).id
            except ClientError as err:
                found = err.problems or [Problem(field="", message=err.message)]
                problems += [p.model_copy(update={"field": name}) for p in found]
    draft.values, seen = read_values(draft.params_model, form, request.files, _save)
    for own in ("name", "priority", "after", "hours"):
        setattr(draft, own, form.get(own, ""))
    return draft, problems + seen


def _save(name: str, stream: IO[bytes]) -> FileInfo:
    return take_file(services(), name, stream)


def _further(problems: list[Problem], seen: list[Problem]) -> list[Problem]:
    """Those of the problems that are not about files which are refused already, and so are missing."""
    fields = tuple(problem.field for problem in seen)
    return [problem for problem in problems if not (fields and problem.field.startswith(fields))]
