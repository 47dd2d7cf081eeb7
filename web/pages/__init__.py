"""The pages people see. Server-rendered; the scripts in web/static only make them live.

    jobs, new_job, job, datasets, models, bases, workers, api_keys, sign_in, assets     the views, one file each
    job_view, job_output, judging, report_view, draft, roles, uploading          what they say and take, in plain functions
    outputs/                                                                     how anything a job made is shown
    reach, formatting, guard                                                     what all of them use

web/app.py calls register(app) once. Views read through the same store, volume and submission functions as the JSON API.
"""

from flask import Flask

from web.pages import api_keys, assets, bases, datasets, formatting, job, jobs, models, new_job, sign_in, workers
from web.pages.outputs import FILTERS as OUTPUT_FILTERS
from web.pages.outputs import gallery
from web.pages.reach import API, pages, recipe_title, use_title

__all__ = ["register"]

# importing them adds their routes to the blueprint
_VIEWS = (api_keys, assets, bases, datasets, gallery, job, jobs, models, new_job, sign_in, workers)


def register(app: Flask) -> None:
    """Add the pages to an application."""
    app.jinja_env.filters.update(formatting.FILTERS)
    app.jinja_env.filters.update(datasets.FILTERS)
    app.jinja_env.filters.update(OUTPUT_FILTERS)
    app.jinja_env.globals.update(
        static_url=assets.static_url,
        plotly_url=assets.plotly_url,
        recipe_title=recipe_title,
        use_title=use_title,
        api=API,
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.register_blueprint(pages)
