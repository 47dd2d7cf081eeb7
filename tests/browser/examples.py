"""Tables and addresses that the tests of forms share."""

import io
import re

from playwright.sync_api import Page

from shared.datasets import Limits, import_dataset
from tests.support.web_site import Site

HOUSES = "price;city;rooms;id;about it\n" + "\n".join(
    f"{100_000 + n * 137};{'上海' if n % 3 else '北京'};{n % 5};x{n:04d};a house of {n} words with a garden"
    for n in range(60)
)
SHIPS = "tons;flag\n" + "\n".join(f"{n * 10};{'de' if n % 2 else 'cn'}" for n in range(60))
NEW = "/jobs/new?kind=train&recipe=picky"


def table(site: Site, name: str, text: str) -> str:
    return import_dataset(site.volume, Limits(), [(name, io.BytesIO(text.encode()))], name=name).id


def job_of(site: Site, page: Page):
    page.wait_for_url(re.compile(r"/jobs/[0-9a-z]{26}$"))
    return site.store.get(page.url.rsplit("/", 1)[1])
