"""How a watched job looks: LiveView draws over a few lines of a terminal, PlainView writes one line after another."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

from cli.client import Client
from cli.outputs import in_folder, show
from cli.results import privacy_said, verdict_said
from cli.screen import bar, char_width, colour, columns, cut, one_line, plain, seconds, sparkline
from cli.time_left import time_said
from shared.clock.estimate import Estimate
from shared.clock.words import left_said, phase_said
from shared.outputs import Output

_SAMPLE_LINES = 6
_MOST_OUTPUTS = 5  # of a training, on a terminal; `trainyard outputs` has all
_PLAIN_EVERY_S = 2.0
_STATE_COLOURS = {"succeeded": "green", "failed": "red", "cancelled": "yellow", "paused": "yellow"}
_VERDICT_COLOURS = {True: "green", False: "red", None: "yellow"}


class View:
    """What both have in common: facts kept, texts made of them. Subclasses write."""

    def __init__(self, out: TextIO):
        self.out = out
        self.progress: dict[str, Any] = {}
        self.curve: list[float] = []
        self.why = ""
        self.job_id = ""
        self.written = ""  # what has come of the first text that a generation writes
        self._criterion = ""

    def __enter__(self) -> "View":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.draw()

    def say(self, text: str) -> None:
        """Write lines that stay."""
        print(text, file=self.out, flush=True)

    def draw(self) -> None:
        """Bring what is shown up to date."""

    def begin(self, job: dict[str, Any], rows: Sequence[dict[str, Any]], criterion: str) -> None:
        """What is watched. rows: its curves so far. criterion: the metric that is to get better."""
        self.job_id, self._criterion = job["id"], criterion
        self.curve = [float(row[name]) for row in rows if (name := self.curve_name(row)) and row[name] is not None]
        name = f" {job['name']!r}" if job["name"] else ""
        use = f" ({job['use']})" if job["use"] not in ("", "generate") else ""
        self.say(plain(f"{job['kind']}{use} {job['recipe']}{name}, job {job['id']}"))

    def curve_name(self, metrics: dict[str, Any]) -> str:
        """Which of some metrics is drawn: what the criterion is in training, which comes more often; else the criterion."""
        while_training = self._criterion.removeprefix("val_")
        return next((name for name in (while_training, self._criterion) if name in metrics), "")

    def waiting(self, job: dict[str, Any]) -> None:
        """It is queued: position, when it starts, why it waits."""
        standing = job["standing"]
        self.progress = {}
        text = "; ".join([standing["why"], *time_said(standing, job["state"])])
        if text != self.why:
            self.why = text
            self.draw()

    def gap(self, reason: str) -> None:
        self.say(f"connection lost ({reason}); trying again" if reason else "connected again")

    def take(self, event: dict[str, Any]) -> None:
        """Show an event."""
        data = event["data"]
        match event["type"]:
            case "progress":
                self._progress(event)
            case "claimed":
                self.why = ""
                self.say(f"attempt {event['attempt']} on {data.get('worker')} ({data.get('device')})")
            case "sample":
                self._sample(data)
            case "output":
                if not data.get("index"):
                    self.written += data.get("text", "")
            case "note":
                self.say(plain(f"{data.get('level', 'info')}: {data.get('message')}"))
            case "requeued":
                self.written = ""  # the next attempt says everything again
                self.say(plain(f"back in the queue: {data.get('message') or data.get('cause')}"))
            case "pause_requested" | "cancel_requested":
                self.say(event["type"].replace("_", " "))
        self.draw()

    def _progress(self, event: dict[str, Any]) -> None:
        self.progress = event["data"]
        metrics = self.progress.get("metrics") or {}
        name = self.curve_name(metrics)
        if name and metrics[name] is not None:
            self.curve.append(float(metrics[name]))

    def _sample(self, data: dict[str, Any]) -> None:
        title, text = data.get("title") or "sample", data.get("text") or ""
        if text in ("", title):  # a picture, say
            text = f"`trainyard samples {self.job_id} --step {data.get('step')}` shows it"
        self.say(colour(plain(f"step {data.get('step')}, {title}:"), "grey", self.out))
        lines = plain(text).splitlines()
        limit = columns(self.out)
        shown = lines if limit is None else [cut(line, limit - 4) for line in lines[:_SAMPLE_LINES]]
        for line in shown:
            self.say(f"  │ {line}")
        if len(lines) > len(shown):
            self.say(f"  │ … {len(lines) - len(shown)} more lines")

    def made(self, client: Client, job: dict[str, Any], outputs: Sequence[Output]) -> None:
        """What an ended job has made; of a training on a terminal no more than the first few."""
        self.progress, self.why, self.written = {}, "", ""
        self.draw()
        few = job["kind"] == "train" and columns(self.out) is not None
        shown = outputs[:_MOST_OUTPUTS] if few else outputs
        show(shown, self.out, in_folder(client, f"/jobs/{job['id']}/artifacts"), aside=self.out)
        if len(outputs) > len(shown):
            self.say(f"… {len(outputs) - len(shown)} more: trainyard outputs {job['id']}")

    def end(self, job: dict[str, Any]) -> None:
        """The last words on a job."""
        self.progress, self.why, self.written = {}, "", ""
        self.draw()
        state = colour(job["state"], _STATE_COLOURS.get(job["state"], "grey"), self.out)
        error = job.get("error")
        if error:
            where = f" at step {error['step']}" if error.get("step") is not None else ""
            self.say(f"{state}{where}: {plain(error['message'])} ({error['code']})")
        elif job["state"] == "paused":
            self.say(f"{state}; go on with `trainyard resume {job['id']}`")
        else:
            self.say(f"{state} after {_run_time(job)}{_metrics_text(_result_metrics(job))}{self._best(job)}")
            if sentence := verdict_said(job.get("result")):
                self.say(colour(plain(sentence), _VERDICT_COLOURS[job["result"]["verdict"]["better"]], self.out))
            if sentence := privacy_said(job.get("result")):
                self.say(plain(sentence))

    def _best(self, job: dict[str, Any]) -> str:
        result = job.get("result") or {}
        if result.get("best_value") is None or not self._criterion:
            return ""
        return f"; best {self._criterion} {result['best_value']:.4g} at step {result['best_step']:,}"

    def status(self) -> list[str]:
        """The lines that say how it stands now."""
        if self.why:
            return [f"queued: {self.why}"]
        if not self.progress:
            return []
        p = self.progress
        parts = [phase_said(p["phase"])]
        if p.get("total_steps") and p["phase"] == "training":
            parts = [f"step {p['step']:,} of {p['total_steps']:,}"]
            if p.get("epoch") is not None and p.get("total_epochs"):
                parts.append(f"epoch {p['epoch']} of {p['total_epochs']}")
        if p.get("steps_per_s"):
            parts.append(f"{p['steps_per_s']:.3g} steps/s")
        if p.get("eta"):
            parts.append(left_said(Estimate.model_validate(p["eta"])))
        return [", ".join(parts)]


class PlainView(View):
    """One line at most every two seconds, and only for what is new since watching began."""

    def __init__(self, out: TextIO):
        super().__init__(out)
        self._since = self._last = datetime.now(UTC).timestamp()
        self._said: Sequence[str] = ()

    def _progress(self, event: dict[str, Any]) -> None:
        super()._progress(event)
        at = datetime.fromisoformat(event["at"]).timestamp()
        phase = (self.progress["phase"],)
        if at < self._since - 5 or (at - self._last < _PLAIN_EVERY_S and phase == self._said):
            return
        self._last, self._said = at, phase
        self.say(f"{self.status()[0]}{_metrics_text(self.progress.get('metrics'))}")

    def draw(self) -> None:
        if self.why and self._said != (self.why,):
            self._said = (self.why,)
            self.say(self.status()[0])


class LiveView(View):
    """Lines that stay scroll by above; below them a bar, the rate and the loss are drawn over and over."""

    def __init__(self, out: TextIO):
        super().__init__(out)
        self._drawn = 0  # lines of the block on the screen

    def _clear(self) -> None:
        if self._drawn:
            self.out.write(f"\x1b[{self._drawn}F\x1b[J")
            self._drawn = 0

    def say(self, text: str) -> None:
        self._clear()
        super().say(text)
        self.draw()

    def draw(self) -> None:
        self._clear()
        lines = self.block((columns(self.out) or 80) - 1)
        self._drawn = len(lines)
        self.out.write("".join(f"{line}\n" for line in lines))
        self.out.flush()

    def block(self, limit: int) -> list[str]:
        """The lines drawn below, each within `limit` columns."""
        lines = [cut(one_line(line), limit) for line in self.status()]
        p = self.progress
        if p.get("total_steps"):
            share = p["step"] / p["total_steps"]
            drawn = bar(share, min(30, limit // 3))
            lines = [cut(f"{drawn} {share:4.0%}  {line}", limit) for line in lines]
        name = self.curve_name(p.get("metrics") or {})
        if self.curve and name:
            text = f"{name} {self.curve[-1]:.4g} "
            others = _metrics_text({k: v for k, v in p["metrics"].items() if k != name}).lstrip(",")
            room = max(limit - len(text) - sum(map(char_width, others)) - 1, 0)
            lines.append(cut(f"{text}{sparkline(self.curve, min(room, 40))}{others}", limit))
        if self.written:
            lines.append(cut(f"… {one_line(self.written[-limit:])}", limit))
        return lines


def _metrics_text(metrics: dict[str, float] | None) -> str:
    return "".join(f", {name} {value:.4g}" for name, value in (metrics or {}).items())


def _result_metrics(job: dict[str, Any]) -> dict[str, float]:
    metrics = (job.get("result") or {}).get("metrics") or {}
    return {name: value for name, value in metrics.items() if isinstance(value, int | float)}


def _run_time(job: dict[str, Any]) -> str:
    if not (job.get("started_at") and job.get("finished_at")):
        return "0 s"
    passed = datetime.fromisoformat(job["finished_at"]) - datetime.fromisoformat(job["started_at"])
    return seconds(passed.total_seconds())
