"""The web's source: no view reads jobs, datasets, models or files past web/access.py, which knows who may see them."""

import ast
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parents[2] / "web"
READERS = {"list_jobs", "get_many", "get_dataset", "list_datasets", "get_model", "list_models", "get_file", "counts"}
# After the route has let the request in: what waits for a job it was allowed to see, and what looks over all owners' jobs
# without showing them.
ALLOWED = {
    ("access.py", None),
    ("waiting.py", "get"),
    ("api/job_events.py", "get"),
    ("told_progress.py", "get"),
    ("api/health.py", "counts"),
}


def reads(path):
    """Names of reading calls: of the functions above, unless the file has one of that name itself, and `get` of any store."""
    tree = ast.parse(path.read_text())
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        of = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        if of == "access" or (not of and name in own):
            continue
        if name in READERS or (name == "get" and of.rstrip("()").endswith("store")):
            yield name


@pytest.mark.parametrize("path", sorted(WEB.rglob("*.py")), ids=lambda path: path.relative_to(WEB).as_posix())
def test_nothing_is_read_past_the_owner(path):
    name = path.relative_to(WEB).as_posix()
    past = {read for read in reads(path) if (name, None) not in ALLOWED and (name, read) not in ALLOWED}
    assert not past, f"web/{name} calls {', '.join(sorted(past))}: go through web/access.py"
