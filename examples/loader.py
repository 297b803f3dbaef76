"""Loads the warehouse schema from MetaSync, for a program that writes SQL. Standard library only.

    document, freshness = load("http://localhost:8080", token, "schema-copy.json")

`freshness` is "fresh", "stale" or "builtin", as the service reports it. If the service can't be reached,
you get the copy of an earlier call ("stale"), or an empty document ("builtin"). A token that is refused raises
an error. Use one file per token: the copy holds what that token may see.
"""

import http.client
import json
import os
import sys
import urllib.error
import urllib.request

EMPTY = {"format": 1, "version": "", "tables": [], "examples": []}


def load(base, token, path, timeout=2.0):
    try:
        with open(path, encoding="utf-8") as file:
            copy = json.load(file)
        etag, document = copy["etag"], copy["document"]
    except (OSError, ValueError, KeyError, TypeError):
        etag, document = "", None
    headers = {"Authorization": f"Bearer {token}", "If-None-Match": etag or '"none"'}
    request = urllib.request.Request(f"{base}/v1/schema", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            new, freshness = json.load(response), response.headers["MetaSync-Cache"]
            etag = response.headers["ETag"]
    except (OSError, ValueError, http.client.HTTPException) as error:
        status = getattr(error, "code", None)
        if status == 304 and document:
            return document, error.headers["MetaSync-Cache"]
        if status in (401, 403):
            raise
        return (document, "stale") if document else (EMPTY, "builtin")
    if freshness == "builtin":  # nothing was synced yet: an earlier copy has more
        return (document, "stale") if document else (new, freshness)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(f"{path}.{os.getpid()}", "w", encoding="utf-8") as file:
        json.dump({"etag": etag, "document": new}, file)
    os.replace(file.name, path)  # a reader sees the old copy or the new one
    return new, freshness


if __name__ == "__main__":
    schema, how_fresh = load(*sys.argv[1:4])
    print(how_fresh, schema["version"], *(table["name"] for table in schema["tables"]), sep="\n")
