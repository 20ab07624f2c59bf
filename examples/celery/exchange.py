"""Talks to Pointsman: takes the source, uploads what was made of it, and has the last word. Nothing but the standard library.

The addresses of a job hold a capability: whoever reads one can answer in this worker's place. So none is ever logged, nor put into an
error, and no redirect is followed.
"""

import http.client
import json
import urllib.error
import urllib.request
from email.utils import parsedate_to_datetime
from datetime import datetime, timezone

# Of one read or write of a socket, not of a whole call: that is the task's own time limit.
SILENCE_SECONDS = 30


class Later(Exception):
    """The network, or a server that asks for time: the same again, after a while."""

    def __init__(self, message, retry_after=None):
        super().__init__(message, retry_after)
        self.retry_after = retry_after

    def __str__(self):
        return self.args[0]


class AlreadyAnswered(Exception):
    """This attempt has its answer, from us or from another worker, or its time is over: there is nothing left to do."""


class Refused(Exception):
    """It would be the same at every attempt."""


def fetch(url, max_bytes):
    return call("GET", url, max_bytes=max_bytes)


def upload(url, digest, media_type, content):
    """Content-addressed, so that a blob that is there already is as good as a new one."""
    call("PUT", f"{url}/{digest}", content, media_type)


def report(url, body):
    """True when this is the first word, False when the same one had been said before."""
    answer = call("POST", url, json.dumps(body).encode(), "application/json", max_bytes=64 * 1024)
    try:
        return json.loads(answer).get("replayed") is not True
    except (ValueError, AttributeError):
        return True


def call(method, url, body=None, content_type=None, max_bytes=64 * 1024):
    if not url.startswith(("https://", "http://")):
        raise Refused("an address of the job is neither http nor https")
    request = urllib.request.Request(url, data=body, method=method)
    if content_type is not None:
        request.add_header("Content-Type", content_type)
    try:
        with OPENER.open(request, timeout=SILENCE_SECONDS) as response:
            content = response.read(max_bytes + 1)
    except urllib.error.HTTPError as error:
        with error:
            raise meaning(method, error) from None
    except (OSError, http.client.HTTPException) as error:
        # Its text may name the address.
        raise Later(f"{method}: {type(error).__name__}") from None
    if len(content) > max_bytes:
        raise Refused(f"{method}: the answer is larger than {max_bytes} bytes")
    return content


def meaning(method, error):
    said = f"{method}: HTTP {error.code}"
    if error.code in (409, 410):
        return AlreadyAnswered(said)
    if error.code in (408, 425, 429) or error.code >= 500:
        return Later(said, seconds(error.headers.get("Retry-After")))
    # The bytes did not arrive as they were sent.
    if error.code == 422 and method == "PUT":
        return Later(said)
    return Refused(said)


def seconds(retry_after):
    """Retry-After is a number of seconds or a date (RFC 9110, section 10.2.3). None for what is neither."""
    if retry_after is None:
        return None
    try:
        return max(0, int(retry_after))
    except ValueError:
        pass
    try:
        return max(0, (parsedate_to_datetime(retry_after) - datetime.now(timezone.utc)).total_seconds())
    except (TypeError, ValueError):
        return None


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(NoRedirects)
