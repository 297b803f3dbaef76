"""A client for MetaSync in one file, for Python 3.9 or later. It needs the standard library only.

    from metasync import MetaSync

    metasync = MetaSync("https://metasync.example.com", token, cache="schema-copy.json", bucket="s3://bucket/prefix")
    schema = metasync.schema()
    context = metasync.context("How many purchases per country?", token_budget=2000)
    metasync.log("sales", message="Where is my order?", thread_ts="t1", key="order-17")

A request is repeated if the service is busy (429, 502, 503, 504) or can't be reached, until `retry_for` seconds have
passed. `schema()` also works while the service is down: it then reads the bucket, or the last copy. One client can be
shared by threads.
"""

from __future__ import annotations

import email.utils
import http.client
import json
import logging
import os
import pathlib
import random
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from dataclasses import dataclass
from email.message import Message
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

Json = Dict[str, Any]
Content = Union[str, Json, List[Any]]

FORMATS = (1, 2)
DOCUMENT = "schema/metadata_cache.json"
BUSY = (429, 502, 503, 504)
FIRST_PAUSE = 0.25
#: Seconds for which `schema()` does not ask a service again that it could not reach.
FALLBACK_AGE = 5.0

logger = logging.getLogger("metasync")


class MetaSyncError(Exception):
    """The service refuses a request. `detail` says why and what to do."""

    def __init__(self, status: int, title: str, detail: str, request_id: str = "") -> None:
        super().__init__(f"{status} {title}: {detail}" if detail else f"{status} {title}")
        self.status = status
        self.title = title
        self.detail = detail
        self.request_id = request_id


class Unavailable(MetaSyncError):
    """The service is busy or can't be reached. The same request may succeed later. `status` is 0 without a response."""


@dataclass(frozen=True)
class Schema:
    """A schema document, as docs/schema/document.v1.schema.json describes it."""

    document: Json
    #: `fresh` or `stale` as the service reports it, `bucket` if the document was read from the bucket.
    source: str

    @property
    def version(self) -> str:
        return str(self.document["version"])

    @property
    def tables(self) -> List[Json]:
        return list(self.document["tables"])


