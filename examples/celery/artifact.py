"""A source becomes an artifact of the same shape as Pointsman's own: one blob a file, an index, and an OCI image manifest.

This is the part to replace with a compiler of your own. What it does is the least that is useful: JSON in canonical form, everything else
as it is. Same source in, same digests out, on any machine: whatever you put here, keep that.
"""

import hashlib
import io
import json
import re
import tarfile
import zlib
from decimal import Decimal

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
BUNDLE = "application/vnd.pointsman.bundle.v1"
INDEX = "application/vnd.pointsman.index.v1+json"
DOCUMENT = "application/vnd.pointsman.document.v1+json"

# What Pointsman takes as a source is less than this. Past it something else is at the other end.
ARCHIVE_BYTES = 48 * 1024 * 1024
UNPACKED_BYTES = 64 * 1024 * 1024
FILE_BYTES = 8 * 1024 * 1024
FILES = 10_000

# What a report may hold.
DIAGNOSTICS = 200
TEXT_CHARS = 2_000

# By the ending alone, and not by the machine's own table, which differs from one to the next.
MEDIA_TYPES = {
    "css": "text/css",
    "csv": "text/csv",
    "html": "text/html",
    "js": "text/javascript",
    "md": "text/markdown",
    "mjs": "text/javascript",
    "png": "image/png",
    "svg": "image/svg+xml",
    "toml": "application/toml",
    "txt": "text/plain",
    "xml": "application/xml",
    "yaml": "application/yaml",
    "yml": "application/yaml",
}


class Damaged(Exception):
    """The archive is not what Pointsman sent, or more than it ever sends."""


def unpack(archive, tree_digest):
    """The files of a tar.gz by their paths, in memory: what is never written to a disk can't lead out of a folder.

    The digest is that of the tree, so that it says of every byte whether it arrived.
    """
    try:
        inflate = zlib.decompressobj(wbits=31)
        unpacked = inflate.decompress(archive, UNPACKED_BYTES)
        if inflate.unconsumed_tail or not inflate.eof:
            raise Damaged("the archive is too large, or cut off")
        files = {}
        with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r:") as tar:
            for member in tar:
                if member.isdir():
                    continue
                if not member.isreg() or member.size > FILE_BYTES or len(files) == FILES:
                    raise Damaged("the archive holds what a source can not")
                files[member.name] = tar.extractfile(member).read()
    except (zlib.error, tarfile.TarError, UnicodeError) as error:
        raise Damaged("the archive can not be read") from error
    if digest_of(tree_listing(files)) != tree_digest:
        raise Damaged("the archive holds another source than the job names")
    return files


def tree_listing(files):
    return "".join(f"{path}\0{digest_of(files[path])}\n" for path in sorted(files, key=code_units)).encode()


def compile_source(files):
    """(blobs, manifest digest, diagnostics): blobs by digest as (media type, bytes). With diagnostics there is no artifact."""
    blobs, entries, diagnostics = {}, [], []

    def keep(content, media_type):
        digest = digest_of(content)
        blobs.setdefault(digest, (media_type, content))
        return {"digest": digest, "mediaType": media_type, "size": len(content)}

    for path in sorted(files, key=code_units):
        content, media_type = files[path], media_type_of(path)
        if path.lower().endswith(".json"):
            try:
                content, media_type = document(content), DOCUMENT
            except Wrong as wrong:
                diagnostics.append({"path": path, **wrong.place})
                continue
        entries.append({"path": path, **keep(content, media_type)})
    if diagnostics:
        return {}, None, diagnostics[:DIAGNOSTICS]

    index = keep(canonical({"schemaVersion": 1, "files": entries}).encode(), INDEX)
    layers = [
        {
            "annotations": {"org.opencontainers.image.title": entry["path"]},
            "digest": entry["digest"],
            "mediaType": entry["mediaType"],
            "size": entry["size"],
        }
        for entry in entries
    ]
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": BUNDLE, "config": index, "layers": layers}
    return blobs, keep(canonical(manifest).encode(), MANIFEST)["digest"], []


class Wrong(Exception):
    """Something in a document that its author can mend."""

    def __init__(self, code, message, line=1, column=1):
        super().__init__(code)
        # Control characters would be refused with the whole report.
        text = re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", "\ufffd", message)[:TEXT_CHARS]
        self.place = {"line": line, "column": column, "pointer": "", "code": code, "message": text}


def document(content):
    try:
        text = content.decode("utf-8-sig")
        return canonical(json.loads(text, object_pairs_hook=members, parse_int=whole, parse_constant=no_number)).encode()
    except UnicodeDecodeError as error:
        raise Wrong("invalid_utf8", f"byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise Wrong("json_syntax", error.msg, error.lineno, error.colno) from None
    except RecursionError:
        raise Wrong("too_deep", "the document is nested too deeply") from None


def members(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Wrong("duplicate_key", "an object has the same key twice")
    return found


def whole(text):
    """JavaScript, and so RFC 8785, has no integers: one that would change on the way is not let through."""
    if len(text) > 17 or abs(int(text)) > 2**53 - 1:
        raise Wrong("integer_out_of_range", "an integer has more digits than a number can keep")
    return int(text)


def no_number(text):
    raise Wrong("json_syntax", f"{text} is not JSON")


def canonical(value):
    """The one spelling of a value: RFC 8785."""
    if isinstance(value, dict):
        keys = sorted(value, key=code_units)
        return "{" + ",".join(f"{quoted(key)}:{canonical(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return number(value)


def quoted(text):
    if re.search("[\ud800-\udfff]", text):
        raise Wrong("lone_surrogate", "half of a character can not be written down")
    return json.dumps(text, ensure_ascii=False)


def number(value):
    """As ECMAScript writes it."""
    if value in (float("inf"), float("-inf")):
        raise Wrong("number_out_of_range", "a number is too large")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    _, digits, exponent = Decimal(repr(abs(value))).as_tuple()
    text = "".join(map(str, digits))
    point = len(text) + exponent
    text = text.rstrip("0")
    if len(text) <= point <= 21:
        return sign + text + "0" * (point - len(text))
    if 0 < point <= 21:
        return f"{sign}{text[:point]}.{text[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{text}"
    fraction = f".{text[1:]}" if len(text) > 1 else ""
    return f"{sign}{text[0]}{fraction}e{point - 1:+d}"


def media_type_of(path):
    _, _, ending = path.rpartition(".")
    return MEDIA_TYPES.get(ending.lower(), "application/octet-stream")


def digest_of(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def code_units(text):
    """Sorts as JavaScript does, by UTF-16 unit."""
    return text.encode("utf-16-be", "surrogatepass")
