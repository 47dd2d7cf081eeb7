"""create_app: wires settings, store, volume, API and pages together. Opens no connection by itself."""

import logging
from typing import IO, Any

from flask import Request, request
from flask_openapi3.models.info import Info
from pydantic import ValidationError
from werkzeug.middleware.proxy_fix import ProxyFix

from shared.errors import InvalidParams, Problem
from shared.jobs.store import JobStore
from shared.settings import Settings, load_settings
from shared.volume.volume import Volume
from web import access, api, bodies, docs_page, headers, identity, openai_api, pages, problems, rates
from web.docs_page import DocumentedApp
from web.job_request import problems_of_params
from web.pages.guard import refuse_cross_site
from web.parts import Parts
from web.problems import ProblemDocument
from web.seats import Seats
from web.services import Services
from web.wakeup import make_waker

log = logging.getLogger(__name__)


def create_app(settings: Settings | None = None) -> DocumentedApp:
    """Build the application. settings: read from the environment when left out. Raises SettingsInvalid."""
    settings = settings or load_settings()
    volume = Volume(settings.data)
    volume.ensure()
    app = DocumentedApp(
        "web",
        info=Info(
            title="Trainyard",
            version="1",
            description="Submit trainings and generations, watch them, use every checkpoint. "
            "Errors are RFC 9457 problem+json; under /v1, which speaks as OpenAI does, theirs.",
        ),
        security_schemes={"key": {"type": "http", "scheme": "bearer", "description": "An API key, ty_..."}},
        doc_prefix="/openapi",
        doc_url="/openapi.json",
        validation_error_status=422,
        validation_error_model=ProblemDocument,
        validation_error_callback=_refuse,
        static_folder=None,
    )
    app.url_map.strict_slashes = False  # an address with a slash too many is the same one
    app.request_class = _request_class(volume)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    limits = rates.Rates(settings)
    app.extensions["trainyard"] = Services(
        settings, JobStore.connect(settings), volume, make_waker(settings), Seats(settings.web_threads), limits
    )
    if settings.proxies:
        n = settings.proxies
        named = n if settings.login else 0  # without a login the name is what keeps other sites' pages out
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=n, x_proto=n, x_host=named)  # type: ignore[method-assign]
    identity.register(app)  # first of all: who is asking
    app.before_request(lambda: refuse_cross_site(request))
    rates.register(app, limits)
    access.register(app)
    bodies.register(app, settings)
    problems.register(app)
    docs_page.register(app)
    app.after_request(headers.add_headers)
    api.register(app)
    openai_api.register(app)
    pages.register(app)

    @app.get("/openapi.json", doc_ui=False)
    def openapi_document() -> Any:
        return app.api_doc

    return app


def _refuse(err: ValidationError) -> Any:
    failure = InvalidParams(problems.from_validation(err).problems + _also_wrong())
    return problems.answer(failure.status, failure.code, failure.message, failure.problems)


def _also_wrong() -> list[Problem]:
    """What is wrong with a submission's params, so that a body with other problems names all of them at once."""
    body = request.get_json(silent=True) if request.endpoint == "api_jobs.submit_job" else None
    kind, recipe, params = (body.get(name) for name in ("kind", "recipe", "params")) if body else (None, None, None)
    use = body.get("use", "") if body else ""
    if kind in ("train", "generate") and isinstance(recipe, str) and isinstance(params, dict) and isinstance(use, str):
        return problems_of_params(kind, recipe, params, use)
    return []


def _request_class(volume: Volume) -> type[Request]:
    """Requests whose uploads are streamed to a nameless file on the volume's own file system, never held in memory."""

    class VolumeRequest(Request):
        def __init__(self, *args: Any, **kwargs: Any):
            super().__init__(*args, **kwargs)
            self.parts = Parts(volume.root / "datasets")  # closed by web/bodies.py when the request is over

        def _get_file_stream(self, *_: Any, **__: Any) -> IO[bytes]:
            return self.parts.next()

    return VolumeRequest
