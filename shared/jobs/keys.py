"""Every Redis key, what it holds, and when it dies. The scripts in shared/jobs/lua/_keys.lua spell the same names.

Nothing else in the code base writes a key by hand; tests/contract/test_store.py compares this list with what is there.
"""


class Keys:
    """All keys of one installation; prefix keeps several apart on one server."""

    def __init__(self, prefix: str):
        self.prefix = prefix

    def job(self, job_id: str) -> str:
        """HASH, the record. Dies retention_s after the job ended; while it has not ended, never."""
        return f"{self.prefix}:job:{job_id}"

    def events(self, job_id: str) -> str:
        """STREAM, the newest events_kept events of a job. Dies with the record."""
        return f"{self.prefix}:events:{job_id}"

    def feed(self, job_id: str) -> str:
        """STREAM, the newest events_kept checkpoints, samples and outputs of a job. Dies a minute after the job's end: later
        readers find them on the volume."""
        return f"{self.prefix}:feed:{job_id}"

    def live(self, job_id: str) -> str:
        """STREAM, the newest progress of a job, for those who watch. Goes when the job ends."""
        return f"{self.prefix}:live:{job_id}"

    def jobs(self) -> str:
        """ZSET job id -> created_at (ms), all jobs. Entries leave when the record has died (forget_ended)."""
        return f"{self.prefix}:jobs"

    def jobs_in(self, state: str) -> str:
        """ZSET job id -> created_at (ms), jobs in a state. Entries move with the state, leave like jobs()."""
        return f"{self.prefix}:jobs:{state}"

    def ended(self) -> str:
        """ZSET job id -> when the record dies (ms). Entries leave through forget_ended."""
        return f"{self.prefix}:ended"

    def ready(self, queue: str) -> str:
        """ZSET job id -> order (lowest first), jobs that can be claimed now. Entries leave by claim, cancel, pause."""
        return f"{self.prefix}:ready:{queue}"

    def delayed(self, queue: str) -> str:
        """ZSET job id -> when it becomes ready (ms), queued jobs that wait after a fault. Leave when due."""
        return f"{self.prefix}:delayed:{queue}"

    def fair(self, queue: str) -> str:
        """HASH, virtual times of fair queueing: v:<priority>, o:<priority>:<owner>. An owner's field goes once served."""
        return f"{self.prefix}:fair:{queue}"

    def leases(self) -> str:
        """ZSET job id -> end of its lease (ms, Redis' clock), running jobs. Entries leave when running ends."""
        return f"{self.prefix}:leases"

    def jobs_of(self, owner: str, state: str = "") -> str:
        """ZSET job id -> created_at (ms), an owner's jobs, all or in a state. Entries move and leave like jobs_in()."""
        return f"{self.prefix}:owned:{owner}" + (f":{state}" if state else "")

    def jobs_of_kind(self, kind: str) -> str:
        """ZSET job id -> created_at (ms), jobs of a kind. Entries leave like jobs()."""
        return f"{self.prefix}:kind:{kind}"

    def after(self, job_id: str) -> str:
        """SET of jobs that wait for this one to succeed. Goes when it has ended, by and by where they are many."""
        return f"{self.prefix}:after:{job_id}"

    def unsettled(self) -> str:
        """HASH id of an ended job that many wait for -> how it ended. Entries leave when all have been told (the reaper)."""
        return f"{self.prefix}:unsettled"

    def deleted(self, job_id: str) -> str:
        """STRING, a mark that this job was deleted, for those who still held it. Dies after a week."""
        return f"{self.prefix}:deleted:{job_id}"

    def deadlines(self) -> str:
        """ZSET job id -> its deadline (ms). Entries leave when it has passed or the job has ended."""
        return f"{self.prefix}:deadlines"

    def kept(self) -> str:
        """HASH owner -> bytes of all files of the owner's jobs, as last measured (the reaper). Dies a day after that."""
        return f"{self.prefix}:kept"

    def uncopied(self) -> str:
        """SET of jobs whose state has changed since record.json was written. Entries leave when it is (the reaper)."""
        return f"{self.prefix}:uncopied"

    def activity(self) -> str:
        """STREAM, the newest ~1000 changes of state over all jobs: wakes readers of queued jobs. Capped."""
        return f"{self.prefix}:activity"

    def idempotency(self, owner: str, key_hash: str) -> str:
        """STRING "<job id> <hash of the request>". Dies after idempotency_ttl_s."""
        return f"{self.prefix}:idempotency:{owner}:{key_hash}"

    def session(self, token_hash: str) -> str:
        """STRING, "<id of the API key a browser has signed in with> <unix time of its end>". Dies session_ttl_s after its last
        use, and at its end."""
        return f"{self.prefix}:session:{token_hash}"

    def rates(self) -> str:
        """Prefix of the rate limits, each a STRING made by the library `limits`. Dies within two minutes."""
        return f"{self.prefix}:rate"

    def durations(self, kind: str, recipe: str) -> str:
        """LIST, seconds of the last 20 succeeded jobs, newest first: the basis of ETAs. Dies after retention_s."""
        return f"{self.prefix}:durations:{kind}:{recipe}"

    def worker(self, worker_id: str) -> str:
        """STRING, a WorkerInfo as JSON. Dies a few beats after its worker fell silent."""
        return f"{self.prefix}:worker:{worker_id}"

    def workers(self) -> str:
        """ZSET worker id -> last announced (ms). Entries leave when the worker's own key has died."""
        return f"{self.prefix}:workers"

    def slot(self, host: str, device: str) -> str:
        """STRING, id of the worker that holds a device. Dies a few beats after its worker fell silent."""
        return f"{self.prefix}:slot:{host}:{device}"

    def broker(self) -> str:
        """Prefix of what Celery writes: a LIST of wake-ups per queue, its SETs of bindings, its HASH and ZSET of messages under
        way. No expiry: as many as queues. What of it is lost is sent again."""
        return f"{self.prefix}:broker:"

    def schema(self) -> str:
        """STRING, the version (SCHEMA_VERSION) all other keys are of. One per installation, no expiry."""
        return f"{self.prefix}:schema"

    def server(self) -> str:
        """STRING, run id of the Redis server the leases were given under. One per installation, no expiry."""
        return f"{self.prefix}:server"
