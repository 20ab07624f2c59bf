"""The example's worker with faults. The name of a job's bundle selects the fault; other names are handled without one."""

import os
import time

import worker
from celery.utils.log import get_task_logger

log = get_task_logger(__name__)
app = worker.app

# After this time Redis returns the job of a dead worker to the queue. The example's own setting is longer than any test.
if "VISIBILITY_SECONDS" in os.environ:
    app.conf.broker_transport_options = {"visibility_timeout": int(os.environ["VISIBILITY_SECONDS"])}

answer, upload, report = worker.answer, worker.upload, worker.report

# The current job. A worker with one process runs only one job at a time.
at_hand = {}
enqueued_again = set()


def misbehaving_answer(job):
    at_hand.clear()
    at_hand.update(job)
    request = worker.compile_bundle.request
    if job["bundle"] == "twice" and request.id not in enqueued_again:
        enqueued_again.add(request.id)
        queue = request.delivery_info["routing_key"]
        app.send_task(worker.compile_bundle.name, kwargs=job, task_id=request.id, queue=queue, argsrepr="()", kwargsrepr="")
    if job["bundle"] == os.environ.get("HANG_OVER"):
        log.info("hangs over %s", job["correlationId"])
        time.sleep(3600)
    return answer(job)


def misbehaving_upload(url, digest, media_type, content):
    if at_hand["bundle"] == "flipped":
        content = bytes([content[0] ^ 1]) + content[1:]
    return upload(url, digest, media_type, content)


def misbehaving_report(url, body):
    bundle = at_hand["bundle"]
    if bundle == "late" and at_hand["attempt"] == 1:
        time.sleep(max(0, worker.deadline(at_hand).timestamp() - time.time()) + 0.5)
    if bundle == "misnamed":
        [artifact] = body["artifacts"]
        last = "1" if artifact["digest"].endswith("0") else "0"
        body = {**body, "artifacts": [{**artifact, "digest": artifact["digest"][:-1] + last}]}
    first = report(url, body)
    if bundle == "twice":
        log.info("%s said again: %s", at_hand["correlationId"], "counts" if report(url, body) else "counts no more")
    return first


worker.answer, worker.upload, worker.report = misbehaving_answer, misbehaving_upload, misbehaving_report
