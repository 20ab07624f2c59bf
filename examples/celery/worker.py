"""A Celery worker that compiles for Pointsman. README.md says how to run it.

A job may be delivered more than once: Celery does not deduplicate, a worker may die after its work and before its acknowledgement, and
Pointsman enqueues again when it does not know whether a broker took what it sent. Running one twice is harmless: blobs are named by their
content, and the second answer is told that the first one stands.
"""

import random
import time
from datetime import datetime

from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded
from celery.utils.log import get_task_logger

from artifact import ARCHIVE_BYTES, Damaged, compile_source, unpack
from exchange import AlreadyAnswered, Later, Refused, fetch, report, upload

CONTRACT = "pointsman.compile/v1"

# Longer than any source should take. The soft limit leaves time to say so.
TIME_LIMIT_SECONDS = 600
SOFT_TIME_LIMIT_SECONDS = 570

# About six minutes of trying: longer than an API takes to be deployed.
RETRIES = 10
LONGEST_WAIT_SECONDS = 60

log = get_task_logger(__name__)

# The broker's address is CELERY_BROKER_URL.
app = Celery("pointsman-compiler")
app.conf.update(
    # Nothing but JSON is read: pickle would run whatever a message says.
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    # A job is given back when the worker dies over it. One that kills every worker is discarded when its deadline has passed: that is the
    # message's "expires".
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    # One at a time: what is taken beyond that waits here while another worker is idle.
    worker_prefetch_multiplier=1,
    task_time_limit=TIME_LIMIT_SECONDS,
    task_soft_time_limit=SOFT_TIME_LIMIT_SECONDS,
    broker_connection_retry_on_startup=True,
)


if app.conf.broker_url and app.conf.broker_url.startswith("redis"):
    # Redis gives the job of a dead worker back after this; its default is an hour. It must be longer than any job takes.
    app.conf.broker_transport_options = {"visibility_timeout": TIME_LIMIT_SECONDS + 2 * LONGEST_WAIT_SECONDS}


@app.task(name="pointsman.compile", bind=True, max_retries=RETRIES)
def compile_bundle(self, **job):
    try:
        outcome = answer(job)
    except AlreadyAnswered as answered:
        outcome = f"already answered ({answered})"
    except Later as later:
        wait = wait_seconds(self.request.retries, later.retry_after)
        if time.time() + wait >= deadline(job).timestamp():
            raise
        raise self.retry(
            exc=later,
            countdown=wait,
            # Celery 5.2 can't send on the one that it got, which is text.
            expires=deadline(job),
            # Celery would show the arguments, which hold capabilities, in whatever it tells of the next attempt.
            argsrepr="()",
            kwargsrepr=job["correlationId"],
        )
    log.info("%s: %s", job["correlationId"], outcome)
    return outcome


def answer(job):
    if job.get("contract") != CONTRACT:
        raise Refused(f"this worker knows {CONTRACT} only")
    if time.time() >= deadline(job).timestamp():
        raise AlreadyAnswered("its deadline has passed")
    try:
        body = compiled(job)
    except (AlreadyAnswered, Later):
        raise
    except SoftTimeLimitExceeded:
        body = failed(f"it took longer than {SOFT_TIME_LIMIT_SECONDS} s")
    except Refused as refused:
        body = failed(str(refused))
    except Exception as error:
        # Without a word the release would wait until its deadline.
        log.exception("%s: the compiler broke", job["correlationId"])
        body = failed(f"the compiler broke: {type(error).__name__}")
    first = report(job["callback"]["url"], body)
    return body["status"] if first else f"{body['status']}, as said before"


def compiled(job):
    source = job["source"]
    try:
        files = unpack(fetch(source["url"], ARCHIVE_BYTES), source["digest"])
    except Damaged as damaged:
        raise Later(str(damaged)) from None
    blobs, manifest, diagnostics = compile_source(files)
    if diagnostics:
        return {"status": "invalid", "diagnostics": diagnostics}
    for digest, (media_type, content) in blobs.items():
        upload(job["upload"]["url"], digest, media_type, content)
    # One artifact for every channel. A compiler with overlays adds one for each channel that differs.
    return {"status": "compiled", "artifacts": [{"channel": None, "digest": manifest}]}


def failed(message):
    return {"status": "failed", "message": message[:1000]}


def deadline(job):
    return datetime.fromisoformat(job["deadline"].replace("Z", "+00:00"))


def wait_seconds(retries, retry_after):
    """Doubles, with jitter, so that jobs that failed together do not come back together. What the server asked for is not cut short."""
    own = min(LONGEST_WAIT_SECONDS, 2**retries) * random.uniform(0.5, 1)
    return max(own, retry_after or 0)