class MetaSync:
    """A service and a token. `cache` is a file for the last copy of the schema. Use one file per token, because a copy
    has what that token may see. `bucket` is the BUCKET_URL of the deployment: `s3://`, `gs://` or `file://`. Scopes
    don't apply to a document from the bucket.
    """

    def __init__(
        self,
        url: str,
        token: Optional[str] = None,
        *,
        cache: Optional[str] = None,
        bucket: Optional[str] = None,
        timeout: float = 30.0,
        retry_for: float = 30.0,
    ) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not the URL of a service: write https://<host> or http://<host>:<port>")
        self._url = url.rstrip("/")
        self._token = token
        self._cache = pathlib.Path(cache) if cache else None
        self._bucket = bucket
        self._timeout = timeout
        self._retry_for = retry_for
        self._opener = urllib.request.build_opener(_NoRedirects)
        self._lock = threading.Lock()
        self._copy: Optional[Tuple[str, Json]] = None
        self._confirmed: Optional[Tuple[float, str]] = None
        self._fallen_back: Optional[Tuple[float, Schema]] = None

    # The schema

    def schema(self, max_age: float = 60.0) -> Schema:
        """The whole document in the token's scope. A copy that the service confirmed within `max_age` seconds is
        returned at once. If the service can't be reached, the document comes from the bucket, or else from the cache.
        That document is then returned for `FALLBACK_AGE` seconds, so that only one call in that time waits for the
        service.
        """
        with self._lock:
            if self._copy and self._confirmed:
                confirmed_at, source = self._confirmed
                if time.monotonic() - confirmed_at < max_age:
                    return Schema(self._copy[1], source)
            if self._fallen_back:
                fallen_back_at, schema = self._fallen_back
                if time.monotonic() - fallen_back_at < FALLBACK_AGE:
                    return schema
            try:
                schema = self._load()
                self._fallen_back = None
            except Unavailable as error:
                schema = self._fallback(error)
                self._fallen_back = (time.monotonic(), schema)
            return schema

    def table(self, name: str, format: str = "json") -> Union[Json, str]:
        """One table, by its full name or its end. `format` is `json`, or `ddl` or `text` for a text."""
        path = f"/v1/schema/tables/{urllib.parse.quote(name, safe='')}"
        _, _, body = self._send("GET", path, query={"format": format})
        return dict(json.loads(body)) if format == "json" else body.decode("utf-8")

    def context(self, question: str, *, token_budget: int = 4000, **fields: Any) -> Json:
        """The part of the schema that a question needs: `context`, `tables`, `examples`, `version`, `complete`.
        Other fields are `datasets` and `format`."""
        return self._post("/v1/schema/context", question=question, token_budget=token_budget, **fields)

    def prompt(self, question: str, *, token_budget: int = 8000, **fields: Any) -> Json:
        """A prompt for a model of your choice: `messages`, `version`, `tokens`. Other fields are `template`,
        `variables` (the values that the template declares) and `conversation` (`robeing_id`, `thread_ts`, `channel_id`).
        """
        return self._post("/v1/schema/prompt", question=question, token_budget=token_budget, **fields)

    def sql(self, question: str, **fields: Any) -> Json:
        """A verified query, by the model of the service. See `kind` before you use `sql`. Other fields are `max_bytes`,
        `token_budget`, `template`, `variables` and `conversation`, as for `prompt`."""
        return self._post("/v1/schema/sql", question=question, **fields)

    # Conversations

    def log(
        self,
        robeing_id: str,
        *,
        message: Optional[Content] = None,
        response: Optional[Content] = None,
        key: Optional[str] = None,
        **fields: Any,
    ) -> Json:
        """Stores a message, a response, or both, and returns `id` and `created_at`. A message with the same `key` is
        stored once. Without `key`, one is made for this call, so that its retries store nothing twice. Other fields
        are those of POST /v1/messages, such as `thread_ts`, `channel_id`, `user_id` and `metadata`."""
        body = {"robeing_id": robeing_id, "message": message, "response": response, **fields}
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        return self._json("POST", "/v1/messages", body=_without_none(body), headers=headers)

    def conversation(
        self,
        robeing_id: str,
        *,
        thread_ts: Optional[str] = None,
        channel_id: Optional[str] = None,
        q: Optional[str] = None,
        token_budget: Optional[int] = None,
    ) -> Json:
        """The last turns of a conversation and older messages that relate to it: `context`, `turns`, `tokens`."""
        query = {"thread_ts": thread_ts, "channel_id": channel_id, "q": q, "token_budget": token_budget}
        path = f"/v1/robeings/{urllib.parse.quote(robeing_id, safe='')}/context"
        return self._json("GET", path, query=_without_none(query))

    # The copy of the schema

    def _load(self) -> Schema:
        if self._copy is None:
            self._copy = self._read_copy()
        headers = {"If-None-Match": self._copy[0]} if self._copy else {}
        # There is something to fall back to, so there is no reason to wait long.
        has_other = bool(self._copy or self._bucket)
        status, received, body = self._send(
            "GET",
            "/v1/schema",
            headers=headers,
            retry_for=min(self._retry_for, 2.0) if has_other else None,
            timeout=min(self._timeout, 5.0) if has_other else None,
        )
        source = received.get("MetaSync-Cache", "fresh")
        if source == "builtin":
            # It has no tables: nothing was synced yet, or the service can't reach its store.
            raise Unavailable(0, "no schema", "nothing was synced yet, or the service can't reach its bucket")
        if status != 304:
            document = _checked(json.loads(body))
            self._copy = (received.get("ETag", ""), document)
            self._write_copy(self._copy)
        assert self._copy is not None
        self._confirmed = (time.monotonic(), source)
        return Schema(self._copy[1], source)

    def _fallback(self, cause: Unavailable) -> Schema:
        if self._bucket:
            try:
                return Schema(_checked(json.loads(_read_object(self._bucket, self._timeout))), "bucket")
            except Exception as error:  # boto3 and google-cloud-storage have errors of their own
                if not self._copy:
                    raise Unavailable(cause.status, cause.title, f"{cause.detail}; the bucket: {error}") from error
        if self._copy:
            return Schema(self._copy[1], "stale")
        raise cause

    def _read_copy(self) -> Optional[Tuple[str, Json]]:
        if not self._cache:
            return None
        try:
            copy = json.loads(self._cache.read_text("utf-8"))
            return str(copy["etag"]), _checked(copy["document"])
        except (OSError, ValueError, KeyError, TypeError):
            return None  # missing or damaged: the next response replaces it

    def _write_copy(self, copy: Tuple[str, Json]) -> None:
        if not self._cache:
            return
        try:
            self._replace_copy(self._cache, copy)
        except OSError as error:
            # The document is good: only the next process misses the copy.
            logger.warning("can't write the copy of the schema: %s; make the folder of `cache` writable", error)

    @staticmethod
    def _replace_copy(cache: pathlib.Path, copy: Tuple[str, Json]) -> None:
        cache.parent.mkdir(parents=True, exist_ok=True)
        # Only the owner can read the file, and a reader sees the old copy or the new one.
        handle, path = tempfile.mkstemp(dir=cache.parent, prefix=cache.name)
        try:
            with open(handle, "w", encoding="utf-8") as file:
                json.dump({"etag": copy[0], "document": copy[1]}, file)
            os.replace(path, cache)
        except BaseException:
            os.unlink(path)
            raise

    # Requests

    def _post(self, path: str, **body: Any) -> Json:
        return self._json("POST", path, body=_without_none(body))

    def _json(self, method: str, path: str, **request: Any) -> Json:
        _, _, body = self._send(method, path, **request)
        return dict(json.loads(body))

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Optional[Mapping[str, Any]] = None,
        body: Optional[Json] = None,
        headers: Optional[Mapping[str, str]] = None,
        retry_for: Optional[float] = None,
        timeout: Optional[float] = None,
    ) -> Tuple[int, Message, bytes]:
        url = self._url + path + (f"?{urllib.parse.urlencode(query)}" if query else "")
        all_headers = {"Accept": "application/json", **(headers or {})}
        if self._token:
            all_headers["Authorization"] = f"Bearer {self._token}"
        data = None
        if body is not None:
            data = json.dumps(body).encode("utf-8")
            all_headers["Content-Type"] = "application/json"
        deadline = time.monotonic() + (self._retry_for if retry_for is None else retry_for)
        pause = FIRST_PAUSE
        while True:
            error, after = None, None
            request = urllib.request.Request(url, data=data, headers=all_headers, method=method)
            try:
                with self._opener.open(request, timeout=timeout or self._timeout) as response:
                    return response.status, response.headers, response.read()
            except urllib.error.HTTPError as refusal:
                with refusal:
                    if refusal.code == 304:
                        return 304, refusal.headers, b""
                    error, after = _refused(refusal), _retry_after(refusal.headers.get("Retry-After"))
                if not isinstance(error, Unavailable):
                    raise error from None
            except (OSError, http.client.HTTPException) as failure:
                reason = getattr(failure, "reason", failure)
                error = Unavailable(0, "no response", f"can't reach {self._url}: {reason}")
            # With jitter, so that clients don't return together.
            wait = max(after or 0.0, random.uniform(pause / 2, pause))
            if time.monotonic() + wait > deadline:
                raise error
            time.sleep(wait)
            pause *= 2


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would send the token to another address."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _refused(refusal: urllib.error.HTTPError) -> MetaSyncError:
    try:
        problem = json.loads(refusal.read())
        fields = [str(problem.get(name) or "") for name in ("title", "detail", "request_id")]
    except (OSError, ValueError, AttributeError, http.client.HTTPException):
        fields = [str(refusal.reason), "", ""]
    kind = Unavailable if refusal.code in BUSY else MetaSyncError
    return kind(refusal.code, *fields)


def _retry_after(value: Optional[str]) -> Optional[float]:
    """Seconds until a request may be repeated: `Retry-After` is a number or a date."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _without_none(fields: Mapping[str, Any]) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


def _checked(document: Any) -> Json:
    if not isinstance(document, dict) or document.get("format") not in FORMATS:
        raise ValueError(f"the document has none of the formats {FORMATS}: update this client")
    return document


def _read_object(bucket: str, timeout: float) -> bytes:
    """The document in a bucket. S3 and Cloud Storage are read with boto3 and google-cloud-storage if these are
    installed, and otherwise over HTTPS without credentials, which public objects allow."""
    url = urllib.parse.urlsplit(bucket)
    key: str = "/".join(filter(None, [url.path.strip("/"), DOCUMENT]))
    if url.scheme == "file":
        path = pathlib.Path(urllib.request.url2pathname(url.path)) / DOCUMENT
        return path.read_bytes()
    if url.scheme == "s3":
        try:
            import boto3  # type: ignore
        except ImportError:
            return _read_url(_s3_url(url.netloc, key), timeout)
        return bytes(boto3.client("s3").get_object(Bucket=url.netloc, Key=key)["Body"].read())
    if url.scheme == "gs":
        try:
            from google.cloud import storage  # type: ignore
        except ImportError:
            host = os.environ.get("STORAGE_EMULATOR_HOST", "https://storage.googleapis.com")
            host = host if "://" in host else f"http://{host}"
            return _read_url(f"{host}/{url.netloc}/{urllib.parse.quote(key)}", timeout)
        return bytes(storage.Client().bucket(url.netloc).blob(key).download_as_bytes(timeout=timeout))
    raise ValueError(f"{bucket!r} is not a bucket: use s3://, gs:// or file://")


def _s3_url(bucket: str, key: str) -> str:
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        return f"{endpoint.rstrip('/')}/{bucket}/{urllib.parse.quote(key)}"
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    host = f"{bucket}.s3.{region}.amazonaws.com" if region else f"{bucket}.s3.amazonaws.com"
    return f"https://{host}/{urllib.parse.quote(key)}"


def _read_url(url: str, timeout: float) -> bytes:
    with urllib.request.urlopen(url, timeout=timeout) as response:
        return bytes(response.read())
